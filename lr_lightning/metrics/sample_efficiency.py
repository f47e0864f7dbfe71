"""Sample efficiency over batches and processes."""

from collections.abc import Sequence
from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.predictors import Predictor
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample
from lr_lightning.metrics.functional.sample_efficiency import sample_efficiency


class SampleEfficiency(DisentanglementMetric):
    """How soon a classifier learns the factors from the codes; see :func:`.functional.sample_efficiency`.

    Args:
        train_sizes: Numbers of rows to train on.
        predictor: ``"lightgbm"``, ``"gbt"`` or ``"logistic"``.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.
    """

    metric: ClassVar[str] = "sample_efficiency"
    higher_is_better = True
    refits = True
    num_chance_draws = 1

    def __init__(
        self, train_sizes: Sequence[int] = (100, 1000, 10_000), predictor: Predictor = "lightgbm", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.train_sizes, self.predictor = tuple(train_sizes), predictor

    @override
    def score(self, sample: Sample) -> MetricResult:
        return sample_efficiency(sample, train_sizes=self.train_sizes, predictor=self.predictor)
