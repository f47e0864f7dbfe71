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
from lr_lightning.training.member_statistics import member_label, member_statistics, scalars_of_member


@runtime_checkable
class Ensemble(Protocol):
    """Several models under one Trainer, such as a :class:`~lr_lightning.models.SeedEnsemble`."""

    members: Sequence[LightningModule]
    names: Sequence[str]
    diverged: Mapping[str, str]


class EnsembleAssay(AssayCallback):
    """Runs a copy of an assay on each member of an ensemble, at the same validations as for a single model.

    Scalars of each member are logged as ``seed_3/assay/<name>/<quantity>``; their mean over members has the usual key
    of the assay, and their sample standard deviation the key ``<key>_sd``. Each member has its own figures, tables and
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
        """Return the headlines as mean ± standard deviation; single latents are not comparable across members."""
        return labeled_rows(self.assay.headlines, scalars)

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if not isinstance(pl_module, Ensemble):
            raise TypeError(f"EnsembleAssay needs a SeedEnsemble, got {type(pl_module).__name__}")
        self._names = list(pl_module.names)
        self.copies = self.copies or [copy.deepcopy(self.assay) for _ in self._names]
        for assay, name, member in zip(self.copies, self._names, pl_module.members, strict=True):
            assay.group = f"{name}/"
            assay.setup(trainer, member, stage)

    @override
    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"copies": [assay.state_dict() for assay in self.copies]}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for assay, name, state in zip(self.copies, self._names, state_dict["copies"], strict=True):
            own = dict(state)
            if not own["last_scalars"]:  # earlier versions kept them only here
                own["last_scalars"] = scalars_of_member(state_dict["last_scalars"], name, self._names)
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
        active = [index for index, name in enumerate(ensemble.names) if name not in ensemble.diverged]
        assays, names = [self.copies[index] for index in active], [ensemble.names[index] for index in active]
        scalars = [measure(self.copies[index], ensemble.members[index], index) for index in active]
        self.cautions = of_members(names, [assay.cautions for assay in assays])
        failures = of_members(names, [() if assay.failure is None else (assay.failure,) for assay in assays])
        self.failure = "; ".join(failures) or None
        self.num_failures = max(assay.num_failures for assay in self.copies)
        self.total_seconds = sum(assay.total_seconds for assay in self.copies)
        return member_statistics(names, scalars)


def of_members(names: Sequence[str], cautions: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return each sentence once, followed by its members unless it applies to all of them."""
    holding: dict[str, list[str]] = {}
    for name, sentences in zip(names, cautions, strict=True):
        for sentence in sentences:
            holding.setdefault(sentence, []).append(member_label(name))
    return tuple(
        sentence if len(which) == len(names) else f"{sentence} ({', '.join(which)})"
        for sentence, which in holding.items()
    )
