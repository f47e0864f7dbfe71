"""Mutual information between latents over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.binning import Binning
from lr_lightning.metrics.functional.pairwise_mutual_information import pairwise_mutual_information
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class PairwiseMutualInformation(DisentanglementMetric):
    """How much latents say about each other; see :func:`.functional.pairwise_mutual_information`.

    Args:
        num_bins: Bins per latent.
        binning: ``"equal_width"`` or ``"quantile"``.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "pairwise_mutual_information"
    needs_factors: ClassVar[bool] = False
    higher_is_better = False

    def __init__(self, num_bins: int = 20, binning: Binning = "equal_width", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_bins, self.binning = num_bins, binning

    @override
    def score(self, sample: Sample) -> MetricResult:
        return pairwise_mutual_information(sample, num_bins=self.num_bins, binning=self.binning)
