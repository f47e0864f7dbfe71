"""Modularity over batches and processes."""

from typing import ClassVar

from typing_extensions import override

from lr_lightning.metrics.binned_metric import BinnedMetric
from lr_lightning.metrics.functional.modularity_score import modularity_score
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class Modularity(BinnedMetric):
    """How far each latent says something about one factor only; see :func:`.functional.modularity_score`.

    Args:
        num_bins: Bins per latent.
        binning: ``"equal_width"`` or ``"quantile"``.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "modularity"
    higher_is_better = True

    @override
    def score(self, sample: Sample) -> MetricResult:
        return modularity_score(sample, num_bins=self.num_bins, binning=self.binning)
