"""How checkpoints reach the disk."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.__version__ import version
from pytorch_lightning.plugins import TorchCheckpointIO
from typing_extensions import override

from lr_lightning.common.files import write_atomically


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes each checkpoint beside its target and renames it when it is complete and on the disk.

    Lightning's own goes through the system's temporary folder: where that lies on another file system, the checkpoint
    is copied from there onto the old one, which is lost if the copy does not end.
    """

    @override
    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``, a file or an address that fsspec knows.

        Raises:
            OSError: If it cannot be written; what was there before is still there.
        """
        if storage_options is not None or "://" in str(path):
            super().save_checkpoint(checkpoint, path, storage_options)
            return
        try:
            write_atomically(Path(path), partial(torch.save, checkpoint))
        except (OSError, RuntimeError) as error:
            reason = error if isinstance(error, OSError) else error.__context__  # torch replaces it by one of its own
            if not isinstance(reason, OSError):
                raise
            raise OSError(f"cannot write the checkpoint {path} ({reason.strerror})") from error

    @override
    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the checkpoint at ``path``; one without the Trainer's version counts as one of the present version."""
        checkpoint: dict[str, Any] = super().load_checkpoint(path, *args, **kwargs)
        checkpoint.setdefault("pytorch-lightning_version", version)
        return checkpoint
