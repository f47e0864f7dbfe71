"""``results.json`` and the summary at the end of a run."""

import json
import math
import time
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import WandbLogger
from torch import Tensor
from typing_extensions import override

from lr_lightning.callbacks.assay import AssayCallback, assays_of
from lr_lightning.callbacks.cautions import cautions_of
from lr_lightning.callbacks.ensemble_assay import Ensemble
from lr_lightning.callbacks.run.adaptive_threads import threads_of
from lr_lightning.callbacks.run.evaluated_part import evaluated_part
from lr_lightning.callbacks.run.provenance import data_record, git_commit, versions
from lr_lightning.callbacks.run.summary import print_summary
from lr_lightning.callbacks.trainer_state import dataset_of
from lr_lightning.common.files import write_atomically
from lr_lightning.common.renamed_keys import with_current_names
from lr_lightning.loggers.media import RunFolderOwner
from lr_lightning.training.logging_step import set_logging_step
from lr_lightning.training.member_statistics import member_label

RESULTS = "results.json"


class RunRecord(RunFolderOwner, Callback):
    """Writes ``results.json`` at the end of training and of each evaluation, and prints a summary.

    The file has one entry per command that has run (``fit``, ``validate``, ``test``), the latest one last. An entry
    contains every scalar (``null`` if undefined) and its step; ``threads``, the number of threads from each step at
    which it changed; the resolved config, seed, versions, data set and git commit; the numbers of evaluated and
    available observations; ``cautions``, reasons to distrust scores; and ``failed_assays``: how often each assay was
    skipped, and why it was skipped the last time it was due (``null`` if it ran).

    Args:
        config: Resolved config of the run, in plain values.
        step: Step of the checkpoint from which the run starts.
    """

    def __init__(self, config: dict[str, Any] | None = None, step: int = 0) -> None:
        self.config = config or {}
        self.step = step
        self._start = 0.0
        self._seconds_before = 0.0

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._start = time.perf_counter()

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._log_config(trainer, self.config)

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._restart_clock(trainer)

    @override
    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._restart_clock(trainer)

    @override
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the record of training, also when resuming a finished run that was killed before writing it."""
        if trainer.global_step > self.step or (trainer.global_step > 0 and not self._is_recorded(trainer)):
            trainer.fit_loop.epoch_loop.val_loop.setup_data()  # if all validations ran before a resume
            self._finish(trainer, pl_module)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == "validate":
            self._finish(trainer, pl_module)

    @override
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._finish(trainer, pl_module)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self._seconds()}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._seconds_before = state_dict["seconds"]

    def _restart_clock(self, trainer: Trainer) -> None:
        """In a separate evaluation, use the step of the checkpoint but not its training time."""
        if trainer.state.fn != "fit":
            # the config of training, because this part of the W&B run may be the one that is uploaded
            recorded = self._record_of_training(trainer).get("config", self.config)
            self._log_config(trainer, with_current_names(recorded))
            set_logging_step(trainer, self.step)
            self._start, self._seconds_before = time.perf_counter(), 0.0

    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._start

    def _log_config(self, trainer: Trainer, config: dict[str, Any]) -> None:
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger) and trainer.is_global_zero:
                logger.log_hyperparams({"config": config})  # the model's arguments are logged already

    def _is_recorded(self, trainer: Trainer) -> bool:
        return bool(self._record_of_training(trainer).get("step") == trainer.global_step)

    def _record_of_training(self, trainer: Trainer) -> dict[str, Any]:
        path = self._folder(trainer) / RESULTS
        recorded: dict[str, Any] = json.loads(path.read_text()).get("fit", {}) if path.is_file() else {}
        return recorded

    def _folder(self, trainer: Trainer) -> Path:
        return Path(trainer.default_root_dir)

    def _scalars(self, trainer: Trainer) -> dict[str, Tensor]:
        return trainer.callback_metrics

    def _assays(self, trainer: Trainer) -> list[AssayCallback]:
        return assays_of(trainer)

    def _finish(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.is_global_zero or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        stage = str(trainer.state.fn.value) if trainer.state.fn else "fit"
        record = self._record(trainer, pl_module, stage)
        scalars = {key: _json_number(value) for key, value in record["scalars"].items()}
        origin = {
            "config": self.config,
            "seed": self.config.get("seed_everything"),
            "versions": versions(),
            "data": data_record(dataset_of(trainer)),
            "git_commit": git_commit(),
        }
        path = self._folder(trainer) / RESULTS
        results = json.loads(path.read_text()) if path.is_file() else {}
        results.pop(stage, None)  # so that the entries are in the order in which the commands ran
        results[stage] = record | {"scalars": scalars} | origin
        text = json.dumps(results, indent=2, allow_nan=False)
        write_atomically(path, lambda file: file.write(text.encode()))
        self._print(trainer, pl_module, stage, record)

    def _record(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> dict[str, Any]:
        """Return the results and circumstances of this start, without its origin."""
        assays, step = self._assays(trainer), trainer.global_step if stage == "fit" else self.step
        # the Trainer of an evaluation is at step 0
        threads = threads_of(trainer) if stage == "fit" else [each | {"step": step} for each in threads_of(trainer)]
        record = {
            "scalars": {key: value.item() for key, value in sorted(self._scalars(trainer).items())},
            "step": step,
            "seconds": self._seconds(),
            "threads": threads,
            "assay_seconds": sum(assay.total_seconds for assay in assays),
            "cautions": [*_early_ends(pl_module), *cautions_of(assays)],
            "failed_assays": {
                assay.name: {"times": assay.num_failures, "last": assay.failure}
                for assay in assays
                if assay.num_failures
            },
        }
        part = evaluated_part(trainer, stage)
        return record | ({"num_evaluated": None, "num_available": None} if part is None else part._asdict())

    def _print(self, trainer: Trainer, pl_module: LightningModule, stage: str, record: dict[str, Any]) -> None:
        print_summary(trainer, pl_module, stage, record)


def _early_ends(module: LightningModule) -> list[str]:
    """Return the members of an ensemble that diverged, and when."""
    diverged = module.diverged if isinstance(module, Ensemble) else {}
    labels = {member_label(name): why for name, why in diverged.items()}
    return [f"{label.capitalize()} ended early, and means are over the others: {why}." for label, why in labels.items()]


def _json_number(value: float) -> float | None:
    """Return ``value``, or ``None`` for numbers that JSON cannot represent."""
    return value if math.isfinite(value) else None
