"""Divergence of each latent from the prior over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.kl_per_latent import kl_per_latent
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class KLPerLatent(DisentanglementMetric):
    """How much each latent is used, in nats; see :func:`.functional.kl_per_latent`.

    Args:
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "kl_per_latent"
    needs_factors: ClassVar[bool] = False
    needs_log_variances: ClassVar[bool] = True
    higher_is_better = False

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    @override
    def score(self, sample: Sample) -> MetricResult:
        return kl_per_latent(sample)
