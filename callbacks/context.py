"""The input of an assay callback."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import Tensor

from lr_lightning.assays import Autoencoder
from lr_lightning.callbacks.code_table import CodeTable
from lr_lightning.callbacks.sharding import ShardedAutoencoder


@dataclass
class AssayContext:
    """The model, data and random generator for an assay; the same on every process.

    Attributes:
        autoencoder: The model.
        table: Codes of the whole validation or test set.
        observations: The first ``n`` observations of that set ``(n, ...)``, on the model's device.
        dataset: The data set with its factors; ``None`` if the Trainer's data module has none.
        trainer: The Trainer, for sharing work between processes.
        generator: Source of all random choices, on the CPU, in the same state on every process.
        progress: Called during long computations with the amount done and the total.
    """

    autoencoder: Autoencoder
    table: CodeTable
    observations: Tensor
    dataset: Any
    trainer: Trainer
    generator: torch.Generator
    progress: Callable[[int, int], None] | None = None

    def sharded_model(self) -> Autoencoder:
        """Return a model that splits decode-encode round trips between processes."""
        if self.trainer.world_size == 1:
            return self.autoencoder
        return ShardedAutoencoder(self.autoencoder, self.trainer.strategy)

    def draw_rows(self, num_rows: int) -> Tensor:
        """Draw rows of the table without replacement; return indices ``(min(num_rows, N),)`` in random order."""
        return torch.randperm(len(self.table.codes), generator=self.generator)[:num_rows]

    def draw_codes(self, num_codes: int) -> Tensor:
        """Draw codes from the table without replacement; return ``(min(num_codes, N), D)`` in random order."""
        return self.table.codes[self.draw_rows(num_codes)]
