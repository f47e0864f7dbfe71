"""Score of the paper on beta-VAE over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.beta_vae_score import beta_vae_score
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class BetaVAEScore(DisentanglementMetric):
    """How well a linear classifier tells which factor pairs of samples share; see :func:`.functional.beta_vae_score`.

    Args:
        batch_size: Pairs of a point.
        num_points_train: Points to train on.
        num_points_test: Points to test on.
        standardize: Whether to divide the features by their standard deviations; the study does not.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "beta_vae_score"
    higher_is_better = True
    refits = True
    num_chance_draws = 3

    def __init__(
        self,
        batch_size: int = 64,
        num_points_train: int = 10_000,
        num_points_test: int = 5_000,
        standardize: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_size, self.standardize = batch_size, standardize
        self.num_points_train, self.num_points_test = num_points_train, num_points_test

    @override
    def score(self, sample: Sample) -> MetricResult:
        return beta_vae_score(
            sample,
            batch_size=self.batch_size,
            num_points_train=self.num_points_train,
            num_points_test=self.num_points_test,
            standardize=self.standardize,
        )
