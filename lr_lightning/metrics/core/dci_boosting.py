"""Gradient boosted trees on histograms that split as scikit-learn's do, in a small part of the time."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import compress
from typing import Any, NamedTuple

import numpy as np
import torch

from lr_lightning.metrics.core.boosted_trees import (
    MAX_DEPTH,
    NUM_LEAVES,
    Leaves,
    Ranks,
    Trees,
    leaves_of,
    no_splits,
    read_trees,
    shared_gains,
)
from lr_lightning.metrics.core.sample import Floats, Integers

LEARNING_RATE = 0.1  # with the depth of 3, that of the study of Locatello et al. (2019), and scikit-learn's own


class RankedCodes(NamedTuple):
    """Codes as ranks, as trees depend only on their order; shared by the trees of all factors.

    Attributes:
        ranks: Rank of each code among the different values of its latent, from 1, ``(D, N)``.
        thresholds: Midpoints between the values of each latent, to rank other codes.
        dataset: LightGBM's histogram bins; ``None`` if no latent varies.
    """

    ranks: Ranks
    thresholds: Sequence[Floats]
    dataset: Any

    def rank(self, codes: Floats) -> Ranks:
        """Return where trees send ``codes`` (M, D), as ranks ``(D, M)``."""
        rows = [np.searchsorted(t, z) + 1 for t, z in zip(self.thresholds, codes.T, strict=True)]
        return np.stack(rows).astype(self.ranks.dtype)


class BoostedTrees(NamedTuple):
    """Trees fitted to one factor.

    Attributes:
        importances: Share ``(D,)`` of each latent in the decrease of squared error at all splits; 0 if there are none.
        predict: Returns the factor's values ``(M,)`` for codes ``(M, D)``.
        fitted: What it predicts for the rows that it was fitted to, ``(N,)``.
    """

    importances: Floats
    predict: Callable[[Floats], Integers]
    fitted: Integers


def rank_codes(codes: Floats, max_bins: int) -> RankedCodes:
    """Rank ``codes`` (N, D), and put each latent into at most ``max_bins`` bins."""
    import lightgbm

    values = [np.unique(column, return_inverse=True) for column in codes.astype(np.float64).T]
    ranks = np.stack([inverse for _, inverse in values]) + 1
    thresholds = [distinct[:-1] / 2 + distinct[1:] / 2 for distinct, _ in values]
    dataset = None
    if ranks.max() > 1:
        dataset = lightgbm.Dataset(ranks.T.astype(np.float64), params=_parameters(max_bins)).construct()
    return RankedCodes(ranks.astype(np.min_scalar_type(len(codes))), thresholds, dataset)


def fit_boosted_trees(codes: RankedCodes, factor: Integers, num_trees: int, max_bins: int) -> BoostedTrees:
    r"""Fit ``num_trees`` rounds of one tree a value to a ``factor`` (N,), by the multinomial log-likelihood.

    As scikit-learn's, trees split where the squared error of the residuals :math:`y - p` falls most, whatever the
    curvature; LightGBM does so when given a curvature of 1. Their leaves then take Newton's step. Where several
    latents part the rows of a node alike, scikit-learn picks one at random and LightGBM the first; here they share its
    importance equally, which is what the random choice amounts to on average.

    The trees of a round do not depend on one another: PyTorch's number of threads grow some values' trees each, with
    the same result for any number.
    """
    values, labels = np.unique(factor, return_inverse=True)
    prior = np.log(np.bincount(labels) / len(labels))
    if codes.dataset is None:
        most_frequent = values[prior.argmax()]
        none = np.zeros(len(codes.ranks))
        return BoostedTrees(
            none, lambda others: np.full(len(others), most_frequent), np.full(len(factor), most_frequent)
        )

    num_values = len(values)
    scores = np.tile(prior[:, None], (1, len(labels)))
    probabilities = np.empty_like(scores)
    num_parts = min(torch.get_num_threads(), num_values)
    shares = np.array_split(np.arange(num_values), num_parts)
    parts = [_Values(codes, labels, share, num_values, max_bins) for share in shares]
    with ThreadPoolExecutor(num_parts, initializer=_silence) as pool:
        for _ in range(num_trees):
            _softmax(scores, out=probabilities)
            found = list(pool.map(lambda part: part.grow(probabilities, scores), parts))
            if not any(found):
                break
            for part in compress(parts, np.logical_not(found)):
                part.step_without_splits(probabilities, scores)

    def predict(others: Floats) -> Integers:
        ranks = codes.rank(others)
        raw = np.concatenate([part.raw_scores(ranks) for part in parts])
        best: Integers = values[(prior[:, None] + raw).argmax(axis=0)]
        return best

    importances = np.concatenate([part.gains for part in parts]).sum(axis=0)
    total = importances.sum()
    return BoostedTrees(importances / total if total > 0 else importances, predict, values[scores.argmax(axis=0)])


class _Values:
    """Boosts the scores of some of a factor's values.

    Args:
        codes: Codes to train on.
        labels: Index of the factor's value ``(N,)``.
        values: Indices of the values, in a row.
        num_values: Number of all values.
        max_bins: Bins per latent.
    """

    def __init__(self, codes: RankedCodes, labels: Integers, values: Integers, num_values: int, max_bins: int) -> None:
        import lightgbm

        shape = (len(values), len(labels))
        self.gains = np.zeros((len(values), len(codes.ranks)))
        self._values = slice(int(values[0]), int(values[-1]) + 1)
        self._ranks = codes.ranks
        self._rows = np.flatnonzero(np.isin(labels, values))  # whose value is one of these
        self._own = labels[self._rows] - values[0]
        self._rate = LEARNING_RATE * (num_values - 1) / num_values
        parameters = {**_parameters(max_bins), "objective": "none", "num_class": len(values)}
        self._booster = lightgbm.Booster(parameters, codes.dataset)
        self._trees: list[Trees] = []
        self._steps: list[Floats] = []
        # Work space: to get as much anew from the system in each round takes longer than to compute what is in it.
        self._gradients, self._product = np.empty(shape), np.empty(shape)
        self._cells = np.empty(shape, dtype=np.int64)
        self._rounded, self._curvature = np.empty(shape, dtype=np.float32), np.ones(shape, dtype=np.float32)

    def grow(self, probabilities: Floats, scores: Floats) -> bool:
        """Grow a tree for each value, add its steps to ``scores`` (V, N), and return whether any found a split."""
        np.copyto(self._gradients, probabilities[self._values])
        self._gradients[self._own, self._rows] -= 1
        np.copyto(self._rounded, self._gradients, casting="same_kind")
        objective = self._rounded.T.squeeze(), self._curvature.T.squeeze()
        if self._booster.update(fobj=lambda *_: objective):
            return False
        grown = self._booster.model_to_string(num_iteration=1, start_iteration=self._booster.current_iteration() - 1)
        trees = read_trees(grown, self._ranks.shape[1], self._ranks.dtype)
        leaves = leaves_of(trees, self._ranks)
        self.gains += shared_gains(trees, leaves, self._ranks)
        self._step(trees, leaves, probabilities[self._values], scores[self._values])
        return True

    def step_without_splits(self, probabilities: Floats, scores: Floats) -> None:
        """Take the steps of trees of one leaf, after :meth:`grow` found no split."""
        trees = no_splits(*self._gradients.shape, self._ranks.dtype)
        leaves = np.zeros(self._gradients.shape, dtype=np.uint8)
        self._step(trees, leaves, probabilities[self._values], scores[self._values])

    def raw_scores(self, ranks: Ranks) -> Floats:
        """Return the sum of all steps ``(V, M)`` of rows with the given ``ranks`` (D, M)."""
        raw = np.zeros((len(self._gradients), ranks.shape[1]))
        for trees, steps in zip(self._trees, self._steps, strict=True):
            raw += steps.take(_number_cells(leaves_of(trees, ranks)))
        return raw

    def _step(self, trees: Trees, leaves: Leaves, probabilities: Floats, scores: Floats) -> None:
        """Add Newton's step of each leaf to the ``scores`` of its rows."""
        cells = _number_cells(leaves, out=self._cells)
        np.subtract(1, probabilities, out=self._product)
        self._product *= probabilities
        slope, curvature = _sums(cells, self._gradients), _sums(cells, self._product)
        newton = np.divide(slope, curvature, out=np.zeros_like(slope), where=curvature > 1e-150)
        steps = -self._rate * newton
        scores += steps.take(cells, out=self._product, mode="clip")  # checks of the cells would need a copy
        self._trees.append(trees)
        self._steps.append(steps)


