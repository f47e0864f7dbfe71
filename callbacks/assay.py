"""The base of all assay callbacks: when an assay runs, on what, and where its results go."""

import time
import warnings
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor
from typing_extensions import override

from lr_lightning.assays import Autoencoder
from lr_lightning.callbacks.assay_failure import AssayFailure, ends_the_run
from lr_lightning.callbacks.code_table import CodeTable, CodeTableCollector, gather_rows
from lr_lightning.callbacks.sharding import ShardedAutoencoder, gather_objects
from lr_lightning.loggers.media import save_arrays, save_figure, save_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass
class AssayContext:
    """What an assay works on.

    Attributes:
        autoencoder: The model.
        table: Codes of the whole validation or test set.
        observations: The first observations of that set ``(n, ...)``, on the model's device.
        dataset: The data set with its factors, ``None`` if the Trainer's data module has none.
        trainer: The Trainer, for sharing work between processes.
        generator: Source of all random choices, on the CPU, the same on each process.
        progress: For the assay to call with what is done and the total of a long computation.
    """

    autoencoder: Autoencoder
    table: CodeTable
    observations: Tensor
    dataset: Any
    trainer: Trainer
    generator: torch.Generator
    progress: Callable[[int, int], None] | None = None

    def sharded_model(self) -> Autoencoder:
        """Return the model for assays that encode what they decode, with the work shared between processes."""
        if self.trainer.world_size == 1:
            return self.autoencoder
        return ShardedAutoencoder(self.autoencoder, self.trainer.strategy)


@dataclass
class AssayResult:
    """What an assay found; names are without the prefix, ``assay/<name>/`` as a rule.

    Attributes:
        scalars: Numbers to log and to monitor.
        figures: Functions that draw a figure; called on one process only.
        arrays: Raw results to keep.
        tables: Columns and rows for W&B.
        warnings: Sentences that say why the scalars cannot be trusted.
    """

    scalars: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, "Callable[[], Figure]"] = field(default_factory=dict)
    arrays: Mapping[str, Tensor] = field(default_factory=dict)
    tables: Mapping[str, tuple[list[str], list[list[float | str]]]] = field(default_factory=dict)
    warnings: Sequence[str] = ()


