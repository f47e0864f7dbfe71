"""Strong generalisation over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.predictors import Predictor
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample
from lr_lightning.metrics.functional.strong_generalisation import strong_generalisation


class StrongGeneralisation(DisentanglementMetric):
    """Whether a classifier holds outside the values it was trained on; see :func:`.functional.strong_generalisation`.

    Args:
        predictor: ``"lightgbm"``, ``"gbt"`` or ``"logistic"``.
        num_interventions: How often to draw another factor and a value of it, for each factor to predict.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "strong_generalisation"
    higher_is_better = True
    refits = True
    num_chance_draws = 1

    def __init__(self, predictor: Predictor = "lightgbm", num_interventions: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.predictor, self.num_interventions = predictor, num_interventions

    @override
    def score(self, sample: Sample) -> MetricResult:
        return strong_generalisation(sample, predictor=self.predictor, num_interventions=self.num_interventions)
