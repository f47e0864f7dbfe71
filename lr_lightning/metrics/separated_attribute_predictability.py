"""Separated attribute predictability over batches and processes."""

from typing import Any, ClassVar

from typing_extensions import override

from lr_lightning.choices import check_choice
from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.functional.result import MetricResult
from lr_lightning.metrics.functional.sample import Sample
from lr_lightning.metrics.functional.sap import Predictor, separated_attribute_predictability


class SeparatedAttributePredictability(DisentanglementMetric):
    """How far one latent alone predicts each factor; see :func:`.functional.separated_attribute_predictability`.

    Args:
        predictor: ``"linear_svc"``, ``"r2"`` or ``"tree"``.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``predictor`` is unknown.
    """

    metric: ClassVar[str] = "sap"
    higher_is_better = True

    def __init__(self, predictor: Predictor = "linear_svc", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice("predictor", predictor, ("linear_svc", "r2", "tree"))
        self.predictor = predictor

    @override
    def score(self, sample: Sample) -> MetricResult:
        return separated_attribute_predictability(sample, predictor=self.predictor)
