"""Mean correlation coefficient over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.choices import check_choice
from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.mcc import Correlation, mean_correlation_coefficient
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class MeanCorrelationCoefficient(DisentanglementMetric):
    """How well factors correlate with latents of their own; see :func:`.functional.mean_correlation_coefficient`.

    Args:
        correlation: ``"pearson"`` or ``"spearman"``.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``correlation`` is unknown.
    """

    metric: ClassVar[str] = "mcc"
    higher_is_better = True

    def __init__(self, correlation: Correlation = "pearson", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice("correlation", correlation, ("pearson", "spearman"))
        self.correlation = correlation

    @override
    def score(self, sample: Sample) -> MetricResult:
        return mean_correlation_coefficient(sample, correlation=self.correlation)
