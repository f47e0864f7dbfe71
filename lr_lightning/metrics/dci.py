"""Disentanglement, completeness and informativeness."""

import math
import warnings
from typing import Any, ClassVar, Literal, TypeAlias

import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.metrics.base import Variants
from lr_lightning.metrics.core.aggregations import (
    completeness_per_factor,
    dci_completeness,
    dci_disentanglement,
    disentanglement_per_latent,
)
from lr_lightning.metrics.core.dci_estimators import (
    ESTIMATORS,
    LASSO_PENALTY,
    LOGISTIC_PENALTY,
    Estimator,
    EstimatorOptions,
)
from lr_lightning.metrics.core.dci_predictions import Predictions, predict_factors
from lr_lightning.metrics.core.result import MetricResult, Score, mean_of_known
from lr_lightning.metrics.core.sample import Floats, Sample, Sampling, as_sample, warn_of_constant_factors
from lr_lightning.metrics.function_metric import FunctionMetric

Importance: TypeAlias = Literal["impurity", "permutation"]


def dci(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    estimator: Estimator = "lightgbm",
    importance: Importance = "impurity",
    num_trees: int = 100,
    max_bins: int = 2047,
    max_features: Literal["sqrt"] | int | float | None = None,
    penalty: float | None = None,
    num_permutations: int = 5,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score from which latents each factor is predicted: disentanglement, completeness, informativeness (DCI).

    .. math:: D = \sum_j \frac{\sum_k R_{jk}}{\sum_{jk} R_{jk}} \left(1 + \sum_k P_{jk} \log_K P_{jk}\right), \qquad
        C = \sum_k \frac{\sum_j R_{jk}}{\sum_{jk} R_{jk}} \left(1 + \sum_j \tilde P_{jk} \log_D \tilde P_{jk}\right)

    where :math:`R_{jk} \ge 0` is the importance of latent :math:`j` to predict factor :math:`k`, and :math:`P` and
    :math:`\tilde P` are its shares in the row and in the column. Informativeness is how good the predictions are.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        estimator: What predicts the factors, one a factor.
            ``"lightgbm"``: the boosted trees of ``"gbt"`` on histograms, many times as fast. Scores differ by up to
            .005 with fewer rows than bins, by .01 for 10,000 rows of a factor with 40 values. It uses as many threads
            as PyTorch, with the same result for any number.
            ``"gbt"``: scikit-learn's gradient boosting with the parameters of the study, depth 3 and rate .1.
            ``"forest"``: scikit-learn's random forest.
            ``"lasso"``: linear regression of the standardized index of the value, penalised by the sum of absolute
            coefficients, on standardized codes; it takes the values to be ordered.
            ``"logistic"``: multinomial logistic regression on standardized codes with the same penalty.
        importance: ``"impurity"``: the estimator's own importances. For trees the decrease of impurity over all splits,
            a share: each factor counts alike, also one that cannot be predicted. For linear models the absolute
            coefficients, summed over the values. ``"permutation"``: how much informativeness falls on the rows held out
            as a latent is shuffled among them, at least 0: nothing for a factor that cannot be predicted.
        num_trees: Rounds of boosting, or trees of a forest.
        max_bins: Bins per latent of ``"lightgbm"``. With as many bins as rows it splits exactly as ``"gbt"``; with 255
            it takes two thirds of the time, and is the less exact the fewer rows there are.
        max_features: Latents that a split of a forest may choose from; all if ``None``. ``"sqrt"``, a usual default,
            forces importance onto other latents: a perfect code of four latents then scores .82.
        penalty: Weight of the absolute coefficients against the mean loss of a row: half the squared error in units of
            the factor's variance for ``"lasso"``, .015 if ``None``; the log-loss for ``"logistic"``, .001 if ``None``.
        num_permutations: Shuffles that permutation importance averages over.
        sampling: Which rows.

    Returns:
        Scores, all higher is better, no unit: ``dci_<estimator>_disentanglement``, ``..._completeness``,
        ``..._informativeness_train`` and ``..._informativeness_test``, with ``_permutation`` after the estimator for
        that importance. Disentanglement and completeness lie in ``[0, 1]``. Informativeness is the accuracy; for
        ``"lasso"`` it is R squared, at most 1. Chance on held-out rows is about the share of the most frequent value;
        it is far higher on the training rows, which trees memorize. ``matrix``: importances ``(D, K)``, NaN for
        factors that take one value. ``per_factor``: ``completeness`` and both kinds of ``informativeness``.
        ``per_latent``: ``disentanglement``.

        Importances are normalized even if predictions are poor: read disentanglement and completeness together with
        informativeness. For uninformative codes, impurities of trees give about 0, but the few small coefficients of
        ``"lasso"`` give .3 to .8, and the few small permutation importances can give any value.
        Disentanglement is blind to duplicated latents, completeness to other factors in the same latent, and to
        duplicates where the estimator looks at one of them only, as ``"lasso"`` does. Both are blind to how well the
        factors are predicted, and to lost factors unless importances are the impurities of trees: those of a lost
        factor count as much as any, are spread over all latents and lower both scores. Latents that part the rows of a
        node alike share its impurity equally (``"gbt"``, ``"forest"``: at random); by permutation the first of them has
        it all with ``"lightgbm"``.

        Values that occur only among the rows held out are errors. Factors with one value are left out with a warning.
        NaN with a warning: disentanglement if ``K = 1``, completeness if ``D = 1``, both if no latent has importance,
        and informativeness on the test, as permutation importance, if no rows are held out. The R squared of a factor
        that is constant among the rows held out is NaN and left out.

    Raises:
        ValueError: As :func:`draw`; or if ``estimator`` or ``importance`` is unknown, a number of trees or permutations
            is below 1, ``max_bins < 2``, ``penalty <= 0``, or
            ``max_features`` is no number or share of latents.

    References:
        Eastwood and Williams, A Framework for the Quantitative Evaluation of Disentangled Representations, ICLR 2018;
        parameters of Locatello et al., Challenging Common Assumptions, ICML 2019, arXiv:1811.12359.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(6, 1)
        >>> result = dci(grid.float(), grid, sampling=Sampling(num_train=80, num_test=40))
        >>> round(result["lightgbm_disentanglement"], 6), result["lightgbm_informativeness_test"]
        (1.0, 1.0)
    """
    check_choice("importance", importance, ("impurity", "permutation"))
    check_at_least("num_permutations", num_permutations, 1)
    options = _options(estimator, num_trees, max_bins, max_features, penalty)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    permutations = num_permutations if importance == "permutation" else 0

    predictions = predict_factors(sample, estimator, options, permutations)
    _warn_of_undefined(sample, predictions)
    per_latent, per_factor = _parts(predictions.importances, sample.varying_factors)
    parameters = {"estimator": estimator, "importance": importance, **options.of(estimator), "seed": sample.seed}
    return MetricResult(
        metric="dci",
        scores=_scores(f"dci_{estimator}" + "_permutation" * bool(permutations), sample, predictions),
        num_train=len(sample.codes),
        num_test=len(sample.test_codes),
        matrix=torch.from_numpy(predictions.importances),
        matrix_label="importance",
        per_factor={
            "completeness": per_factor,
            "informativeness_train": torch.from_numpy(predictions.train),
            "informativeness_test": torch.from_numpy(predictions.test),
        },
        per_latent={"disentanglement": per_latent},
        parameters=parameters | ({"num_permutations": permutations} if permutations else {}),
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _options(
    estimator: Estimator,
    num_trees: int,
    max_bins: int,
    max_features: Literal["sqrt"] | int | float | None,
    penalty: float | None,
) -> EstimatorOptions:
    check_choice("estimator", estimator, ESTIMATORS)
    check_at_least("num_trees", num_trees, 1)
    check_at_least("max_bins", max_bins, 2)
    _check_max_features(max_features)
    if penalty is None:
        penalty = LOGISTIC_PENALTY if estimator == "logistic" else LASSO_PENALTY
    if not penalty > 0:
        raise ValueError(f"penalty must be above 0, got {penalty}")
    return EstimatorOptions(num_trees, max_bins, max_features, penalty)


def _check_max_features(max_features: Literal["sqrt"] | int | float | None) -> None:
    if isinstance(max_features, str):
        check_choice("max_features", max_features, ("sqrt",))
    elif isinstance(max_features, float) and not 0 < max_features <= 1:
        raise ValueError(f"max_features must be above 0 and at most 1 as a share of the latents, got {max_features}")
    elif isinstance(max_features, int):
        check_at_least("max_features", max_features, 1)


def _parts(importances: Floats, varying: list[int]) -> tuple[Tensor, Tensor]:
    """Return disentanglement ``(D,)`` and completeness ``(K,)``, over the factors that vary."""
    latent_dim, num_factors = importances.shape
    per_latent = torch.full((latent_dim,), torch.nan, dtype=torch.float64)
    per_factor = torch.full((num_factors,), torch.nan, dtype=torch.float64)
    matrix = torch.from_numpy(importances[:, varying])
    if matrix.numel() and not matrix.isnan().any():
        per_latent, per_factor[varying] = disentanglement_per_latent(matrix), completeness_per_factor(matrix)
    return per_latent, per_factor


def _scores(variant: str, sample: Sample, predictions: Predictions) -> dict[str, Score]:
    disentanglement, completeness = _aggregates(predictions.importances, sample.varying_factors)
    values = {
        "disentanglement": disentanglement,
        "completeness": completeness,
        "informativeness_train": mean_of_known(predictions.train),
        "informativeness_test": mean_of_known(predictions.test),
    }
    return {
        f"{variant}_{name}": Score(value, scored_on="test" if name == "informativeness_test" else "train")
        for name, value in values.items()
    }


def _aggregates(importances: Floats, varying: list[int]) -> tuple[float, float]:
    """Return disentanglement and completeness, over the factors that vary; NaN where undefined."""
    matrix = torch.from_numpy(importances[:, varying])
    if not matrix.sum() > 0:  # also if there is none, or a NaN
        return math.nan, math.nan
    latent_dim, num_factors = matrix.shape
    disentanglement = dci_disentanglement(matrix).item() if num_factors > 1 else math.nan
    return disentanglement, dci_completeness(matrix).item() if latent_dim > 1 else math.nan


def _warn_of_undefined(sample: Sample, predictions: Predictions) -> None:
    """Warn once about all scores that are NaN, with the reasons."""
    varying, reasons = sample.varying_factors, []
    total = predictions.importances[:, varying].sum()
    if not varying:
        reasons.append("dci is undefined: it needs a factor that varies")
    elif not len(sample.test_codes):
        also = ", and so are permutation importances" if math.isnan(total) else ""
        reasons.append(f"dci informativeness on the test is undefined{also}: it needs rows held out; raise num_test")
    if varying and total == 0:
        reasons.append("dci disentanglement and completeness are undefined: they need a latent with importance")
    elif varying and len(varying) < 2:
        reasons.append("dci disentanglement is undefined: it needs two factors that vary")
    if varying and total > 0 and sample.latent_dim < 2:
        reasons.append("dci completeness is undefined: it needs two latents")
    if reasons:
        warnings.warn("; ".join(reasons), stacklevel=3)


class DCI(FunctionMetric, function=dci):
    """From which latents each factor is predicted; see :func:`.functional.dci`."""

    metric = "dci"
    variants: ClassVar[Variants] = {
        "dci_lightgbm": {"estimator": "lightgbm"},
        "dci_gbt": {"estimator": "gbt"},
        "dci_forest": {"estimator": "forest"},
        "dci_lasso": {"estimator": "lasso"},
        "dci_logistic": {"estimator": "logistic"},
    }
    higher_is_better = True
    refits = True

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        # the few small coefficients that a lasso finds in noise scatter, and cost little
        self.num_chance_draws = 10 if self.arguments["estimator"] == "lasso" else 1
