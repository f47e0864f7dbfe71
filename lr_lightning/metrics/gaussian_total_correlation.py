"""Gaussian total correlation over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.gaussian_total_correlation import gaussian_total_correlation
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class GaussianTotalCorrelation(DisentanglementMetric):
    """How far latents are correlated, in nats; see :func:`.functional.gaussian_total_correlation`.

    Args:
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "gaussian_total_correlation"
    needs_factors: ClassVar[bool] = False
    higher_is_better = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    @override
    def score(self, sample: Sample) -> MetricResult:
        return gaussian_total_correlation(sample)
