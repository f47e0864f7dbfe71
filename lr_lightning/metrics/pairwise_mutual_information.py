"""Mutual information between latents over batches and processes."""

from typing import ClassVar

from typing_extensions import override

from lr_lightning.metrics.binned_metric import BinnedMetric
from lr_lightning.metrics.functional.pairwise_mutual_information import pairwise_mutual_information
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class PairwiseMutualInformation(BinnedMetric):
    """How much latents say about each other; see :func:`.functional.pairwise_mutual_information`.

    Args:
        num_bins: Bins per latent.
        binning: ``"equal_width"`` or ``"quantile"``.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "pairwise_mutual_information"
    needs_factors: ClassVar[bool] = False
    higher_is_better = False

    @override
    def score(self, sample: Sample) -> MetricResult:
        return pairwise_mutual_information(sample, num_bins=self.num_bins, binning=self.binning)
