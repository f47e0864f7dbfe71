"""Gradient boosted trees on histograms that split as scikit-learn's do, in a small part of the time."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lr_lightning.metrics.core.sample import Floats, Integers

MAX_DEPTH, LEARNING_RATE = 3, 0.1  # of the study of Locatello et al. (2019), and scikit-learn's own
_LEAVES = 1 << MAX_DEPTH
_SPLITS = _LEAVES - 1


class RankedCodes(NamedTuple):
    """Codes as ranks, as trees depend only on their order; shared by the trees of all factors.

    Attributes:
        ranks: Rank of each code among the different values of its latent, from 1, ``(N, D)``.
        thresholds: Midpoints between the values of each latent, to rank other codes.
        dataset: LightGBM's histogram bins; ``None`` if no latent varies.
    """

    ranks: NDArray[np.unsignedinteger]
    thresholds: Sequence[Floats]
    dataset: Any

    def rank(self, codes: Floats) -> Floats:
        """Return where trees send ``codes`` (M, D), as ranks."""
        columns = [np.searchsorted(t, z) + 1.0 for t, z in zip(self.thresholds, codes.T, strict=True)]
        return np.stack(columns, axis=1)


class BoostedTrees(NamedTuple):
    """Trees fitted to one factor.

    Attributes:
        importances: Share ``(D,)`` of each latent in the decrease of squared error at all splits; 0 if there are none.
        predict: Returns the factor's values ``(M,)`` for codes ``(M, D)``.
    """

    importances: Floats
    predict: Callable[[Floats], Integers]


def rank_codes(codes: Floats, max_bins: int) -> RankedCodes:
    """Rank ``codes`` (N, D), and put each latent into at most ``max_bins`` bins."""
    import lightgbm

    values = [np.unique(column, return_inverse=True) for column in codes.astype(np.float64).T]
    ranks = np.stack([inverse for _, inverse in values], axis=1) + 1
    thresholds = [distinct[:-1] / 2 + distinct[1:] / 2 for distinct, _ in values]
    dataset = None
    if ranks.max() > 1:
        dataset = lightgbm.Dataset(ranks.astype(np.float64), params=_parameters(max_bins)).construct()
    return RankedCodes(ranks.astype(np.min_scalar_type(len(codes))), thresholds, dataset)


def fit_boosted_trees(codes: RankedCodes, factor: Integers, num_trees: int, max_bins: int) -> BoostedTrees:
    r"""Fit ``num_trees`` rounds of one tree a value to a ``factor`` (N,), by the multinomial log-likelihood.

    As scikit-learn's, trees split where the squared error of the residuals :math:`y - p` falls most, whatever the
    curvature; LightGBM does so when given a curvature of 1. Their leaves then take Newton's step. Where several
    latents part the rows of a node alike, scikit-learn picks one at random and LightGBM the first; here they share its
    importance equally, which is what the random choice amounts to on average.
    """
    import lightgbm

    values, labels = np.unique(factor, return_inverse=True)
    num_rows, num_values = len(labels), len(values)
    prior = np.log(np.bincount(labels) / num_rows)
    most_frequent = values[prior.argmax()]
    without_splits = BoostedTrees(np.zeros(codes.ranks.shape[1]), lambda others: np.full(len(others), most_frequent))
    if codes.dataset is None:
        return without_splits

    booster = lightgbm.Booster({**_parameters(max_bins), "objective": "none", "num_class": num_values}, codes.dataset)
    rows = codes.ranks.astype(np.float64)
    targets, ones = np.eye(num_values)[labels], np.ones((num_rows, num_values), dtype=np.float32)
    scores = np.tile(prior, (num_rows, 1))
    steps, ranges = [], []
    for each in range(num_trees):
        probabilities = _softmax(scores)
        residuals = targets - probabilities
        gradients = (-residuals).astype(np.float32)
        if booster.update(fobj=lambda *_, gradients=gradients: (gradients, ones)):
            break  # no tree found a split
        found = booster.predict(rows, start_iteration=each, num_iteration=1, pred_leaf=True, num_threads=1)
        leaves = np.asarray(found, dtype=np.uint8).reshape(num_rows, num_values)
        cells = (leaves + np.arange(num_values) * _LEAVES).ravel()
        step = _newton_steps(cells, residuals, probabilities)
        scores += step[cells].reshape(scores.shape)
        steps.append(step.reshape(num_values, _LEAVES))
        ranges.append(_ranges_in_leaves(leaves, codes.ranks))
    if not steps:
        return without_splits

    trees = _trees(booster.dump_model()["tree_info"][: num_values * len(steps)])
    for tree, tree_steps in enumerate(np.concatenate(steps)):
        for leaf in range(trees.num_leaves[tree]):
            booster.set_leaf_output(tree, leaf, tree_steps[leaf])

    def predict(others: Floats) -> Integers:
        raw = booster.predict(codes.rank(others), raw_score=True, num_threads=1)
        best: Integers = values[(prior + raw).argmax(axis=1)]
        return best

    importances = _shared_gains(trees, np.concatenate(ranges))
    total = importances.sum()
    return BoostedTrees(importances / total if total > 0 else importances, predict)


def _parameters(max_bins: int) -> dict[str, object]:
    return {
        "num_leaves": _LEAVES,
        "max_depth": MAX_DEPTH,
        "max_bin": max_bins,
        "min_data_in_bin": 1,
        "min_data_in_leaf": 1,
        "min_sum_hessian_in_leaf": 0.0,
        "lambda_l2": 0.0,
        "feature_pre_filter": False,
        "enable_bundle": False,
        "force_row_wise": True,
        "deterministic": True,
        "num_threads": 1,  # sums in another order would differ in their last digits
        "seed": 0,  # nothing is drawn
        "verbosity": -1,
    }


def _softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: Floats = weights / weights.sum(axis=1, keepdims=True)
    return probabilities


def _newton_steps(cells: Integers, residuals: Floats, probabilities: Floats) -> Floats:
    """Return the step ``(V * leaves,)`` of each leaf of each value's tree, already times the learning rate."""
    num_values = residuals.shape[1]
    slope = np.bincount(cells, residuals.ravel(), minlength=num_values * _LEAVES)
    curvature = np.bincount(cells, (probabilities * (1 - probabilities)).ravel(), minlength=num_values * _LEAVES)
    newton = np.divide(slope, curvature, out=np.zeros_like(slope), where=curvature > 1e-150)
    step: Floats = LEARNING_RATE * (num_values - 1) / num_values * newton
    return step


