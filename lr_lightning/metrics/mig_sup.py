"""MIG-sup over batches and processes."""

from typing import ClassVar

from typing_extensions import override

from lr_lightning.metrics.binned_metric import BinnedMetric
from lr_lightning.metrics.functional.mig_sup import mig_sup
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class MIGSup(BinnedMetric):
    """How far each latent carries one factor alone; see :func:`.functional.mig_sup`.

    Args:
        num_bins: Bins per latent.
        binning: ``"equal_width"`` or ``"quantile"``.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "mig_sup"
    higher_is_better = True

    @override
    def score(self, sample: Sample) -> MetricResult:
        return mig_sup(sample, num_bins=self.num_bins, binning=self.binning)
