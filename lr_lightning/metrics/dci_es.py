"""Explicitness and size over batches and processes."""

from collections.abc import Sequence
from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.dci_es import dci_es
from lr_lightning.metrics.functional.dci_es_probes import Probe
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class DCIES(DisentanglementMetric):
    """How little capacity it takes to read the factors off the code; see :func:`.functional.dci_es`.

    Args:
        probe: ``"random_fourier_features"``, ``"mlp"`` or ``"forest"``.
        capacities: Capacities that increase; each probe has its own if ``None``.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "dci_es"
    higher_is_better = True
    refits = True
    num_chance_draws = 1

    def __init__(
        self, probe: Probe = "random_fourier_features", capacities: Sequence[int] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.probe, self.capacities = probe, capacities

    @override
    def score(self, sample: Sample) -> MetricResult:
        return dci_es(sample, probe=self.probe, capacities=self.capacities)
