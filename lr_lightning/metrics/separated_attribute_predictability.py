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
        standardize: Whether to standardise latents first, so that their scale does not matter; the study does not.
        kwargs: ``sampling``, ``num_repeats`` and arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``predictor`` is unknown.
    """

    metric: ClassVar[str] = "sap"
    higher_is_better = True
    num_chance_draws = 3

    def __init__(self, predictor: Predictor = "linear_svc", standardize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice("predictor", predictor, ("linear_svc", "r2", "tree"))
        self.predictor, self.standardize = predictor, standardize
        self.refits = predictor != "r2"

    @override
    def score(self, sample: Sample) -> MetricResult:
        return separated_attribute_predictability(sample, predictor=self.predictor, standardize=self.standardize)
