"""Explicitness over batches and processes."""

from typing import ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.explicitness import explicitness
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class Explicitness(DisentanglementMetric):
    """How well the whole code tells each factor to a linear classifier; see :func:`.functional.explicitness`.

    Args:
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "explicitness"
    higher_is_better = True
    refits = True
    num_chance_draws = 3

    @override
    def score(self, sample: Sample) -> MetricResult:
        return explicitness(sample)
