"""Fairness over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.fairness import fairness
from lr_lightning.metrics.functional.predictors import Predictor
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample


class Fairness(DisentanglementMetric):
    """How much predictions of one factor change with another; see :func:`.functional.fairness`.

    Args:
        predictor: ``"lightgbm"``, ``"gbt"`` or ``"logistic"``.
        num_points_per_value: Samples on which to intervene for each pair of factors.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "fairness"
    higher_is_better = False
    refits = True
    num_chance_draws = 1

    def __init__(self, predictor: Predictor = "lightgbm", num_points_per_value: int = 100, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.predictor, self.num_points_per_value = predictor, num_points_per_value

    @override
    def score(self, sample: Sample) -> MetricResult:
        return fairness(sample, predictor=self.predictor, num_points_per_value=self.num_points_per_value)