def _silence() -> None:
    """Set LightGBM's verbosity for this thread; each thread has its own."""
    import lightgbm

    lightgbm.Dataset(np.zeros((1, 1)), params={"verbosity": -1}).construct()


def _number_cells(leaves: Leaves, out: Integers | None = None) -> Integers:
    """Number the leaves of all trees; ``leaves`` and result are ``(T, N)``."""
    cells: Integers = np.add(leaves, NUM_LEAVES * np.arange(len(leaves))[:, None], out=out)
    return cells


def _sums(cells: Integers, parts: Floats) -> Floats:
    """Return the sum of ``parts`` (T, N) in each cell, ``(T * leaves,)``."""
    sums: Floats = np.bincount(cells.ravel(), parts.ravel(), minlength=NUM_LEAVES * len(cells)).astype(
        np.float64, copy=False
    )
    return sums


def _softmax(scores: Floats, out: Floats) -> None:
    """Write the probability of each value to ``out``, for scores ``(V, N)``."""
    np.subtract(scores, scores.max(axis=0), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=0)


def _parameters(max_bins: int) -> dict[str, object]:
    return {
        "num_leaves": NUM_LEAVES,
        "max_depth": MAX_DEPTH,
        "max_bin": max_bins,
        "min_data_in_bin": 1,
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": 0.0,
        "lambda_l2": 0.0,
        "feature_pre_filter": False,
        "enable_bundle": False,
        "force_col_wise": True,
        "deterministic": True,
        "num_threads": 1,  # sums in another order would differ in their last digits
        "seed": 0,  # nothing is drawn
        "verbosity": -1,
    }
