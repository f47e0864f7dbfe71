"""Disentanglement, completeness and informativeness over batches and processes."""

from typing import Any, ClassVar, Literal

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.dci import Importance, dci
from lr_lightning.metrics.functional.dci_estimators import Estimator
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class DCI(DisentanglementMetric):
    """By which latents each factor is predicted; see :func:`.functional.dci`.

    Args:
        estimator: ``"lightgbm"``, ``"gbt"``, ``"forest"``, ``"lasso"`` or ``"logistic"``.
        importance: ``"impurity"`` or ``"permutation"``.
        num_trees: Rounds of boosting, or trees of a forest.
        max_bins: Bins per latent of ``"lightgbm"``.
        max_features: Latents that a split of a forest may choose from; all if ``None``.
        penalty: Weight of the absolute coefficients of linear estimators; each has its own if ``None``.
        num_permutations: Shuffles that permutation importance averages over.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "dci"
    higher_is_better = True
    refits = True

    def __init__(
        self,
        estimator: Estimator = "lightgbm",
        importance: Importance = "impurity",
        num_trees: int = 100,
        max_bins: int = 2047,
        max_features: Literal["sqrt"] | int | float | None = None,
        penalty: float | None = None,
        num_permutations: int = 5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # the few small coefficients that a lasso finds in noise scatter, and cost little
        self.num_chance_draws = 10 if estimator == "lasso" else 1
        self.estimator, self.importance = estimator, importance
        self.num_trees, self.max_bins, self.max_features = num_trees, max_bins, max_features
        self.penalty, self.num_permutations = penalty, num_permutations

    @override
    def score(self, sample: Sample) -> MetricResult:
        return dci(
            sample,
            estimator=self.estimator,
            importance=self.importance,
            num_trees=self.num_trees,
            max_bins=self.max_bins,
            max_features=self.max_features,
            penalty=self.penalty,
            num_permutations=self.num_permutations,
        )