class AssayCallback(Callback):
    """Runs an assay in validation and in testing, from the codes of that very pass.

    The assay runs at the first validation, at every ``every_n_validations``-th after it, at the last one and in every
    test, never in the sanity check. The last one is that with which ``max_epochs`` or ``max_steps`` is reached; a run
    that ends otherwise (early stopping, a time limit) ends with the scalars of the last validation that was due. In
    validations between, the assay logs its last scalars again, so that checkpoints and early stopping can monitor them.

    An assay that fails never ends training: it is skipped with one warning that names it, tried again when it is due,
    and ``results.json`` and the summary tell why. Its scalars stay what they were. In an evaluation outside of training
    only what the data bring about is passed over so, such as too few samples or codes that are not finite; a fault in
    the assay raises. Over several processes an assay must come to the same end on each, as it does on what all share.

    Its random choices come from a generator of its own: with or without it, training takes the same course to the bit.
    Scalars are logged as ``assay/<name>/<quantity>``, with the time it took as ``assay/<name>/seconds``.

    Attributes:
        name: Middle part of the keys. Each kind of assay has one of its own; give another to the second of a kind.
        quantities: Names of its scalars, with ``*`` for parts that depend on the model or data; ``None`` if they are
            not known before it runs.
        num_observations: Number of observations that the assay asks for.
        group: What names of figures, tables and files begin with, such as ``"seed_3/"`` for one of several models.
        progress: Called within long computations with what is done and the total; for whoever shows it.
        result: What it found the last time it ran, ``None`` before and if it failed.
        cautions: Sentences of the last time that it ran on why its scalars cannot be trusted.
        failure: Why it was skipped the last time that it was due, ``None`` if it ran.
        num_failures: How often it was skipped.
        strict: Let any failure raise.

    Args:
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the random choices, equal each time so that validations compare.

    Raises:
        ValueError: If ``every_n_validations`` is negative, or at the start of a run if two assays share a name.
        TypeError: At the start of a run, if the module has no ``encode``, ``decode`` and ``latent_dim``.
    """

    name: str
    quantities: Sequence[str] | None = None
    num_observations: int = 0
    group: str = ""
    progress: Callable[[int, int], None] | None = None
    strict: bool = False

    def __init__(self, every_n_validations: int = 1, seed: int = 0) -> None:
        if every_n_validations < 0:
            raise ValueError(f"every_n_validations must not be negative, got {every_n_validations}")
        self.every_n_validations = every_n_validations
        self.seed = seed
        self.result: AssayResult | None = None
        self.cautions: tuple[str, ...] = ()
        self.failure: str | None = None
        self.num_failures = 0
        self.total_seconds = 0.0
        self._validations = 0
        self._last_scalars: dict[str, float] = {}
        self._collector = CodeTableCollector()
        self._observations: list[Tensor] = []

    @property
    def prefix(self) -> str:
        """What the keys of scalars, figures and tables begin with."""
        return f"assay/{self.name}"

    @property
    @override
    def state_key(self) -> str:
        """Name of the state in checkpoints, which tells apart two assays of a kind."""
        return f"{type(self).__qualname__}:{self.name}"

    @abstractmethod
    def run(self, context: AssayContext) -> AssayResult:
        """Return what the assay finds; called on every process with the same ``context``."""

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        names = [assay.name for assay in assays_of(trainer)]
        if names.count(self.name) > 1:
            raise ValueError(f"{names.count(self.name)} assays are named {self.name!r}; give each a name of its own")
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
    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if not trainer.sanity_checking:
            self._collect(trainer, outputs, batch)

    @override
    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self._collect(trainer, outputs, batch)

    @override
    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.sanity_checking:
            return
        if self._is_due(trainer):
            self._last_scalars = self._last_scalars | self._run_unless_it_fails(trainer, pl_module)
        self._validations += 1
        pl_module.log_dict(self._last_scalars, sync_dist=True)

    @override
    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.log_dict(self._run_unless_it_fails(trainer, pl_module), sync_dist=True)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {
            "validations": self._validations,
            "last_scalars": self._last_scalars,
            "total_seconds": self.total_seconds,
            "cautions": list(self.cautions),
            "failure": self.failure,
            "num_failures": self.num_failures,
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._validations = state_dict["validations"]
        self._last_scalars = state_dict["last_scalars"]
        self.total_seconds = state_dict["total_seconds"]
        self.cautions = tuple(state_dict.get("cautions", ()))  # checkpoints of earlier versions have none
        self.failure = state_dict.get("failure")
        self.num_failures = state_dict.get("num_failures", 0)

    def _begin(self, trainer: Trainer) -> None:
        if trainer.state.fn != "fit":
            # those of training came with the checkpoint
            self.total_seconds, self.cautions, self.failure, self.num_failures = 0.0, (), None, 0
        self._share_codes(first_assay(trainer))
        self._observations = []

    def _share_codes(self, first: "AssayCallback") -> None:
        """Read what ``first``, the first assay of the Trainer, collects for all of them."""
        self._collector = CodeTableCollector() if first is self else first._collector

    def _add_codes(self, outputs: Any) -> None:
        self._collector.add(outputs)

    def _collect(self, trainer: Trainer, outputs: Any, batch: Any) -> None:
        if first_assay(trainer) is self:
            self._add_codes(outputs)
        missing = self.num_observations - sum(map(len, self._observations))
        if missing > 0:
            self._observations.append(batch[0][:missing])

    def _is_due(self, trainer: Trainer) -> bool:
        return self._falls_due(trainer, self.every_n_validations)

    def _falls_due(self, trainer: Trainer, period: int) -> bool:
        """Return whether what runs every ``period`` validations, 0 for the last only, runs at this one."""
        if is_last_validation(trainer):
            return True
        return period > 0 and self._validations % period == 0

    def _gathered_observations(self, trainer: Trainer) -> Tensor:
        if not self._observations:
            return torch.empty(0)
        rows = gather_rows(trainer, torch.cat(self._observations))
        return rows[: self.num_observations].to(trainer.strategy.root_device)

    def _run_unless_it_fails(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, float]:
        """Run the assay and return its scalars; none if it failed on any process, with a warning the first time."""
        scalars, own = {}, None
        with isolate_rng():  # which an error inside of another such block leaves undone
            try:
                scalars = self._run_and_save(trainer, pl_module)
            except Exception as error:
                if self.strict or ends_the_run(error, trainer.state.fn == "fit", trainer.world_size):
                    raise
                own = AssayFailure.of(error)
        failures = [failure for failure in gather_objects(own, trainer.world_size) if failure is not None]
        self.failure = failures[0].text if failures else None
        if not failures:
            return scalars
        self.result, self.cautions = None, ()
        self.num_failures += 1
        if self.num_failures == 1 and trainer.is_global_zero:
            warnings.warn(failures[0].message(self.name), stacklevel=2)
        return {}

    def _run_and_save(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, float]:
        """Run the assay, save its figures and arrays on one process, and return its scalars under their full keys."""
        start = time.perf_counter()
        with isolate_rng():
            context = AssayContext(
                autoencoder=pl_module,  # type: ignore[arg-type]
                table=self._collector.table(trainer),
                observations=self._gathered_observations(trainer),
                dataset=dataset_of(trainer),
                trainer=trainer,
                generator=torch.Generator().manual_seed(self.seed),
                progress=self.progress,
            )
            self.result = result = self.run(context)
            if trainer.is_global_zero:
                for key, draw in result.figures.items():
                    save_figure(trainer, f"{self.group}{self.prefix}/{key}", draw())
                for key, (columns, rows) in result.tables.items():
                    save_table(trainer, f"{self.group}{self.prefix}/{key}", columns, rows)
                if result.arrays:
                    save_arrays(trainer, f"{self.group}assay/{self.name}", result.arrays)
            self.cautions = tuple(result.warnings)
        seconds = time.perf_counter() - start
        self.total_seconds += seconds
        scalars = {f"{self.prefix}/{key}": float(value) for key, value in result.scalars.items()}
        return scalars | {f"assay/{self.name}/seconds": seconds}


def dataset_of(trainer: Trainer) -> Any:
    """Return the data set of the Trainer's data module, ``None`` if there is none."""
    return getattr(getattr(trainer, "datamodule", None), "dataset", None)


def assays_of(trainer: Trainer) -> list[AssayCallback]:
    """Return the assays of ``trainer``, in their order."""
    return [callback for callback in trainer.callbacks if isinstance(callback, AssayCallback)]  # type: ignore[attr-defined]


def first_assay(trainer: Trainer) -> AssayCallback:
    """Return the assay that collects the codes for all others."""
    return assays_of(trainer)[0]


def is_last_validation(trainer: Trainer) -> bool:
    """Return whether training ends after this validation, or whether it is one outside of training."""
    if trainer.state.fn != "fit":
        return True
    steps_done = 0 <= trainer.max_steps <= trainer.global_step
    epochs_done = trainer.max_epochs is not None and 0 <= trainer.max_epochs <= trainer.current_epoch + 1
    return steps_done or epochs_done or trainer.should_stop
