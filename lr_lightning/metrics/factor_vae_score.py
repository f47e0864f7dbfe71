"""Score of the paper on FactorVAE over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.factor_vae_score import factor_vae_score
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class FactorVAEScore(DisentanglementMetric):
    """How well the latent that varies least tells a shared factor; see :func:`.functional.factor_vae_score`.

    Args:
        batch_size: Samples of a batch.
        num_votes_train: Votes to train on.
        num_votes_test: Votes to test on.
        num_variance: Rows from which variances over the data are taken.
        prune_threshold: Latents with a smaller standard deviation cast no votes.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "factor_vae_score"
    higher_is_better = True
    refits = True
    num_chance_draws = 3

    def __init__(
        self,
        batch_size: int = 64,
        num_votes_train: int = 10_000,
        num_votes_test: int = 5_000,
        num_variance: int = 10_000,
        prune_threshold: float = 0.05,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_size, self.num_variance, self.prune_threshold = batch_size, num_variance, prune_threshold
        self.num_votes_train, self.num_votes_test = num_votes_train, num_votes_test

    @override
    def score(self, sample: Sample) -> MetricResult:
        return factor_vae_score(
            sample,
            batch_size=self.batch_size,
            num_votes_train=self.num_votes_train,
            num_votes_test=self.num_votes_test,
            num_variance=self.num_variance,
            prune_threshold=self.prune_threshold,
        )
