"""One trial of a search: a run that reports its validations to Ray Tune."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from pytorch_lightning import Callback, LightningModule, Trainer
from typing_extensions import override

from lr_lightning.commands.config.option_words import option_words, typed_words
from lr_lightning.commands.fit.training import prepare
from lr_lightning.runs.command_lines import QUIET, Training
from lr_lightning.runs.isolation import isolated
from lr_lightning.runs.training import config_words
from lr_lightning.study.manifest import Value
from lr_lightning.study.search.definition import SearchDefinition

Report = Callable[[dict[str, float]], object]
"""Called after each validation with the monitored scalar, the step and the percentage of training that is done."""


@dataclass(frozen=True)
class TrialSetup:
    """What all trials of a search share; it can be pickled, and its paths are absolute.

    Attributes:
        definition: The search.
        folder: Folder of the trials' run folders.
        threads: Threads of PyTorch.
    """

    definition: SearchDefinition
    folder: Path
    threads: int


def trial_words(definition: SearchDefinition, parameters: Mapping[str, Value]) -> list[str]:
    """Return the words of the command line after ``lr-lightning fit`` that repeat a trial, without its folder."""
    return [*config_words(definition.config), *option_words(_trial_values(definition, parameters))]


def repeat_command(definition: SearchDefinition, parameters: Mapping[str, Value]) -> str:
    """Return the command for a shell that repeats a trial, in a folder of its own."""
    config = ["--config", definition.config]
    return shlex.join(["lr-lightning", "fit", *config, *typed_words(_trial_values(definition, parameters))])


def _trial_values(definition: SearchDefinition, parameters: Mapping[str, Value]) -> dict[str, Value]:
    monitored = {"checkpoint.monitor": definition.monitor, "checkpoint.mode": definition.mode}
    return {**definition.values, **parameters, "seed_everything": definition.seed, **monitored}


def run_trial(parameters: Mapping[str, Value], setup: TrialSetup) -> None:
    """Train a trial in a worker of Ray Tune, from its last checkpoint if there is one.

    Raises:
        Exception: Whatever ends the training.
    """
    from ray import tune

    folder = setup.folder / tune.get_context().get_trial_id()
    train_trial(parameters, setup, folder, tune.report)


def train_trial(parameters: Mapping[str, Value], setup: TrialSetup, folder: Path, report: Report) -> None:
    """Train a trial in ``folder``, and report each validation."""
    torch.set_num_threads(setup.threads)
    words = ["fit", *trial_words(setup.definition, parameters), f"--trainer.default_root_dir={folder}"]
    words += ["--wandb.mode=disabled", *QUIET]
    reporting = ValidationReport(setup.definition.monitor, report)
    with isolated(quiet=True):
        prepare(words, partial(_TrialTraining, existing="resume", reporting=reporting)).train()
    reporting.send()  # the last validation, when the run is complete: a scheduler may end the process here


class _TrialTraining(Training):
    """``lr-lightning fit`` with one more callback, which does not stand in the config of the run."""

    def __init__(self, *args: Any, reporting: Callback, **kwargs: Any) -> None:
        self.reporting = reporting
        super().__init__(*args, **kwargs)

    @override
    def _callbacks(self, trainer: Namespace) -> list[Callback]:
        return [*super()._callbacks(trainer), self.reporting]


class ValidationReport(Callback):
    """Reports a scalar after each validation that logs it, when training goes on after the checkpoint was saved.

    So a trial that is stopped for its report can be continued from there. The last validation is reported by
    :meth:`send`. Values that are not finite are not reported.

    Args:
        monitor: Key of the scalar.
        report: Receives ``{monitor, "step", "percent"}``.
    """

    def __init__(self, monitor: str, report: Report) -> None:
        self.monitor = monitor
        self.report = report
        self._due: dict[str, float] = {}

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        value = trainer.callback_metrics.get(self.monitor)
        if not trainer.sanity_checking and value is not None and value.isfinite():
            step = trainer.global_step
            self._due = {self.monitor: value.item(), "step": step, "percent": 100.0 * share_done(trainer)}

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.send()

    def send(self) -> None:
        """Report the last validation unless that is done."""
        due, self._due = self._due, {}
        if due:
            self.report(due)


def share_done(trainer: Trainer) -> float:
    """Return the share of training that is done at a validation, by ``max_steps`` and ``max_epochs``; 0 if endless."""
    steps = trainer.global_step / trainer.max_steps if trainer.max_steps > 0 else 0.0
    epochs = trainer.max_epochs or -1
    batches = trainer.fit_loop.epoch_loop.batch_progress.current.ready / max(trainer.num_training_batches, 1)
    return min(max(steps, (trainer.current_epoch + batches) / epochs if epochs > 0 else 0.0), 1.0)
