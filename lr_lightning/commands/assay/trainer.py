"""A Trainer that runs assays on a checkpoint without touching its run folder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from typing_extensions import override

from lr_lightning.callbacks import AssayCallback
from lr_lightning.callbacks.needs import Target, first_missing
from lr_lightning.commands.fit.callbacks import named_assays
from lr_lightning.commands.fit.training import RunCLI
from lr_lightning.commands.progress import terminal_progress
from lr_lightning.models import SeedEnsemble
from lr_lightning.training.member_statistics import seed_name

SETTINGS = (
    "--trainer.logger=false",
    "--trainer.callbacks=null",
    "--trainer.enable_checkpointing=false",
    "--trainer.enable_progress_bar=false",
    "--trainer.enable_model_summary=false",
    "--trainer.devices=1",
    "--trainer.num_nodes=1",
    "--trainer.strategy=auto",
    "--trainer.fast_dev_run=false",
    "--trainer.limit_val_batches=null",
    "--trainer.limit_test_batches=null",
)
"""Settings that replace those of the run: one device, no logs, the whole data set."""


class AssayStages(Callback):
    """Shows progress on standard error: how much of the data has been read, then the current assay and its progress.

    Attributes:
        current: Name of the current assay; ``None`` before the first and after the last.
        num_observations: Number of observations encoded so far.
    """

    def __init__(self) -> None:
        self.current: str | None = None
        self.num_observations = 0
        self._bar = terminal_progress()
        self._task = self._bar.add_task("data", total=None)
        self._part = self._bar.add_task("", total=None, visible=False)
        self._marks: list[_Mark] = []

    def mark(self, name: str) -> Callback:
        """Return a callback that announces the assay ``name``; place it before the assay in the Trainer's list."""
        self._marks.append(_Mark(self, name))
        return self._marks[-1]

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the bar within this context, or until the last assay has ended."""
        with self._bar:
            yield

    def within(self, done: int, total: int) -> None:
        """Show the progress of the current assay."""
        self._bar.update(self._part, description="this assay", completed=done, total=total, visible=True)

    def begin(self, mark: "_Mark") -> None:
        """Show that the assay after ``mark`` is starting."""
        number, total = self._marks.index(mark) + 1, len(self._marks)
        self.current = mark.name
        self._bar.update(self._task, description=mark.name, completed=number - 1, total=total)
        self._bar.update(self._part, visible=False)
        if self._bar.disable:
            self._bar.console.print(f"assay {number} of {total}: {mark.name}")

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._bar.update(self._task, total=_total(trainer.num_val_batches))

    @override
    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._bar.update(self._task, total=_total(trainer.num_test_batches))

    @override
    def on_validation_batch_end(self, *args: Any, **kwargs: Any) -> None:
        self._count(*args, **kwargs)

    @override
    def on_test_batch_end(self, *args: Any, **kwargs: Any) -> None:
        self._count(*args, **kwargs)

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.current = None

    @override
    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.current = None

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._bar.stop()

    @override
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._bar.stop()

    def _count(self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *others: Any, **more: Any) -> None:
        self.num_observations += len(outputs["codes"])
        self._bar.advance(self._task)


class _Mark(Callback):
    """Announces that the next callback starts."""

    def __init__(self, stages: AssayStages, name: str) -> None:
        self.stages = stages
        self.name = name

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.stages.begin(self)

    @override
    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.stages.begin(self)


def _total(num_batches: Any) -> float | None:
    """Return the number of batches of all loaders; ``None`` if it is unknown."""
    total = sum(num_batches)
    return None if total == float("inf") else total


class AssayCLI(RunCLI):
    """The command line of a validation or test that writes to its own folder.

    Attributes:
        folder: The folder it writes to.
        assays: The assays that run.
        skipped: The reason why each remaining assay does not run, by name.
        stages: Shows their progress.
    """

    def __init__(self, *args: Any, folder: Path, skipped: Mapping[str, str], **kwargs: Any) -> None:
        self.folder = folder
        self.assays: list[AssayCallback] = []
        self.skipped = dict(skipped)
        self.stages = AssayStages()
        super().__init__(*args, **kwargs)

    @override
    def _folder_and_checkpoint(self) -> tuple[Path, Path | None]:
        return self.folder, Path(self.config[self.subcommand].ckpt_path)

    @override
    def _ensemble(self, seeds: list[int]) -> SeedEnsemble:
        checkpoint = Path(self._get(self.config, "ckpt_path"))
        paths = ", ".join(str(checkpoint.with_name(f"{seed_name(seed)}.ckpt")) for seed in seeds)
        raise ValueError(f"{checkpoint} contains {len(seeds)} seeds, but a report covers one; use one of {paths}")

    @override
    def _assay_callbacks(self) -> list[Callback]:
        """Return the assays whose needs are met, each preceded by a mark that announces it.

        Raises:
            ValueError: If no assay remains.
        """
        self.model.assays = []  # otherwise they would run too
        dataset = getattr(self.datamodule, "dataset", None)
        target = Target(self.model.network.observation_shape, self.model.latent_dim, dataset)
        callbacks: list[Callback] = []
        for assay in named_assays(self._get(self.config_init, "assays")):
            missing = first_missing(assay.needs, target)
            if missing is not None:
                self.skipped[assay.name] = missing
                continue
            assay.progress = self.stages.within
            assay.strict = True  # a report must contain every requested assay
            self.assays.append(assay)
            callbacks += [self.stages.mark(assay.name), assay]
        if not self.assays:
            reasons = "; ".join(f"{name} was skipped: {reason}" for name, reason in self.skipped.items())
            raise ValueError(f"there are no assays to run: {reasons or 'all have been removed'}")
        return [*callbacks, self.stages]
