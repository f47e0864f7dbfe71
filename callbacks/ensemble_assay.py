"""Runs an assay on each member of an ensemble."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from pytorch_lightning import LightningModule, Trainer
from typing_extensions import override

from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import labeled_rows
from lr_lightning.training.seed_statistics import scalars_of_seed, seed_name, seed_statistics


@runtime_checkable
class Ensemble(Protocol):
    """Several models under one Trainer, such as a :class:`~lr_lightning.models.SeedEnsemble`."""

    members: Sequence[LightningModule]
    seeds: Sequence[int]
    diverged: Mapping[int, str]


class EnsembleAssay(AssayCallback):
    """Runs a copy of an assay on each member of an ensemble, at the same validations as for a single model.

    Scalars of each seed are logged as ``seed_3/assay/<name>/<quantity>``; their mean over seeds has the usual key of
    the assay, and their sample standard deviation the key ``<key>_sd``. Each seed has its own figures, tables and
    arrays. If the assay fails on one member, it is skipped for that member alone. It does not run on members that have
    diverged.

    Attributes:
        copies: The assay of each member; empty before the run starts.

    Args:
        assay: The assay to copy; it does not run itself.

    Raises:
        TypeError: At the start of a run, if the module is not an ensemble.
    """

    def __init__(self, assay: AssayCallback) -> None:
        super().__init__(assay.every_n_validations, assay.seed)
        self.assay = assay
        self.name = assay.name
        self.quantities = assay.quantities
        self.num_observations = assay.num_observations
        self.copies: list[AssayCallback] = []

    @property
    @override
    def prefix(self) -> str:
        """Prefix of the keys of the assay."""
        return self.assay.prefix

    @property
    @override
    def state_key(self) -> str:
        """Name of the state in checkpoints."""
        return f"EnsembleAssay of {self.assay.state_key}"

    @override
    def run(self, context: AssayContext) -> AssayResult:
        """Run the assay itself on one model."""
        return self.assay.run(context)

    @override
    def summary_rows(self, scalars: Mapping[str, float]) -> Iterable[tuple[str, str]]:
        """Return the assay's headlines as mean ± standard deviation; single latents are not comparable across seeds."""
        return labeled_rows(self.assay.headlines, scalars)

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if not isinstance(pl_module, Ensemble):
            raise TypeError(f"EnsembleAssay needs a SeedEnsemble, got {type(pl_module).__name__}")
        self._seeds = list(pl_module.seeds)
        self.copies = self.copies or [copy.deepcopy(self.assay) for _ in self._seeds]
        for assay, seed, member in zip(self.copies, self._seeds, pl_module.members, strict=True):
            assay.group = f"{seed_name(seed)}/"
            assay.setup(trainer, member, stage)

    @override
    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"copies": [assay.state_dict() for assay in self.copies]}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for assay, seed, state in zip(self.copies, self._seeds, state_dict["copies"], strict=True):
            own = dict(state)
            if not own["last_scalars"]:  # earlier versions kept them only here
                own["last_scalars"] = scalars_of_seed(state_dict["last_scalars"], seed)
                own["validations"] = state_dict["validations"]
            assay.load_state_dict(own)

    @override
    def validated(self, trainer: Trainer, pl_module: LightningModule, member: int = 0) -> dict[str, float]:
        self.num_validations += 1
        self._last_scalars = self._measure(pl_module, lambda assay, *of: assay.validated(trainer, *of))
        return self._last_scalars

    @override
    def run_unless_it_fails(self, trainer: Trainer, pl_module: LightningModule, member: int = 0) -> dict[str, float]:
        return self._measure(pl_module, lambda assay, *of: assay.run_unless_it_fails(trainer, *of))

    @override
    def _begin(self, trainer: Trainer) -> None:
        super()._begin(trainer)
        for assay in self.copies:
            assay._begin(trainer)

    def _measure(self, ensemble: LightningModule, measure: Callable[..., dict[str, float]]) -> dict[str, float]:
        """Call ``measure`` with the assay of each active member, the member and its index; return all scalars."""
        assert isinstance(ensemble, Ensemble)
        active = [index for index, seed in enumerate(ensemble.seeds) if seed not in ensemble.diverged]
        assays, seeds = [self.copies[index] for index in active], [ensemble.seeds[index] for index in active]
        scalars = [measure(self.copies[index], ensemble.members[index], index) for index in active]
        self.cautions = of_seeds(seeds, [assay.cautions for assay in assays])
        failures = of_seeds(seeds, [() if assay.failure is None else (assay.failure,) for assay in assays])
        self.failure = "; ".join(failures) or None
        self.num_failures = max(assay.num_failures for assay in self.copies)
        self.total_seconds = sum(assay.total_seconds for assay in self.copies)
        return seed_statistics(seeds, scalars)


def of_seeds(seeds: Sequence[int], cautions: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return each sentence once, followed by its seeds unless it applies to all of them."""
    holding: dict[str, list[int]] = {}
    for seed, sentences in zip(seeds, cautions, strict=True):
        for sentence in sentences:
            holding.setdefault(sentence, []).append(seed)
    return tuple(
        sentence if len(which) == len(seeds) else f"{sentence} (seed {', '.join(map(str, which))})"
        for sentence, which in holding.items()
    )
