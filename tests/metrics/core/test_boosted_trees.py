"""Trees read from LightGBM's text, compared with LightGBM's own leaves and a walk through its dictionaries."""

from typing import Any

import lightgbm
import numpy as np
import pytest
from numpy.typing import NDArray

from lr_lightning.metrics.core import boosted_trees
from lr_lightning.metrics.core.boosted_trees import (
    MAX_DEPTH,
    NUM_LEAVES,
    leaves_of,
    no_splits,
    read_trees,
    shared_gains,
)

NUM_ROWS, NUM_TREES = 600, 16
PARAMETERS = {
    "objective": "none",
    "num_class": NUM_TREES,
    "num_leaves": NUM_LEAVES,
    "max_depth": MAX_DEPTH,
    "min_data_in_leaf": 1,
    "min_data_in_bin": 1,
    "min_sum_hessian_in_leaf": 0.0,
    "verbosity": -1,
    "num_threads": 1,
}


def ranks_of_codes(rng: np.random.Generator) -> NDArray[np.uint16]:
    """Return ranks ``(5, N)``: three of noise, a copy of the first in reverse, and one of few values."""
    ranks = np.stack([rng.permutation(NUM_ROWS) + 1 for _ in range(3)])
    return np.stack([*ranks, NUM_ROWS + 1 - ranks[0], rng.integers(1, 4, NUM_ROWS)]).astype(np.uint16)


def grown(targets: NDArray[np.floating], ranks: NDArray[np.uint16]) -> lightgbm.Booster:
    """Return a booster with one tree for each row of ``targets`` (T, N)."""
    dataset = lightgbm.Dataset(ranks.T.astype(np.float64), params=PARAMETERS)
    booster = lightgbm.Booster(PARAMETERS, dataset)
    booster.update(fobj=lambda *_: (-targets.T.astype(np.float32), np.ones_like(targets.T, dtype=np.float32)))
    return booster


@pytest.fixture
def forest() -> tuple[lightgbm.Booster, NDArray[np.uint16]]:
    """Trees that split the copied latent, few values, noise, nothing, and that part few rows from the others."""
    rng = np.random.default_rng(0)
    ranks = ranks_of_codes(rng)
    targets = rng.normal(size=(NUM_TREES, NUM_ROWS))
    targets[0] += ranks[0] > 200
    targets[1] += 3 * (ranks[4] == 2)
    targets[3] = 0
    targets[4:] *= rng.random((NUM_TREES - 4, NUM_ROWS)) < 0.01
    return grown(targets, ranks), ranks


def test_leaves_are_those_of_lightgbm(forest: tuple[lightgbm.Booster, NDArray[np.uint16]]) -> None:
    booster, ranks = forest
    trees = read_trees(booster.model_to_string(), NUM_ROWS, ranks.dtype)
    expected = np.asarray(booster.predict(ranks.T.astype(np.float64), pred_leaf=True)).T
    leaves = leaves_of(trees, ranks)
    np.testing.assert_array_equal(leaves, expected)
    counts = [np.bincount(leaf, minlength=NUM_LEAVES) for leaf in expected]
    np.testing.assert_array_equal(trees.sizes, counts)
    num_leaves = [len(np.unique(leaf)) for leaf in leaves]
    assert num_leaves[:4] == [8, 8, 8, 1]
    assert any(1 < number < 8 for number in num_leaves)


@pytest.mark.parametrize("num_witnesses", [1, 4, 32])
def test_gains_are_shared_by_latents_that_part_rows_alike(
    forest: tuple[lightgbm.Booster, NDArray[np.uint16]], num_witnesses: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boosted_trees, "_NUM_WITNESSES", num_witnesses)
    booster, ranks = forest
    expected = np.zeros(len(ranks))
    num_shared = 0

    def walk(node: dict[str, Any], rows: NDArray[np.int64]) -> None:
        nonlocal num_shared
        if "split_index" not in node:
            return
        stays = ranks[node["split_feature"], rows] <= node["threshold"]
        left, right = ranks[:, rows[stays]], ranks[:, rows[~stays]]
        alike = (left.max(axis=1) < right.min(axis=1)) | (right.max(axis=1) < left.min(axis=1))
        assert alike[node["split_feature"]]
        num_shared += alike.sum() > 1
        expected[alike] += node["split_gain"] / alike.sum()
        walk(node["left_child"], rows[stays])
        walk(node["right_child"], rows[~stays])

    for tree in booster.dump_model()["tree_info"]:
        walk(tree["tree_structure"], np.arange(NUM_ROWS))
    assert num_shared > 10
    trees = read_trees(booster.model_to_string(), NUM_ROWS, ranks.dtype)
    gains = shared_gains(trees, leaves_of(trees, ranks), ranks).sum(axis=0)
    np.testing.assert_allclose(gains, expected, rtol=1e-5)  # the text has six digits of a gain
    assert gains[0] == pytest.approx(gains[3], rel=1e-12)


def test_trees_of_one_leaf() -> None:
    ranks = ranks_of_codes(np.random.default_rng(1))
    trees = no_splits(2, NUM_ROWS, ranks.dtype)
    assert not leaves_of(trees, ranks).any()
    assert trees.sizes[:, 0].tolist() == [NUM_ROWS, NUM_ROWS]
    assert not shared_gains(trees, leaves_of(trees, ranks), ranks).any()
