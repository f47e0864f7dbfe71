"""Parts of the divergence from the prior over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.elbo_decomposition import elbo_decomposition
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class ELBODecomposition(DisentanglementMetric):
    """What the divergence from the prior is made of, in nats; see :func:`.functional.elbo_decomposition`.

    Args:
        num_samples: Number of samples; time grows with it.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "elbo_decomposition"
    needs_factors: ClassVar[bool] = False
    needs_log_variances: ClassVar[bool] = True
    higher_is_better = None

    def __init__(self, num_samples: int = 2000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_samples = num_samples

    @override
    def score(self, sample: Sample) -> MetricResult:
        return elbo_decomposition(sample, num_samples=self.num_samples)
