"""Writes ``metrics.csv`` of each seed of an ensemble, in a run folder of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor
from typing_extensions import override

from lr_lightning.loggers.run_csv import RunCSVLogger
from lr_lightning.training.seed_statistics import scalars_of_seed, seed_name


class MemberCSVLogger(Logger):
    """Splits what an ensemble logs into the ``metrics.csv`` that each seed would write alone.

    Args:
        folders: Run folder of each seed.
        resume_step: Keep rows up to this step, as in :class:`RunCSVLogger`.
    """

    def __init__(self, folders: Mapping[int, Path], resume_step: int | None = None) -> None:
        super().__init__()
        self._loggers = {seed: RunCSVLogger(folder, resume_step) for seed, folder in folders.items()}

    @property
    @override
    def name(self) -> str:
        """Name for Lightning."""
        return ""

    @property
    @override
    def version(self) -> str:
        """Version for Lightning."""
        return ""

    @override
    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the ensemble has none."""

    @rank_zero_only
    def log_hyperparams_of(self, seed: int, params: Any) -> None:
        """Write the hyperparameters of one seed's model to its ``hparams.yaml``."""
        self._loggers[seed].log_hyperparams(params)

    @override
    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Tensor | float], step: int | None = None) -> None:
        """Log a row for each seed that has own values in ``metrics``."""
        for seed, logger in self._loggers.items():
            if any(key.startswith(f"{seed_name(seed)}/") for key in metrics):
                logger.log_metrics(scalars_of_seed(metrics, seed), step)

    @override
    @rank_zero_only
    def save(self) -> None:
        """Write what is left in memory."""
        for logger in self._loggers.values():
            logger.save()

    @override
    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Flush the rows of the seed whose checkpoint was saved to disk."""
        seed = getattr(checkpoint_callback, "seed", None)
        if seed in self._loggers:
            self._loggers[seed].after_save_checkpoint(checkpoint_callback)
