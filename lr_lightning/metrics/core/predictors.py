"""Classifiers of factors from codes, for scores of downstream tasks."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

from lr_lightning.metrics.core.quiet_fit import fit_quietly
from lr_lightning.metrics.core.sample import Floats, Integers, Sample

Predictor: TypeAlias = Literal["lightgbm", "gbt", "logistic"]
PREDICTORS = ("lightgbm", "gbt", "logistic")
Predict: TypeAlias = Callable[[Floats], Integers]

NUM_TREES, MAX_DEPTH, LEARNING_RATE = 100, 3, 0.1  # the study's, which are scikit-learn's own


def fit(sample: Sample, predictor: Predictor, codes: Floats, labels: Integers) -> Predict:
    """Fit a classifier.

    Args:
        sample: Gives the seed, and the means and deviations that codes are standardized by: those of all rows to train
            on, since a latent that stands still in ``codes`` alone would be blown up.
        predictor: ``"lightgbm"``: gradient boosted trees on histograms; ``"gbt"``: those of scikit-learn, as in the
            study of Locatello et al. (2019), with as many trees of the same depth and rate, and many times slower;
            ``"logistic"``: logistic regression on standardized codes, which is linear and the fastest.
        codes: Codes ``(N, D)``.
        labels: Labels ``(N,)``; one that is not among them is never predicted.

    Returns:
        A function from codes ``(M, D)`` to predicted labels ``(M,)``.
    """
    values, classes = np.unique(labels, return_inverse=True)
    if len(values) == 1:
        return lambda new: np.full(len(new), values[0])
    seed = int(sample.random(f"predictor {predictor}").integers(2**31))
    if predictor == "logistic":
        standardize = _standardization(sample.codes)
        regression = _logistic(standardize(codes), classes, seed)
        return lambda new: values[regression(standardize(new))]
    trees = (_lightgbm if predictor == "lightgbm" else _gradient_boosting)(codes, classes, seed)
    return lambda new: values[trees(new)]


def fitted(sample: Sample, predictor: Predictor, factor: int, num_rows: int) -> Predict:
    """Return the classifier of a factor fitted to the first ``num_rows`` rows to train on, once per sample."""
    return sample.shared(
        ("predictor", predictor, factor, num_rows),
        lambda: fit(sample, predictor, sample.codes[:num_rows], sample.factors[:num_rows, factor]),
    )


def accuracy_held_out(sample: Sample, predictor: Predictor, factor: int, num_rows: int) -> float:
    """Return the accuracy of :func:`fitted` on the rows held out, of which there must be some, once per sample."""

    def compute() -> float:
        predicted = fitted(sample, predictor, factor, num_rows)(sample.test_codes)
        return float((predicted == sample.test_factors[:, factor]).mean())

    return sample.shared(("accuracy held out", predictor, factor, num_rows), compute)


def predictor_parameters(sample: Sample, predictor: Predictor) -> dict[str, object]:
    """Return the parameters that the results depend on."""
    trees = {"num_trees": NUM_TREES, "max_depth": MAX_DEPTH, "learning_rate": LEARNING_RATE}
    return {"predictor": predictor, **(trees if predictor != "logistic" else {}), "seed": sample.seed}


def majority_shares(sample: Sample) -> Floats:
    """Return how often the value of each factor ``(K,)`` most frequent in training is right on the rows held out.

    NaN for factors with one value, and where no rows are held out.
    """
    shares = np.full(sample.num_factors, np.nan)
    if len(sample.test_factors):
        for k in sample.varying_factors:
            shares[k] = (sample.test_factors[:, k] == np.bincount(sample.factors[:, k]).argmax()).mean()
    return shares


def _lightgbm(codes: Floats, classes: Integers, seed: int) -> Predict:
    import lightgbm

    parameters: dict[str, Any] = {
        "objective": "multiclass",
        "num_class": int(classes.max()) + 1,
        "max_depth": MAX_DEPTH,
        "num_leaves": 2**MAX_DEPTH,
        "learning_rate": LEARNING_RATE,
        "min_data_in_leaf": 1,  # scikit-learn's; the default of 20 learns nothing from 100 rows
        "seed": seed,
        "num_threads": 1,  # sums in another order would differ in their last digits
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(codes, classes, params={"verbosity": -1, "min_data_in_bin": 1})
    booster = lightgbm.train(parameters, data, num_boost_round=NUM_TREES)
    return lambda new: np.argmax(booster.predict(new, num_threads=1), axis=1)


def _gradient_boosting(codes: Floats, classes: Integers, seed: int) -> Predict:
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(
        n_estimators=NUM_TREES, max_depth=MAX_DEPTH, learning_rate=LEARNING_RATE, random_state=seed
    )
    predict: Predict = fit_quietly(model, codes, classes).predict
    return predict


def _standardization(codes: Floats) -> Callable[[Floats], Floats]:
    """Return a function that standardizes codes by the statistics of ``codes``; constant latents are only centered."""
    mean, deviation = codes.mean(axis=0, dtype=np.float64), codes.std(axis=0, dtype=np.float64)
    scale = np.where(np.ptp(codes, axis=0) > 0, deviation, 1.0)
    return lambda new: (new - mean) / scale


def _logistic(codes: Floats, classes: Integers, seed: int) -> Predict:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=1000, random_state=seed)
    # the last digits of the weights, which take longer, hardly change a prediction
    predict: Predict = fit_quietly(model, codes, classes).predict
    return predict
