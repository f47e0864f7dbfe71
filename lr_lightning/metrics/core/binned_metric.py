"""The base of metrics that count codes in bins and have no other parameter."""

from typing import Any

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.core.binning import Binning


class BinnedMetric(DisentanglementMetric):
    """A metric of codes in bins.

    Args:
        num_bins: Bins per latent.
        binning: ``"equal_width"`` or ``"quantile"``.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    def __init__(self, num_bins: int = 20, binning: Binning = "equal_width", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_bins, self.binning = num_bins, binning
