"""Pairs of latents, ordered by their responses."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lr_lightning.assays.latent_pairs import strongest_pairs

MATRIX = torch.tensor([[1.0, 0.3, 0.0, 0.0], [0.0, 0.9, 0.2, 0.0], [0.0, 0.25, 0.1, 0.0], [0.0, 0.0, 0.0, 0.8]])


def test_both_directions_count_and_ties_go_to_the_more_active() -> None:
    # (1, 2): .2^2 + .25^2 = .1025 > .09; then pairs that do not respond, by their activity
    assert strongest_pairs(MATRIX, 10) == [(1, 2), (0, 1), (0, 3), (1, 3), (0, 2), (2, 3)]


def test_active_pairs_come_first_and_others_fill_up() -> None:
    active = torch.tensor([True, True, False, True])
    assert strongest_pairs(MATRIX, 4, active) == [(0, 1), (0, 3), (1, 3), (1, 2)]
    assert strongest_pairs(MATRIX, 1, torch.zeros(4, dtype=torch.bool)) == [(1, 2)]


def test_inactive_latents_of_a_scaled_matrix_count_as_silent() -> None:
    matrix = MATRIX.clone()
    matrix[:, 1] = torch.nan
    assert strongest_pairs(matrix, 2) == [(1, 2), (0, 3)]  # 2 still receives nothing, but 1 answers 2: .2


@given(seed=st.integers(0, 10_000), dim=st.integers(2, 7))
def test_matches_a_plain_sort_and_follows_names(seed: int, dim: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.rand(dim, dim, generator=generator)
    m = matrix.numpy()
    expected = sorted(combinations(range(dim), 2), key=lambda p: -np.hypot(m[p], m[p[::-1]]))
    assert strongest_pairs(matrix, 100) == expected
    order = torch.randperm(dim, generator=generator)
    renamed = strongest_pairs(matrix[order][:, order], 100)
    assert [tuple(sorted(order[list(pair)].tolist())) for pair in renamed] == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"matrix": torch.zeros(2, 3)}, r"matrix .*got \(2, 3\)"),
        ({"matrix": torch.zeros(1, 1)}, r"matrix .*got \(1, 1\)"),
        ({"num_pairs": 0}, "num_pairs .*got 0"),
        ({"active": torch.ones(3, dtype=torch.bool)}, "active .*got torch.bool of shape"),
        ({"active": torch.ones(4)}, "active .*got torch.float32"),
    ],
)
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        strongest_pairs(**({"matrix": MATRIX} | arguments))
