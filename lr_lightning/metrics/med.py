"""Mutual-information-based entropy disentanglement over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.binning import Binning
from lr_lightning.metrics.functional.checks import check_at_least
from lr_lightning.metrics.functional.information import BiasCorrection
from lr_lightning.metrics.functional.med import mutual_information_based_entropy_disentanglement
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class MED(DisentanglementMetric):
    """Disentanglement and completeness as of DCI, with information for importance.

    See :func:`.functional.mutual_information_based_entropy_disentanglement`.

    Args:
        num_bins: Bins per latent.
        binning: ``"equal_width"`` or ``"quantile"``.
        bias_correction: ``"miller_madow"`` takes the expected bias off the information; ``"none"``, as published.
        topk: Latents per factor for the top-k scores; ``None`` for none.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``topk < 1``.
    """

    metric: ClassVar[str] = "med"
    higher_is_better = True

    def __init__(
        self,
        num_bins: int = 20,
        binning: Binning = "equal_width",
        bias_correction: BiasCorrection = "none",
        topk: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if topk is not None:
            check_at_least("topk", topk, 1)
        self.num_bins, self.binning, self.bias_correction, self.topk = num_bins, binning, bias_correction, topk

    @override
    def score(self, sample: Sample) -> MetricResult:
        return mutual_information_based_entropy_disentanglement(
            sample,
            num_bins=self.num_bins,
            binning=self.binning,
            bias_correction=self.bias_correction,
            topk=self.topk,
        )
