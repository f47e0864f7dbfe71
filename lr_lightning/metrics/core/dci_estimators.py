"""Estimators that predict a factor, with the importance of each latent."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

from lr_lightning.metrics.core.boosted_trees import MAX_DEPTH
from lr_lightning.metrics.core.dci_boosting import LEARNING_RATE, fit_boosted_trees, rank_codes
from lr_lightning.metrics.core.quiet_fit import fit_quietly
from lr_lightning.metrics.core.sample import Floats, Integers

Estimator: TypeAlias = Literal["lightgbm", "gbt", "forest", "lasso", "logistic"]
ESTIMATORS = ("lightgbm", "gbt", "forest", "lasso", "logistic")
LASSO_PENALTY, LOGISTIC_PENALTY = 0.015, 0.001
_MAX_ITERATIONS = {"lasso": 10_000, "logistic": 200}


class Fit(NamedTuple):
    """An estimator fitted to one factor.

    Attributes:
        importances: Importance ``(D,)`` of each latent as the estimator reports it, not negative.
        predict: Returns values ``(M,)`` of the factor for codes ``(M, D)``.
        fitted: What it predicts for the rows that it was fitted to, ``(N,)``.
    """

    importances: Floats
    predict: Callable[[Floats], Floats | Integers]
    fitted: Floats | Integers


class EstimatorOptions(NamedTuple):
    """Options of the estimators, each of which uses those it needs.

    Attributes:
        num_trees: Rounds of boosting, or trees of a forest.
        max_bins: Bins per latent of the histogram booster.
        max_features: Latents that a split of a forest may choose from; all if ``None``.
        penalty: Weight of the absolute coefficients against the mean loss of a row.
    """

    num_trees: int
    max_bins: int
    max_features: Literal["sqrt"] | int | float | None
    penalty: float

    def of(self, estimator: Estimator) -> dict[str, object]:
        """Return the options that ``estimator`` uses, and its fixed parameters."""
        if estimator == "lightgbm":
            boosting = {"max_depth": MAX_DEPTH, "learning_rate": LEARNING_RATE}
            return {"num_trees": self.num_trees, **boosting, "max_bins": self.max_bins}
        if estimator == "gbt":
            return {"num_trees": self.num_trees, "max_depth": MAX_DEPTH, "learning_rate": LEARNING_RATE}
        if estimator == "forest":
            return {"num_trees": self.num_trees, "max_features": self.max_features}
        return {"penalty": self.penalty, "max_iterations": _MAX_ITERATIONS[estimator]}


def prepare(estimator: Estimator, codes: Floats, options: EstimatorOptions) -> Callable[[Integers, int], Fit]:
    """Return a function that fits the estimator to the factor ``(N,)`` and seed it is given, from ``codes`` (N, D)."""
    if estimator == "lightgbm":
        ranked = rank_codes(codes, options.max_bins)
        return lambda factor, _: Fit(*fit_boosted_trees(ranked, factor, options.num_trees, options.max_bins))
    if estimator == "gbt":
        return lambda factor, seed: _fit_trees(_boosting(options, seed), codes, factor)
    if estimator == "forest":
        return lambda factor, seed: _fit_trees(_forest(options, seed), codes, factor)
    scaled = Standardization(codes)
    if estimator == "lasso":
        return lambda factor, _: _fit_lasso(scaled, codes, factor, options.penalty)
    return lambda factor, seed: _fit_logistic(scaled, codes, factor, options.penalty, seed)


class Standardization:
    """Scales codes by the mean and deviation of those to train on; a latent that was constant becomes 0.

    Args:
        codes: Codes to train on ``(N, D)``.
    """

    def __init__(self, codes: Floats) -> None:
        self.mean, deviation = codes.mean(axis=0, dtype=np.float64), codes.std(axis=0, dtype=np.float64)
        self.scale = np.where(np.ptp(codes, axis=0) > 0, 1 / np.maximum(deviation, np.finfo(np.float64).tiny), 0.0)

    def __call__(self, codes: Floats) -> Floats:
        """Return ``codes`` (M, D), scaled."""
        scaled: Floats = (codes - self.mean) * self.scale
        return scaled


def _boosting(options: EstimatorOptions, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    return GradientBoostingClassifier(
        n_estimators=options.num_trees, max_depth=MAX_DEPTH, learning_rate=LEARNING_RATE, random_state=seed
    )


def _forest(options: EstimatorOptions, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(options.num_trees, max_features=options.max_features, random_state=seed)


def _fit_trees(model: Any, codes: Floats, factor: Integers) -> Fit:
    fit_quietly(model, codes, factor)
    return Fit(np.abs(model.feature_importances_), model.predict, model.predict(codes))  # round-off may leave -1e-17


def _fit_lasso(scaled: Standardization, codes: Floats, factor: Integers, penalty: float) -> Fit:
    """Regress the standardized index of the value, so that factors of all sizes have the same weight."""
    from sklearn.linear_model import Lasso

    mean, deviation = factor.mean(), factor.std()
    # it draws nothing, but without a seed it would take a number from NumPy's global generator
    model = Lasso(penalty, max_iter=_MAX_ITERATIONS["lasso"], random_state=0)
    fit_quietly(model, scaled(codes), (factor - mean) / deviation)

    def predict(others: Floats) -> Floats:
        values: Floats = mean + deviation * model.predict(scaled(others))
        return values

    return Fit(np.abs(model.coef_), predict, predict(codes))


def _fit_logistic(scaled: Standardization, codes: Floats, factor: Integers, penalty: float, seed: int) -> Fit:
    from sklearn.linear_model import LogisticRegression

    # scikit-learn 1.8 replaced the name of the penalty by the share of its absolute part
    renamed = getattr(LogisticRegression(), "penalty", "deprecated") == "deprecated"
    kind: dict[str, Any] = {"l1_ratio": 1.0} if renamed else {"penalty": "l1"}
    weight = 1 / (penalty * len(codes))
    model = LogisticRegression(
        C=weight, solver="saga", tol=1e-3, max_iter=_MAX_ITERATIONS["logistic"], random_state=seed, **kind
    )
    model = fit_quietly(model, scaled(codes), factor)
    return Fit(
        np.abs(model.coef_).sum(axis=0), lambda others: model.predict(scaled(others)), model.predict(scaled(codes))
    )
