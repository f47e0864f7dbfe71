"""Writes ``metrics.csv`` of each member of an ensemble, in a run folder of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor
from typing_extensions import override

from lr_lightning.loggers.run_csv import RunCSVLogger
from lr_lightning.training.member_statistics import scalars_of_member


class MemberCSVLogger(Logger):
    """Splits what an ensemble logs into the ``metrics.csv`` that each member would write alone.

    Args:
        folders: Run folder of each member, by its name.
        resume_step: Keep rows up to this step, as in :class:`RunCSVLogger`.
    """

    def __init__(self, folders: Mapping[str, Path], resume_step: int | None = None) -> None:
        super().__init__()
        self._loggers = {name: RunCSVLogger(folder, resume_step) for name, folder in folders.items()}

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
    def log_hyperparams_of(self, member: str, params: Any) -> None:
        """Write the hyperparameters of one member to its ``hparams.yaml``."""
        self._loggers[member].log_hyperparams(params)

    @override
    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Tensor | float], step: int | None = None) -> None:
        """Log a row for each member that has own values in ``metrics``."""
        names = list(self._loggers)
        for name, logger in self._loggers.items():
            if any(key.startswith(f"{name}/") for key in metrics):
                logger.log_metrics(scalars_of_member(metrics, name, names), step)

    @override
    @rank_zero_only
    def save(self) -> None:
        """Write what is left in memory."""
        for logger in self._loggers.values():
            logger.save()

    @override
    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Flush the rows of the member whose checkpoint was saved to disk."""
        member = getattr(checkpoint_callback, "member", None)
        if member in self._loggers:
            self._loggers[member].after_save_checkpoint(checkpoint_callback)
