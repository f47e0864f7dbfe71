"""Trees that LightGBM grew, as arrays: which leaf each row falls into, and how much each latent contributes."""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lr_lightning.metrics.core.sample import Floats, Integers

MAX_DEPTH = 3
NUM_LEAVES = 1 << MAX_DEPTH
_NUM_SPLITS = NUM_LEAVES - 1
_NUM_WITNESSES = 32

Ranks = NDArray[np.unsignedinteger]
Leaves = NDArray[np.uint8]


class Trees(NamedTuple):
    """Trees as arrays ``(T, splits)``, each split applied after those before it.

    The split number ``s`` divides a leaf: rows of higher rank move to the new leaf ``s + 1``, the others stay.

    Attributes:
        divided: Leaf that each split divides.
        latent: Latent that it looks at.
        threshold: Highest rank that stays; the highest of all where a tree has fewer splits.
        gain: Decrease of squared error, 0 where a tree has fewer splits.
        sizes: Number of rows in each leaf ``(T, leaves)``, of those that the trees were grown on.
    """

    divided: Leaves
    latent: Integers
    threshold: Ranks
    gain: Floats
    sizes: Integers


def no_splits(num_trees: int, num_rows: int, dtype: np.dtype[np.unsignedinteger]) -> Trees:
    """Return trees of a single leaf with ``num_rows`` rows, for ranks of type ``dtype``."""
    shape = (num_trees, _NUM_SPLITS)
    threshold = np.full(shape, np.iinfo(dtype).max, dtype=dtype)
    sizes = np.zeros((num_trees, NUM_LEAVES), dtype=np.int64)
    sizes[:, 0] = num_rows
    return Trees(np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.int64), threshold, np.zeros(shape), sizes)


def read_trees(model: str, num_rows: int, dtype: np.dtype[np.unsignedinteger]) -> Trees:
    """Return the trees in a ``model`` that LightGBM wrote as text.

    Reading the text takes a small part of the time of the dictionaries that LightGBM's ``dump_model`` returns.

    Args:
        model: The text.
        num_rows: Number of rows that the trees were grown on.
        dtype: Type of their ranks.
    """
    num_splits = _numbers(model, "num_leaves").astype(np.int64) - 1
    exists = np.arange(_NUM_SPLITS) < num_splits[:, None]
    trees = no_splits(len(num_splits), num_rows, dtype)
    trees.latent[exists] = _numbers(model, "split_feature")
    trees.threshold[exists] = np.floor(_numbers(model, "threshold"))  # they lie halfway between two ranks
    trees.gain[exists] = _numbers(model, "split_gain")
    trees.sizes[np.arange(NUM_LEAVES) <= num_splits[:, None]] = _numbers(model, "leaf_count")
    trees.sizes[num_splits == 0, 0] = num_rows  # LightGBM does not count the rows of all trees without splits
    left = np.full(exists.shape, -1)
    left[exists] = _numbers(model, "left_child")
    for split in reversed(range(_NUM_SPLITS)):
        # A child is a later split, or -1 - leaf. A new leaf is always the right one, so the divided leaf is leftmost.
        child = left[:, split]
        later = trees.divided[np.arange(len(left)), np.maximum(child, 0)]
        trees.divided[:, split] = np.where(child < 0, -1 - child, later)
    return trees


def _numbers(model: str, name: str) -> Floats:
    """Return all numbers in the lines ``name=...`` of a model."""
    return np.fromstring(" ".join(re.findall(rf"\n{name}=(.*)", model)), sep=" ")


def leaves_of(trees: Trees, ranks: Ranks) -> Leaves:
    """Return the leaf of each row in each tree ``(T, N)``, for ranks ``(D, N)``."""
    leaves = np.zeros((len(trees.latent), ranks.shape[1]), dtype=np.uint8)
    for split in range(_NUM_SPLITS):
        divided = trees.divided[:, split, None]
        moves = ranks[trees.latent[:, split]] > trees.threshold[:, split, None]
        moves &= leaves == divided
        leaves += moves.view(np.uint8) * (np.uint8(split + 1) - divided)
    return leaves


