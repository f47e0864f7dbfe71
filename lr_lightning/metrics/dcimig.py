"""DCIMIG over batches and processes."""

from typing import ClassVar

from typing_extensions import override

from lr_lightning.metrics.binned_metric import BinnedMetric
from lr_lightning.metrics.functional.dcimig import dcimig
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class DCIMIG(BinnedMetric):
    """How much of all factors single latents carry for themselves; see :func:`.functional.dcimig`.

    Args:
        num_bins: Bins per latent.
        binning: ``"equal_width"`` or ``"quantile"``.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "dcimig"
    higher_is_better = True

    @override
    def score(self, sample: Sample) -> MetricResult:
        return dcimig(sample, num_bins=self.num_bins, binning=self.binning)
