"""Fits of scikit-learn's models without warnings that do not matter to a metric."""

import warnings
from typing import TypeVar

from lr_lightning.metrics.core.sample import Floats, Integers

_Model = TypeVar("_Model")


def fit_quietly(model: _Model, codes: Floats, target: Floats | Integers) -> _Model:
    """Fit ``model`` to ``codes`` (N, D) and ``target`` (N,) or (N, T), and return it.

    Silences warnings about factors with many values for the number of rows, which are classes all the same, and about
    solvers that reached their last iteration: the model is scored as it is then.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes is greater than", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(codes, target)  # type: ignore[attr-defined]
    return model
