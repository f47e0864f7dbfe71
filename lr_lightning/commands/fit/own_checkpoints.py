"""Checkpoint callbacks in ``trainer.callbacks``, besides those of the run."""

from collections.abc import Sequence
from pathlib import Path

from pytorch_lightning import Callback
from pytorch_lightning.callbacks import ModelCheckpoint

_OWN_NAMES = ("best", "last")


def place_checkpoints(callbacks: Sequence[Callback], folder: Path) -> None:
    """Make the checkpoint callbacks among ``callbacks`` write to ``folder``, unless they have a ``dirpath``.

    Args:
        callbacks: The callbacks of the config.
        folder: The run's checkpoint folder.

    Raises:
        ValueError: If two callbacks are equivalent, or one would overwrite a file of the run.
    """
    checkpoints = [callback for callback in callbacks if isinstance(callback, ModelCheckpoint)]
    if len({callback.state_key for callback in checkpoints}) < len(checkpoints):
        raise ValueError(
            "trainer.callbacks has two ModelCheckpoints with the same trigger and the same monitor; remove one, or "
            "change its trigger (a run saves its last and best checkpoint without any, see --checkpoint.monitor and "
            "--checkpoint.mode)"
        )
    for callback in checkpoints:
        if callback.dirpath is None:
            callback.dirpath = str(folder.absolute())
        name = callback.CHECKPOINT_NAME_LAST if callback.save_last else callback.filename
        if name in _OWN_NAMES and Path(callback.dirpath).absolute() == folder.absolute():
            what = "save_last" if callback.save_last else f"filename {name!r}"
            raise ValueError(
                f"a ModelCheckpoint in trainer.callbacks with {what} would overwrite the run's own {name}.ckpt (see "
                f"--checkpoint.monitor and --checkpoint.mode); remove {what}, or give it a different dirpath"
            )
