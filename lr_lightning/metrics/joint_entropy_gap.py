"""Joint entropy minus mutual information gap over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.jemmig import joint_entropy_minus_mutual_information_gap
from lr_lightning.metrics.functional.posterior_bins import BinRange, check_bin_range
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class JointEntropyMinusMutualInformationGap(DisentanglementMetric):
    """How far one latent carries each factor, alone and nothing besides.

    See :func:`.functional.joint_entropy_minus_mutual_information_gap`. Log-variances given to :meth:`update` are used.
    Of its two scores ``jemmig_normalized`` is the better the higher, ``jemmig`` the lower.

    Args:
        num_bins: Bins per latent, 100 in the paper.
        bin_range: Where the bins begin and end, ``(-4, 4)`` in the paper; ``None``: the range of each latent.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``bin_range`` is not two finite numbers in order.
    """

    metric: ClassVar[str] = "jemmig"

    def __init__(self, num_bins: int = 20, bin_range: BinRange | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_bin_range(bin_range)
        self.num_bins, self.bin_range = num_bins, bin_range

    @override
    def score(self, sample: Sample) -> MetricResult:
        return joint_entropy_minus_mutual_information_gap(sample, num_bins=self.num_bins, bin_range=self.bin_range)
