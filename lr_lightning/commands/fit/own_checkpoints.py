"""Checkpoint callbacks that the user has added to those of a run."""

from collections.abc import Sequence
from pathlib import Path

from pytorch_lightning import Callback
from pytorch_lightning.callbacks import ModelCheckpoint

_OWN_NAMES = ("best", "last")


def place_checkpoints(callbacks: Sequence[Callback], folder: Path) -> None:
    """Let the checkpoint callbacks among ``callbacks`` write to ``folder``, unless they name another.

    Args:
        callbacks: The user's.
        folder: The run's folder of checkpoints.

    Raises:
        ValueError: If two are alike, or one would write a file that the run itself writes.
    """
    checkpoints = [callback for callback in callbacks if isinstance(callback, ModelCheckpoint)]
    if len({callback.state_key for callback in checkpoints}) < len(checkpoints):
        raise ValueError(
            "trainer.callbacks holds two ModelCheckpoints that save at the same moments and monitor the same; a run "
            "saves its last and best checkpoint without any (--checkpoint.monitor and --checkpoint.mode say which is "
            "best), so leave one out, or let it save at other moments"
        )
    for callback in checkpoints:
        if callback.dirpath is None:
            callback.dirpath = str(folder.absolute())
        name = callback.CHECKPOINT_NAME_LAST if callback.save_last else callback.filename
        if name in _OWN_NAMES and Path(callback.dirpath).absolute() == folder.absolute():
            what = "save_last" if callback.save_last else f"filename {name!r}"
            raise ValueError(
                f"a ModelCheckpoint of trainer.callbacks with {what} would write {name}.ckpt, which the run writes "
                f"itself (--checkpoint.monitor and --checkpoint.mode say which is best); leave {what} out, or give it "
                "a dirpath of its own"
            )
