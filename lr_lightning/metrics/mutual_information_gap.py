"""Mutual information gap over batches and processes."""

from typing import ClassVar

from typing_extensions import override

from lr_lightning.metrics.binned_metric import BinnedMetric
from lr_lightning.metrics.functional.mig import mutual_information_gap
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class MutualInformationGap(BinnedMetric):
    """How far one latent alone carries each factor; see :func:`.functional.mutual_information_gap`.

    Args:
        num_bins: Bins per latent.
        binning: ``"equal_width"`` or ``"quantile"``.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "mig"
    higher_is_better = True

    @override
    def score(self, sample: Sample) -> MetricResult:
        return mutual_information_gap(sample, num_bins=self.num_bins, binning=self.binning)