def shared_gains(trees: Trees, leaves: Leaves, ranks: Ranks) -> Floats:
    """Return each latent's gain in each tree ``(T, D)``; latents that part the rows of a node alike share its gain.

    Args:
        trees: The trees.
        leaves: Leaves ``(T, N)`` of the rows that they were grown on.
        ranks: Ranks ``(D, N)`` of these rows.
    """
    ranges = _ranges_of_witnesses(leaves, trees.sizes, ranks)
    parts, known = _parting_latents(trees, ranges)
    # A few rows of both sides show that a latent does not part them; all are looked at only where these do not.
    unknown: NDArray[np.bool_] = np.any(parts & ~known, axis=1)  # (T, D)
    for tree in np.flatnonzero(unknown.any(axis=1)):
        order = np.argsort(leaves[tree], kind="stable")
        for latent in np.flatnonzero(unknown[tree]):
            ranges[tree, :, :, latent] = _ranges(ranks[latent], order, trees.sizes[tree])
    parts, _ = _parting_latents(trees, ranges)
    gains: Floats = (trees.gain[:, :, None] * parts / parts.sum(axis=2, keepdims=True)).sum(axis=1)
    return gains


def _ranges_of_witnesses(leaves: Leaves, sizes: Integers, ranks: Ranks) -> Ranks:
    """Return least and largest rank ``(T, leaves, 2, D)`` of the first rows of each leaf."""
    within = np.minimum(np.arange(_NUM_WITNESSES), np.maximum(sizes, 1)[:, :, None] - 1)
    starts = np.minimum(sizes.cumsum(axis=1) - sizes, leaves.shape[1] - 1)  # that of a missing leaf lies behind all
    places = starts[:, :, None] + within  # of the rows sorted by leaf
    rows = np.stack([np.argsort(leaf, kind="stable")[each] for leaf, each in zip(leaves, places, strict=True)])
    found = ranks[:, rows]  # (D, T, leaves, witnesses)
    ranges = np.stack([found.min(axis=-1), found.max(axis=-1)], axis=-1)  # (D, T, leaves, 2)
    return np.ascontiguousarray(np.moveaxis(ranges, 0, -1))


def _ranges(ranks: Ranks, order: Integers, sizes: Integers) -> Ranks:
    """Return least and largest rank ``(leaves, 2)`` of one latent in each leaf of a tree."""
    ranges = np.zeros((NUM_LEAVES, 2), dtype=ranks.dtype)
    present = np.flatnonzero(sizes)
    starts = (np.cumsum(sizes) - sizes)[present]
    grouped = ranks[order]
    ranges[present, 0] = np.minimum.reduceat(grouped, starts)
    ranges[present, 1] = np.maximum.reduceat(grouped, starts)
    return ranges


def _parting_latents(trees: Trees, ranges: Ranks) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which latents part the rows of each split into the same two sets, by the ``ranges`` of the leaves.

    Returns:
        ``(T, splits, D)`` bool, and for which of them all rows are witnesses or it does not matter.
    """
    every, ranges, small = np.arange(len(ranges)), ranges.copy(), trees.sizes <= _NUM_WITNESSES
    exists = trees.threshold < np.iinfo(trees.threshold.dtype).max
    parts = np.zeros((len(ranges), _NUM_SPLITS, ranges.shape[-1]), dtype=bool)
    known = np.zeros_like(parts)
    for split in reversed(range(_NUM_SPLITS)):
        divided, there = trees.divided[:, split], exists[:, split]
        left, right = ranges[every, divided], ranges[:, split + 1]
        parts[:, split] = (left[:, 1] < right[:, 0]) | (right[:, 1] < left[:, 0])
        parts[every, split, trees.latent[:, split]] = True  # also where a tree has no such split, to divide by 1
        small[every, divided] &= small[:, split + 1] | ~there
        known[:, split] = (small[every, divided] | ~there)[:, None]
        known[every, split, trees.latent[:, split]] = True
        both = np.stack([np.minimum(left[:, 0], right[:, 0]), np.maximum(left[:, 1], right[:, 1])], axis=1)
        ranges[every, divided] = np.where(there[:, None, None], both, left)
    return parts, known
