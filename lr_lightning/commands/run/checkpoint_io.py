"""Atomic writes of checkpoints."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.__version__ import version
from pytorch_lightning.plugins import TorchCheckpointIO
from typing_extensions import override

from lr_lightning.commands.run.checkpoints import read_checkpoint
from lr_lightning.commands.run.weights_file import is_weights_file
from lr_lightning.common.files import write_atomically


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes each checkpoint to a temporary file in the same folder, flushes it to disk and renames it.

    Lightning writes to the system's temporary folder. If this is on another file system, the checkpoint is then copied
    over the old one, which is lost if the copy is interrupted.
    """

    @override
    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``, a local path or an fsspec URL.

        Raises:
            OSError: If it cannot be written; an earlier checkpoint at ``path`` is kept.
        """
        if storage_options is not None or "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        try:
            write_atomically(Path(path), partial(torch.save, checkpoint))
        except (OSError, RuntimeError) as error:
            reason = error if isinstance(error, OSError) else error.__context__  # torch wraps it in a RuntimeError
            if not isinstance(reason, OSError):
                raise
            raise OSError(f"cannot write the checkpoint {path} ({reason.strerror})") from error

    @override
    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the checkpoint, or the weights of an exported model, at ``path``.

        Without a Trainer version, the current one is assumed.
        """
        if is_weights_file(Path(path)):
            checkpoint = read_checkpoint(Path(path))
        else:
            checkpoint = super().load_checkpoint(path, *args, **kwargs)
        checkpoint.setdefault("pytorch-lightning_version", version)
        return checkpoint
