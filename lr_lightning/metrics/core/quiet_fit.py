"""Fits of scikit-learn's models without remarks that a metric has no use for."""

import warnings
from typing import TypeVar

from lr_lightning.metrics.core.sample import Floats, Integers

_Model = TypeVar("_Model")


def fit_quietly(model: _Model, codes: Floats, target: Floats | Integers) -> _Model:
    """Fit ``model`` to ``codes`` (N, D) and ``target`` (N,) or (N, T), and return it.

    Silent is what scikit-learn says of factors with many values for the rows, which are classes all the same, and of
    solvers that stopped at their last iteration, where the score is that of the model as it stands.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes is greater than", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(codes, target)  # type: ignore[attr-defined]
    return model