def _ranges_in_leaves(leaves: NDArray[np.uint8], ranks: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
    """Return the least and the largest rank of each latent in each leaf of each tree, ``(V, leaves, 2, D)``."""
    most = np.iinfo(ranks.dtype).max
    ranges = np.empty((leaves.shape[1], _LEAVES, 2, ranks.shape[1]), dtype=ranks.dtype)
    ranges[:, :, 0], ranges[:, :, 1] = most, 0
    by_latent = np.ascontiguousarray(ranks.T)
    for tree, leaf in enumerate(leaves.T):
        counts = np.bincount(leaf, minlength=_LEAVES)
        present = np.flatnonzero(counts)
        starts = (np.cumsum(counts) - counts)[present]
        grouped = np.take(by_latent, np.argsort(leaf, kind="stable"), axis=1)
        ranges[tree, present, 0] = np.minimum.reduceat(grouped, starts, axis=1).T
        ranges[tree, present, 1] = np.maximum.reduceat(grouped, starts, axis=1).T
    return ranges


class _Trees(NamedTuple):
    """Trees as arrays ``(T, splits)``; a child is the number of a split, or of a leaf and as many splits as there are.

    Attributes:
        left: Left children.
        right: Right children.
        latent: Latent that each split looks at.
        gain: Decrease of squared error at each split, 0 where a tree has fewer.
        num_leaves: Number of leaves of each tree ``(T,)``.
    """

    left: Integers
    right: Integers
    latent: Integers
    gain: Floats
    num_leaves: Integers


def _trees(dumped: list[dict[str, Any]]) -> _Trees:
    shape = (len(dumped), _SPLITS)
    children, latent, gain = np.full((2, *shape), _SPLITS), np.zeros(shape, dtype=np.int64), np.zeros(shape)

    def read(tree: int, node: dict[str, Any]) -> int:
        if "split_index" not in node:
            leaf: int = node.get("leaf_index", 0)
            return _SPLITS + leaf
        split: int = node["split_index"]
        latent[tree, split], gain[tree, split] = node["split_feature"], node["split_gain"]
        children[0, tree, split] = read(tree, node["left_child"])
        children[1, tree, split] = read(tree, node["right_child"])
        return split

    for tree, info in enumerate(dumped):
        read(tree, info["tree_structure"])
    num_leaves = np.array([info["num_leaves"] for info in dumped])
    return _Trees(children[0], children[1], latent, gain, num_leaves)


def _shared_gains(trees: _Trees, ranges: NDArray[np.unsignedinteger]) -> Floats:
    """Return the gains of each latent ``(D,)``; latents that split a node identically share its gain equally."""
    every, latent_dim = np.arange(len(trees.left)), ranges.shape[-1]
    ranges = np.concatenate([np.empty_like(ranges[:, :_SPLITS]), ranges], axis=1)  # of splits, then of leaves
    gains = np.zeros(latent_dim)
    for split in reversed(range(_SPLITS)):  # a split is numbered before those below it
        left, right = ranges[every, trees.left[:, split]], ranges[every, trees.right[:, split]]
        ranges[:, split, 0] = np.minimum(left[:, 0], right[:, 0])
        ranges[:, split, 1] = np.maximum(left[:, 1], right[:, 1])
        parts = (left[:, 1] < right[:, 0]) | (right[:, 1] < left[:, 0])  # (T, D)
        parts[every, trees.latent[:, split]] = True  # also where a tree has no such split, to divide by 1
        gains += (trees.gain[:, split, None] * parts / parts.sum(axis=1, keepdims=True)).sum(axis=0)
    return gains
