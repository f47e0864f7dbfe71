"""Number of active latents over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.active_units import active_units
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class ActiveUnits(DisentanglementMetric):
    """How many latents vary over the data; see :func:`.functional.active_units`.

    Args:
        threshold: Variance that counts as active, in squared latent units.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "active_units"
    needs_factors: ClassVar[bool] = False
    higher_is_better = True

    def __init__(self, threshold: float = 0.01, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.threshold = threshold

    @override
    def score(self, sample: Sample) -> MetricResult:
        return active_units(sample, threshold=self.threshold)
