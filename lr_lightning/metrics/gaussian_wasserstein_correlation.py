"""Gaussian Wasserstein correlation over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample
from lr_lightning.metrics.functional.wasserstein_correlation import gaussian_wasserstein_correlation


class GaussianWassersteinCorrelation(DisentanglementMetric):
    """How far latents are correlated, as a distance; see :func:`.functional.gaussian_wasserstein_correlation`.

    Args:
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "gaussian_wasserstein_correlation"
    needs_factors: ClassVar[bool] = False
    higher_is_better = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    @override
    def score(self, sample: Sample) -> MetricResult:
        return gaussian_wasserstein_correlation(sample)
