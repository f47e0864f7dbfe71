"""Fits of scikit-learn's classifiers without remarks that a metric has no use for."""

import warnings
from typing import TypeVar

from lr_lightning.metrics.functional.sample import Floats, Integers

_Classifier = TypeVar("_Classifier")


def fit_quietly(classifier: _Classifier, codes: Floats, factor: Integers) -> _Classifier:
    """Fit ``classifier`` to ``codes`` (N, D) and ``factor`` (N,), and return it.

    Silent is what scikit-learn says of factors with many values for the rows, which are classes all the same, and of
    solvers that stopped at their last iteration, where the score is that of the classifier as it stands.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes is greater than", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(codes, factor)  # type: ignore[attr-defined]
    return classifier
