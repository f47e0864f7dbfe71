"""An assay of each member of an ensemble."""

import copy
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from pytorch_lightning import LightningModule, Trainer
from typing_extensions import override

from lr_lightning.callbacks.assay import AssayCallback, AssayContext, AssayResult
from lr_lightning.callbacks.code_table import CodeTableCollector
from lr_lightning.training.seed_statistics import seed_name, seed_statistics


@runtime_checkable
class Ensemble(Protocol):
    """Several models under one Trainer, such as a :class:`~lr_lightning.models.SeedEnsemble`."""

    members: Sequence[LightningModule]
    seeds: Sequence[int]


class EnsembleAssay(AssayCallback):
    """Runs a copy of an assay on each member of an ensemble, when the assay would run on one.

    Scalars are logged of each seed (``seed_3/assay/<name>/<quantity>``), with their mean over seeds under the assay's
    usual key and their sample standard deviation as ``<key>_sd``. Figures, tables and arrays are each seed's own.

    Attributes:
        copies: The assay of each member, none before a run has started.

    Args:
        assay: The assay; it does not run itself.

    Raises:
        TypeError: At the start of a run, if the module is no ensemble.
    """

    def __init__(self, assay: AssayCallback) -> None:
        super().__init__(assay.every_n_validations, assay.seed)
        self.assay = assay
        self.name = assay.name
        self.num_observations = assay.num_observations
        self.copies: list[AssayCallback] = []

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
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if not isinstance(pl_module, Ensemble):
            raise TypeError(f"EnsembleAssay needs a SeedEnsemble, got {type(pl_module).__name__}")
        self.copies = self.copies or [copy.deepcopy(self.assay) for _ in pl_module.seeds]
        for assay, seed, member in zip(self.copies, pl_module.seeds, pl_module.members, strict=True):
            assay.group = f"{seed_name(seed)}/"
            assay.setup(trainer, member, stage)

    @override
    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"copies": [assay.state_dict() for assay in self.copies]}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for assay, state in zip(self.copies, state_dict["copies"], strict=True):
            assay.load_state_dict(state)

    @override
    def _share_codes(self, first: AssayCallback) -> None:
        assert isinstance(first, EnsembleAssay)  # any other refuses an ensemble
        for assay, of_first in zip(self.copies, first.copies, strict=True):
            assay._collector = CodeTableCollector() if first is self else of_first._collector

    @override
    def _add_codes(self, outputs: Any) -> None:
        for assay, own in zip(self.copies, outputs, strict=True):
            assay._add_codes(own)

    @override
    def _is_due(self, trainer: Trainer) -> bool:
        for assay in self.copies:
            assay._validations = self._validations
        return self.copies[0]._is_due(trainer)

    @override
    def _run_and_save(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, float]:
        assert isinstance(pl_module, Ensemble)
        scalars = []
        for assay, member in zip(self.copies, pl_module.members, strict=True):
            assay._observations = self._observations
            scalars.append(assay._run_and_save(trainer, member))
        self.cautions = of_seeds(pl_module.seeds, [assay.cautions for assay in self.copies])
        self.total_seconds += sum(own[f"assay/{self.name}/seconds"] for own in scalars)
        return seed_statistics(pl_module.seeds, scalars)


def of_seeds(seeds: Sequence[int], cautions: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return each sentence once, with the seeds that it is about."""
    about: dict[str, list[int]] = {}
    for seed, sentences in zip(seeds, cautions, strict=True):
        for sentence in sentences:
            about.setdefault(sentence, []).append(seed)
    return tuple(
        sentence if len(which) == len(seeds) else f"{sentence} (seed {', '.join(map(str, which))})"
        for sentence, which in about.items()
    )
