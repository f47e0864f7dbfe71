"""Separated attribute predictability."""

import warnings
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_choice
from lr_lightning.metrics.base import Variants
from lr_lightning.metrics.core.aggregations import gap_per_factor
from lr_lightning.metrics.core.dci_estimators import Standardization
from lr_lightning.metrics.core.quiet_fit import fit_in_threads
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import (
    Floats,
    Integers,
    Sample,
    Sampling,
    as_sample,
    warn_of_constant_factors,
)
from lr_lightning.metrics.function_metric import FunctionMetric

Predictor: TypeAlias = Literal["linear_svc", "r2", "tree"]

PARAMETERS: dict[str, dict[str, object]] = {
    "linear_svc": {"C": 0.01, "class_weight": "balanced"},
    "r2": {"min_variance": 1e-12},
    "tree": {"min_samples_leaf": 10, "class_weight": "balanced"},
}


def separated_attribute_predictability(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    predictor: Predictor = "linear_svc",
    standardize: bool = False,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how much better a single latent predicts each factor than any other latent does (SAP).

    .. math:: \mathrm{SAP} = \frac{1}{K} \sum_k \left(S_{(1)k} - S_{(2)k}\right)

    where :math:`S_{jk}` is how well latent :math:`j` alone predicts factor :math:`k`.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        predictor: ``"linear_svc"``: held-out accuracy of a linear support vector classifier with ``C=.01`` and balanced
            classes, as in the study. ``"r2"``: squared correlation with the factor's index on the training rows, as in
            disentanglement_lib for continuous factors. ``"tree"``: held-out accuracy of a decision tree with balanced
            classes and at least ten rows per leaf.
        standardize: Whether to standardize each latent to mean 0 and standard deviation 1 on the training rows. The
            study does not, so its penalty on large weights suppresses latents of small scale: a perfect code that
            scores .45 with standard deviations of 1 scores .21 at .1 and .08 at .01. If scales differ between models,
            use the standardized score. The other predictors do not depend on scale.
        sampling: Which rows.

    Returns:
        Score ``sap_linear_svc``, ``sap_r2`` or ``sap_tree`` in ``[0, 1]``, with the suffix ``_standardized`` if
        standardized, no unit; higher is better, chance is about 0 (.01 with 1000 rows). ``matrix``: predictabilities
        ``(D, K)``. ``per_factor``: ``gap``.

        A one-versus-rest linear classifier cannot separate a value in the middle of an axis. With ``V > 3`` ordered
        values it identifies about two, and guessing identifies one, so a perfect code has an accuracy of about
        ``2 / V`` and a score of about ``1 / V``. Scores of different data sets are not comparable; the ceiling, the
        score of standardized indices, shows this. Unless the codes are standardized, the score also depends on their
        scale and offset, through ``C``. All variants are blind to the joint information of the other latents, and
        ``"tree"`` also to other factors in the same latent. 0 for duplicated latents. Constant latents predict like a
        constant; values of a factor without training rows are never predicted. Factors with one value are left out with
        a warning; NaN with a warning if ``D = 1``, no factor varies, or a classifier has no held-out rows.

    Raises:
        ValueError: As :func:`draw`; or if ``predictor`` is unknown.

    References:
        Kumar et al., Variational Inference of Disentangled Latent Concepts from Unlabeled Observations, ICLR 2018,
        arXiv:1711.00848; parameters of Locatello et al., Challenging Common Assumptions, ICML 2019, arXiv:1811.12359.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> sampling = Sampling(num_train=20, num_test=0)
        >>> round(separated_attribute_predictability(grid.float(), grid, predictor="r2", sampling=sampling).value, 6)
        1.0
    """
    check_choice("predictor", predictor, ("linear_svc", "r2", "tree"))
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    varying, gaps = sample.varying_factors, torch.full((sample.num_factors,), torch.nan, dtype=torch.float64)
    needs_test = predictor != "r2"
    if needs_test and not len(sample.test_codes):
        warnings.warn("sap is undefined: it needs rows held out for its classifiers; raise num_test", stacklevel=2)
        matrix = torch.full((sample.latent_dim, sample.num_factors), torch.nan, dtype=torch.float64)
        value = torch.nan
    else:
        matrix = predictability(sample, predictor, standardize)
        gaps = gap_per_factor(matrix)
        value = gaps[varying].mean().item()
        if gaps[varying].isnan().any() or not varying:
            warnings.warn("sap is undefined: it needs two latents and a factor that varies", stacklevel=2)
    return MetricResult(
        metric="sap",
        scores={
            f"sap_{predictor}" + "_standardized" * standardize: Score(
                value, scored_on="test" if needs_test else "train"
            )
        },
        num_train=len(sample.codes),
        num_test=len(sample.test_codes) if needs_test else 0,
        matrix=matrix,
        matrix_label="squared correlation" if predictor == "r2" else "accuracy on the test",
        per_factor={"gap": gaps},
        parameters={"predictor": predictor, **PARAMETERS[predictor], "standardize": standardize},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def predictability(sample: Sample, predictor: Predictor, standardize: bool = False) -> Tensor:
    """Return how well each latent alone predicts each factor, ``(D, K)`` float64, computed once per sample.

    Accuracies on the held-out rows, which must not be empty, or squared correlations on the training rows; NaN for
    factors with one value.
    """

    def compute() -> Tensor:
        matrix = np.full((sample.latent_dim, sample.num_factors), np.nan)
        codes, test_codes = sample.codes, sample.test_codes
        if standardize:
            scaled = Standardization(codes)
            codes, test_codes = scaled(codes), scaled(test_codes)
        for k in sample.varying_factors:
            matrix[:, k] = _predictabilities(
                codes, sample.factors[:, k], test_codes, sample.test_factors[:, k], predictor
            )
        return torch.from_numpy(matrix)

    return sample.shared(("predictability", predictor, standardize), compute)


def _predictabilities(
    codes: Floats, factor: Integers, test_codes: Floats, test_factor: Integers, predictor: Predictor
) -> Floats:
    """Return how well each latent alone predicts ``factor``, ``(D,)``."""
    codes, test_codes = codes.astype(np.float64), test_codes.astype(np.float64)
    if predictor == "r2":
        return _squared_correlations(codes, factor)
    fit_and_test = _linear_accuracy if predictor == "linear_svc" else _tree_accuracy
    return np.array(
        fit_in_threads(
            lambda j: fit_and_test(codes[:, [j]], factor, test_codes[:, [j]], test_factor), range(codes.shape[1])
        )
    )


def _squared_correlations(codes: Floats, factor: Integers) -> Floats:
    """Return the squared correlation ``(D,)`` of ``factor`` with each latent; 0 if the variance is below 1e-12."""
    deviations, values = codes - codes.mean(axis=0), factor - factor.mean()
    degrees = len(codes) - 1
    variances = (deviations**2).sum(axis=0) / degrees
    explained = (values @ deviations / degrees) ** 2 / (values @ values / degrees)
    shares = np.minimum(explained / np.maximum(variances, 1e-12), 1.0)  # round-off
    return np.where(variances > 1e-12, shares, 0.0)


def _linear_accuracy(code: Floats, factor: Integers, test_code: Floats, test_factor: Integers) -> float:
    from sklearn.svm import LinearSVC

    # Beyond 1e6 the penalty has no effect any more, and beyond 1e12 the solver does not return.
    scale = max(1.0, float(np.abs(code).max()) / 1e6)
    # The primal problem has the same optimum as the dual one and is solved without random numbers.
    classifier = LinearSVC(C=0.01, class_weight="balanced", dual=False, max_iter=10_000, random_state=0)
    classifier.fit(code / scale, factor)
    return float((classifier.predict(test_code / scale) == test_factor).mean())


def _tree_accuracy(code: Floats, factor: Integers, test_code: Floats, test_factor: Integers) -> float:
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(min_samples_leaf=10, class_weight="balanced", random_state=0)  # one latent: no draw
    scale = max(1.0, float(np.abs(code).max()))  # it computes in float32
    tree.fit(code / scale, factor)
    return float((tree.predict(test_code / scale) == test_factor).mean())


class SeparatedAttributePredictability(FunctionMetric, function=separated_attribute_predictability):
    """How well a single latent predicts each factor; see :func:`.functional.separated_attribute_predictability`."""

    metric = "sap"
    variants: ClassVar[Variants] = {
        "sap_linear_svc": {"predictor": "linear_svc"},
        "sap_linear_svc_standardized": {"predictor": "linear_svc", "standardize": True},
        "sap_r2": {"predictor": "r2"},
        "sap_tree": {"predictor": "tree"},
    }
    aliases = (
        "sap_score",
        "separated_attribute_predictability",
    )
    higher_is_better = True
    num_chance_draws = 3

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.refits = self.arguments["predictor"] != "r2"
