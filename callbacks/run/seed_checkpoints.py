"""Saves a checkpoint of each member of an ensemble."""

from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from typing_extensions import override

from lr_lightning.common.files import write_atomically


class SeedCheckpoints(Callback):
    """Writes a checkpoint such as ``seed_3.ckpt`` for each member of an ensemble when training ends.

    Each is a single-model checkpoint with the final weights, like that of a separate run but without optimizer states:
    it can be evaluated, but not trained further. Members that have diverged get none.

    Args:
        folder: Folder of the checkpoints.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.fast_dev_run or not trainer.is_global_zero:  # type: ignore[attr-defined]
            return
        ensemble = cast(Any, pl_module)
        for index in ensemble.active:
            write = partial(torch.save, ensemble.member_checkpoint(index))
            write_atomically(self.folder / f"{ensemble.names[index]}.ckpt", write)
