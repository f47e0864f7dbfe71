"""Interventional robustness score over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.checks import check_at_least
from lr_lightning.metrics.functional.irs import check_quantile, interventional_robustness_score
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class InterventionalRobustnessScore(DisentanglementMetric):
    """How little latents move while one factor is held; see :func:`.functional.interventional_robustness_score`.

    Args:
        quantile: Quantile of the deviations, .99 in the study and 1 in the paper.
        num_bins: Bins that the values of each factor are first sorted into; ``None``: each value by itself.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``quantile`` is not in ``(0, 1]`` or ``num_bins < 2``.
    """

    metric: ClassVar[str] = "irs"
    higher_is_better = True

    def __init__(self, quantile: float = 0.99, num_bins: int | None = 20, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_quantile(quantile)
        if num_bins is not None:
            check_at_least("num_bins", num_bins, 2)
        self.quantile, self.num_bins = quantile, num_bins

    @override
    def score(self, sample: Sample) -> MetricResult:
        return interventional_robustness_score(sample, quantile=self.quantile, num_bins=self.num_bins)
