"""Draws of rows that share the value of a factor."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lr_lightning.metrics.core.factor_groups import factor_groups, factors_with_groups, group_rows
from lr_lightning.metrics.core.sample import Sampling, draw


@given(st.integers(0, 99), st.integers(2, 40), st.integers(1, 6))
def test_partners_share_the_factor_that_was_asked_for(seed: int, num_rows: int, num_values: int) -> None:
    random = np.random.default_rng(seed)
    factors = random.integers(0, num_values, size=(num_rows, 3))
    groups = group_rows(factors)
    kept = random.choice(np.flatnonzero(groups.num_shared), size=50) if groups.num_shared.any() else np.zeros(0, int)
    rows = groups.draw_rows(kept, 4, random)
    partners = groups.draw_partners(rows, kept, random)
    assert rows.shape == partners.shape == (len(kept), 4)
    assert (factors[rows, kept[:, None]] == factors[partners, kept[:, None]]).all()
    assert (rows != partners).all()


def test_all_rows_of_a_group_are_drawn_alike() -> None:
    factors = np.array([[0, 0], [1, 0], [1, 0], [0, 0], [1, 1], [1, 1]])
    groups = group_rows(factors)
    random = np.random.default_rng(0)
    kept = np.zeros(1000, dtype=np.int64)
    rows = groups.draw_rows(kept, 10, random)
    np.testing.assert_allclose(np.bincount(rows.ravel()) / 10_000, 1 / 6, atol=0.02)  # five standard errors
    drawn = groups.draw_group(np.full((1000, 10), 4), kept, random)
    np.testing.assert_allclose(np.bincount(drawn.ravel()) / 10_000, [0, 0.25, 0.25, 0, 0.25, 0.25], atol=0.022)
    partners = groups.draw_partners(np.full((1000, 10), 4), kept, random)
    np.testing.assert_allclose(np.bincount(partners.ravel()) / 10_000, [0, 1 / 3, 1 / 3, 0, 0, 1 / 3], atol=0.024)


def test_a_row_alone_with_its_value_is_not_drawn() -> None:
    factors = np.array([[0], [1], [2], [1], [3]])
    groups = group_rows(factors)
    assert groups.num_shared.tolist() == [2]
    rows = groups.draw_rows(np.zeros(20, dtype=np.int64), 5, np.random.default_rng(0))
    assert set(rows.ravel().tolist()) == {1, 3}


def test_factors_without_groups_are_left_out() -> None:
    factors = torch.stack([torch.arange(12), torch.arange(12) % 3, torch.zeros(12, dtype=torch.long)], dim=1)
    sample = draw(torch.rand(12, 2), factors)
    with pytest.warns(UserWarning, match="no two rows share a value of factors 0"):
        assert factors_with_groups(sample) == [1]
    assert factors_with_groups(sample) == [1]  # and says so once


def test_one_index_serves_where_all_rows_are_drawn_from() -> None:
    factors = torch.cartesian_prod(torch.arange(3), torch.arange(4))
    train, test = factor_groups(draw(factors.float(), factors))
    assert train is test
    sample = draw(factors.float(), factors, Sampling(num_train=8, num_test=4, order="first"))
    train, test = factor_groups(sample)
    assert factor_groups(sample)[0] is train
    assert (len(train.factors), len(test.factors)) == (8, 4)
