"""``results.json`` of one member of an ensemble, in a run folder of its own."""

from pathlib import Path
from typing import Any, cast

from pytorch_lightning import LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.ensemble_assay import Ensemble, EnsembleAssay
from lr_lightning.callbacks.run.run_record import RunRecord
from lr_lightning.loggers.member_csv import MemberCSVLogger
from lr_lightning.training.member_statistics import scalars_of_member


class MemberRecord(RunRecord):
    """Writes the record of one member of an ensemble as if it was trained alone, and places its figures and arrays.

    Times are the member's share: those of the ensemble divided by its number of members. A member that diverged has no
    record, as a run that raised an error has none.

    Args:
        config: Resolved config of a run of this member alone, in plain values.
        step: Step of the checkpoint from which the run starts.
        folder: Run folder of the member.
        index: Index of the member in the ensemble.
        member: Name of the member.
    """

    def __init__(self, config: dict[str, Any], step: int, folder: Path, index: int, member: str) -> None:
        super().__init__(config, step)
        self.folder = folder
        self.index = index
        self.member = member
        self._num_members = 1

    @property
    @override
    def state_key(self) -> str:
        """Name of the state in checkpoints of the ensemble."""
        return f"{self.member}/{RunRecord.__qualname__}"

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        self._num_members = len(cast(Ensemble, pl_module).members)

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        member = cast(Ensemble, pl_module).members[self.index]
        for logger in trainer.loggers:
            if isinstance(logger, MemberCSVLogger):
                # as Lightning does for a single model, without an entry that the command line adds
                arguments = {key: value for key, value in member.hparams_initial.items() if key != "_class_path"}
                logger.log_hyperparams_of(self.member, arguments)

    @override
    def place(self, trainer: Trainer, key: str) -> tuple[Path, str] | None:
        prefix = f"{self.member}/"
        return (self.folder, key.removeprefix(prefix)) if key.startswith(prefix) else None

    @override
    def _finish(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.member not in cast(Ensemble, pl_module).diverged:
            super()._finish(trainer, pl_module)

    @override
    def _record(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> dict[str, Any]:
        return super()._record(trainer, cast(Ensemble, pl_module).members[self.index], stage)

    @override
    def _seconds(self) -> float:
        return self._seconds_before + (super()._seconds() - self._seconds_before) / self._num_members

    @override
    def _folder(self, trainer: Trainer) -> Path:
        return self.folder

    @override
    def _scalars(self, trainer: Trainer) -> dict[str, Tensor]:
        names = cast(Ensemble, trainer.lightning_module).names
        return scalars_of_member(trainer.callback_metrics, self.member, names)

    @override
    def _assays(self, trainer: Trainer) -> list[AssayCallback]:
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        return [callback.copies[self.index] for callback in callbacks if isinstance(callback, EnsembleAssay)]

    @override
    def _print(self, trainer: Trainer, pl_module: LightningModule, stage: str, record: dict[str, Any]) -> None:
        """Print nothing: the summaries of many models would be hard to read."""
