"""The base of all assay callbacks: schedules assays, provides their input, and logs and saves their results."""

import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, ClassVar

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.seed import isolate_rng
from typing_extensions import override

from lr_lightning.assays import Autoencoder
from lr_lightning.callbacks.assay_failure import AssayFailure, ends_the_run
from lr_lightning.callbacks.code_table import CodeTableCollector
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.needs import Need
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.run.adaptive_threads import adapt_threads
from lr_lightning.callbacks.sentences import labeled_rows
from lr_lightning.callbacks.sharding import gather_objects
from lr_lightning.callbacks.trainer_state import dataset_of, is_last_validation
from lr_lightning.common.checks import check_at_least
from lr_lightning.loggers.media import save_arrays, save_figure, save_page, save_table


class AssayCallback(Callback, ABC):
    """Base of assay callbacks, which run in validation and testing on the codes of the same pass.

    A subclass sets ``name`` and implements :meth:`run`. The other class attributes and :meth:`interpretations` are
    optional and describe the assay in reports and summaries.

    An assay runs at the first validation, at every ``every_n_validations``-th after it, at the last one and in every
    test, but not in the sanity check. The last validation is the one at which training reaches ``max_epochs`` or
    ``max_steps``; if a run ends for another reason (early stopping, a time limit), the scalars of the last scheduled
    validation remain. In validations where it does not run, the assay logs its last scalars again, so that checkpoints
    and early stopping can monitor them.

    A failing assay does not end training: it is skipped with one warning and runs again when it is next due, and
    ``results.json`` and the summary give the reason. Its scalars keep their last values. Outside training, only
    failures caused by the data are skipped, such as too few samples or codes that are not finite; a bug in the assay
    raises. If an assay fails on any process, it is skipped on all of them.

    Random choices come from the assay's own generator, so training is bitwise the same with and without it. Scalars are
    logged as ``assay/<name>/<quantity>``, and the run time of the assay as ``assay/<name>/seconds``.

    Attributes:
        name: Middle part of the logged keys. Two assays of the same class need different names.
        summary: One-line description of what the assay measures, for lists and reports.
        needs: Requirements on the model and the data; see ``lr_lightning.callbacks.needs``.
        size_argument: Name of the argument for the number of codes to measure; ``None`` if there is none.
        report_options: Arguments for ``lr-lightning assay`` that differ from the defaults, which suit validations.
        by_default: Whether ``lr-lightning assay`` runs it where assays are not chosen by their names.
        captions: Captions of its figures by key; ``*`` in a key is a wildcard.
        headlines: Labels of the scalars that the summary at the end of a run shows.
        quantities: Names of its scalars, with ``*`` for parts that depend on the model or the data; ``None`` if they
            are not known before it runs.
        num_observations: Number of observations that the assay needs.
        group: Prefix of the names of figures, tables and files, such as ``"seed_3/"`` for one of several models.
        progress: Called during long computations with the amount done and the total.
        result: Result of the last run; ``None`` before, and if it failed.
        cautions: Reasons, from the last run, why its scalars may not be trustworthy; full sentences.
        failure: Why it was skipped the last time it was due; ``None`` if it ran.
        num_failures: Number of times it was skipped.
        num_validations: Number of validations so far.
        total_seconds: Total run time so far.
        strict: Whether to raise all failures.

    Args:
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the random choices, the same in each validation so that results are comparable.

    Raises:
        ValueError: If ``every_n_validations`` is negative; at the start of a run, if two assays share a name.
        TypeError: At the start of a run, if the module has no ``encode``, ``decode`` and ``latent_dim``.
    """

    name: str
    summary: ClassVar[str] = ""
    needs: Sequence[Need] = ()
    size_argument: ClassVar[str | None] = None
    report_options: ClassVar[Mapping[str, Any]] = {}
    by_default: ClassVar[bool] = True
    captions: Mapping[str, str] = {}
    headlines: Mapping[str, str] = {}
    quantities: Sequence[str] | None = None
    num_observations: int = 0
    group: str = ""
    progress: Callable[[int, int], None] | None = None
    strict: bool = False

    def __init__(self, every_n_validations: int = 1, seed: int = 0) -> None:
        check_at_least("every_n_validations", every_n_validations, 0)
        self.every_n_validations = every_n_validations
        self.seed = seed
        self.result: AssayResult | None = None
        self.cautions: tuple[str, ...] = ()
        self.failure: str | None = None
        self.num_failures = 0
        self.num_validations = 0
        self.total_seconds = 0.0
        self._last_scalars: dict[str, float] = {}

    @abstractmethod
    def run(self, context: AssayContext) -> AssayResult:
        """Return the result of the assay; called on every process with the same ``context``."""

    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterable[str]:
        """Return sentences that interpret the scalars, the most important first.

        Args:
            scalars: Scalars of :meth:`run`, NaN where undefined.
            latent_dim: Number of latents of the model.
        """
        return ()

    def summary_rows(self, scalars: Mapping[str, float]) -> Iterable[tuple[str, str]]:
        """Return labels and texts for the summary at the end of a run; by default those of ``headlines``.

        Args:
            scalars: Logged scalars of the assay, without its prefix.
        """
        return labeled_rows(self.headlines, scalars)

    def summary_table(self) -> Any:
        """Return a ``rich`` table to print above the summary, or ``None``."""
        return None

    def caption(self, figure: str) -> str:
        """Return the caption of the figure with this key; without one in ``captions``, the key in words."""
        found = (caption for pattern, caption in self.captions.items() if fnmatchcase(figure, pattern))
        return next(found, figure.replace("_", " "))

    @property
    def prefix(self) -> str:
        """Prefix of the keys of scalars, figures and tables."""
        return f"assay/{self.name}"

    @property
    @override
    def state_key(self) -> str:
        """Name of the state in checkpoints; different for two assays of the same class."""
        return f"{type(self).__qualname__}:{self.name}"

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        names = [assay.name for assay in assays_of(trainer)]
        if names.count(self.name) > 1:
            raise ValueError(f"{names.count(self.name)} assays are named {self.name!r}; give each its own name")
        if not isinstance(pl_module, Autoencoder):
            raise TypeError(
                f"{type(self).__name__} needs a module with encode, decode and latent_dim, "
                f"got {type(pl_module).__name__}"
            )

    @override
    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin(trainer)

    @override
    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin(trainer)

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            pl_module.log_dict(self.validated(trainer, pl_module), sync_dist=True)

    @override
    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.log_dict(self.run_unless_it_fails(trainer, pl_module), sync_dist=True)

    def validated(self, trainer: Trainer, pl_module: LightningModule, member: int = 0) -> dict[str, float]:
        """Count a validation, at which the assay runs if it is due, and return its last scalars.

        Args:
            trainer: The Trainer after the pass over the validation set.
            pl_module: The model.
            member: Index of the model in an ensemble.
        """
        if self.is_due(trainer):
            self._last_scalars = self._last_scalars | self.run_unless_it_fails(trainer, pl_module, member)
        self.num_validations += 1
        return self._last_scalars

    def is_due(self, trainer: Trainer) -> bool:
        """Return whether the assay runs at this validation."""
        return self.falls_due(trainer, self.every_n_validations)

    def falls_due(self, trainer: Trainer, period: int) -> bool:
        """Return whether this validation is the first, any ``period``-th after it, or the last; only the last if 0."""
        return is_last_validation(trainer) or (period > 0 and self.num_validations % period == 0)

    def run_and_save(self, trainer: Trainer, pl_module: LightningModule, member: int = 0) -> dict[str, float]:
        """Run the assay on one model, and save its figures, tables and arrays.

        Args:
            trainer: The Trainer after a pass over the data.
            pl_module: The model.
            member: Index of the model in an ensemble.

        Returns:
            The scalars by full key.
        """
        start = time.perf_counter()
        collector = collector_of(trainer)
        with isolate_rng():
            context = AssayContext(
                autoencoder=pl_module,  # type: ignore[arg-type]
                table=collector.table(trainer, member),
                observations=collector.observations(trainer, self.num_observations),
                dataset=dataset_of(trainer),
                trainer=trainer,
                generator=torch.Generator().manual_seed(self.seed),
                progress=self.progress,
            )
            self.result = self.run(context)
            if trainer.is_global_zero:
                self._save(trainer, self.result)
            self.cautions = tuple(self.result.warnings)
        seconds = time.perf_counter() - start
        self.total_seconds += seconds
        scalars = {f"{self.prefix}/{key}": float(value) for key, value in self.result.scalars.items()}
        return scalars | {f"assay/{self.name}/seconds": seconds}

    @override
    def state_dict(self) -> dict[str, Any]:
        return {
            "validations": self.num_validations,
            "last_scalars": self._last_scalars,
            "total_seconds": self.total_seconds,
            "cautions": list(self.cautions),
            "failure": self.failure,
            "num_failures": self.num_failures,
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.num_validations = state_dict["validations"]
        self._last_scalars = state_dict["last_scalars"]
        self.total_seconds = state_dict["total_seconds"]
        self.cautions = tuple(state_dict.get("cautions", ()))  # missing in checkpoints of earlier versions
        self.failure = state_dict.get("failure")
        self.num_failures = state_dict.get("num_failures", 0)

    def _begin(self, trainer: Trainer) -> None:
        if trainer.state.fn != "fit":
            # The checkpoint restored the scalars from training
            self.total_seconds, self.cautions, self.failure, self.num_failures = 0.0, (), None, 0
        collector = collector_of(trainer)
        collector.num_observations = max(collector.num_observations, self.num_observations)

    def run_unless_it_fails(self, trainer: Trainer, pl_module: LightningModule, member: int = 0) -> dict[str, float]:
        """Run the assay and return its scalars; if it fails on any process, warn the first time and return none.

        Args:
            trainer: The Trainer after a pass over the data.
            pl_module: The model.
            member: Index of the model in an ensemble.
        """
        adapt_threads(trainer)  # assays take long, and other processes may have come or gone
        scalars, failure = {}, None
        with isolate_rng():  # an error inside run_and_save would leave the global generators changed
            try:
                scalars = self.run_and_save(trainer, pl_module, member)
            except Exception as error:
                if self.strict or ends_the_run(error, trainer.state.fn == "fit", trainer.world_size):
                    raise
                failure = AssayFailure.of(error)
        failures = [each for each in gather_objects(failure, trainer.world_size) if each is not None]
        self.failure = failures[0].text if failures else None
        if not failures:
            return scalars
        self.result, self.cautions = None, ()
        self.num_failures += 1
        if self.num_failures == 1 and trainer.is_global_zero:
            warnings.warn(failures[0].message(self.name), stacklevel=2)
        return {}

    def _save(self, trainer: Trainer, result: AssayResult) -> None:
        for key, draw in result.figures.items():
            save_figure(trainer, f"{self.group}{self.prefix}/{key}", draw())
        for key, (columns, rows) in result.tables.items():
            save_table(trainer, f"{self.group}{self.prefix}/{key}", columns, rows)
        for key, page in result.pages.items():
            save_page(trainer, f"{self.group}{self.prefix}/{key}", page)
        if result.arrays:
            save_arrays(trainer, f"{self.group}assay/{self.name}", result.arrays)


def assays_of(trainer: Trainer) -> list[AssayCallback]:
    """Return the assays of ``trainer`` in order."""
    return [callback for callback in trainer.callbacks if isinstance(callback, AssayCallback)]  # type: ignore[attr-defined]


def collector_of(trainer: Trainer) -> CodeTableCollector:
    """Return the code collector shared by all assays of ``trainer``; add it before them if it is missing."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    for callback in callbacks:
        if isinstance(callback, CodeTableCollector):
            return callback
    collector = CodeTableCollector()
    first = next(index for index, callback in enumerate(callbacks) if isinstance(callback, AssayCallback))
    # A new list, since the Trainer may be iterating over the old one
    trainer.callbacks = [*callbacks[:first], collector, *callbacks[first:]]  # type: ignore[attr-defined]
    return collector
