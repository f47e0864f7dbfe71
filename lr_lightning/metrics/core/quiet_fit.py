"""Fits of scikit-learn's models without warnings that do not matter to a metric."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from lr_lightning.metrics.core.sample import Floats, Integers

_Model = TypeVar("_Model")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def fit_quietly(model: _Model, codes: Floats, target: Floats | Integers) -> _Model:
    """Fit ``model`` to ``codes`` (N, D) and ``target`` (N,) or (N, T), and return it.

    Silences warnings about factors with many values for the number of rows, which are classes all the same, and about
    solvers that reached their last iteration: the model is scored as it is then.
    """
    with _quiet():
        model.fit(codes, target)  # type: ignore[attr-defined]
    return model


def fit_in_threads(fit: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Return ``fit`` of each item, computed by as many threads as PyTorch uses, and as quietly as :func:`fit_quietly`.

    Args:
        fit: Fits a model of scikit-learn and scores it. It must leave the filters of warnings alone, which all threads
            share.
        items: What to fit to.
    """
    from threadpoolctl import threadpool_limits

    # Products of matrices in threads of their own would compete with these, and be summed in another order.
    with _quiet(), threadpool_limits(1, "blas"), ThreadPoolExecutor(torch.get_num_threads()) as pool:
        return list(pool.map(fit, items))


@contextmanager
def _quiet() -> Iterator[None]:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes is greater than", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
