"""Interventions and donors."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lr_lightning.assays import (
    derangement,
    epsilon_donors,
    intervene,
    marginal_donors,
    prior_samples,
    resampled_donors,
)


def test_replaces_one_latent_out_of_place() -> None:
    codes = torch.arange(6.0).view(2, 3)
    before = codes.clone()
    assert intervene(codes, 2, torch.tensor([7.0, 8.0])).tolist() == [[0, 1, 7], [3, 4, 8]]
    assert intervene(codes, 0, 9.0).tolist() == [[9, 1, 2], [9, 4, 5]]
    assert torch.equal(codes, before)
    with pytest.raises(IndexError):
        intervene(codes, 3, 0.0)


@given(num_items=st.integers(2, 50), seed=st.integers(0, 1000))
def test_derangement_is_one_cycle_through_all_items(num_items: int, seed: int) -> None:
    donors = derangement(num_items, torch.Generator().manual_seed(seed)).tolist()
    visited, item = [], 0
    for _ in range(num_items):
        visited.append(item)
        item = donors[item]
    assert item == 0
    assert sorted(visited) == list(range(num_items))


def test_every_other_item_is_equally_likely_to_be_the_donor() -> None:
    generator = torch.Generator().manual_seed(0)
    counts = torch.bincount(torch.tensor([int(derangement(5, generator)[0]) for _ in range(4000)]), minlength=5)
    assert counts[0] == 0
    # binomial with p = 1/4: standard error sqrt(4000 * 3/16) = 27; five of them
    assert (counts[1:] - 1000).abs().max() < 137


def test_marginal_donors_shuffle_each_latent_on_its_own(codes: Tensor) -> None:
    donors = marginal_donors(codes, torch.Generator().manual_seed(0))
    assert torch.equal(donors.sort(dim=0).values, codes.sort(dim=0).values)
    assert (donors != codes).all()
    first, second = ((donors[:, j, None] == codes[:, j]).nonzero()[:, 1] for j in (0, 1))
    assert not torch.equal(first, second)


def test_resampled_donors_come_from_their_column() -> None:
    donors = torch.tensor([[1.0, 10.0], [2.0, 20.0]])
    drawn = resampled_donors(donors, 200, torch.Generator().manual_seed(0))
    assert torch.unique(drawn[:, 0]).tolist() == [1, 2]
    assert torch.unique(drawn[:, 1]).tolist() == [10, 20]
    assert not torch.equal(drawn[:, 0] * 10, drawn[:, 1])


def test_epsilon_donors_move_by_a_multiple_of_the_spread(codes: Tensor) -> None:
    before = codes.clone()
    steps = epsilon_donors(codes, 0.5, torch.Generator().manual_seed(0)) - codes
    spread = torch.from_numpy(codes.numpy().std(axis=0))
    torch.testing.assert_close(steps.abs(), (0.5 * spread).expand(40, 3), rtol=0, atol=1e-6)
    assert 0 < int((steps > 0).sum()) < steps.numel()
    assert torch.equal(codes, before)


def test_prior_is_standard_normal() -> None:
    samples = prior_samples(10_000, 2, torch.Generator().manual_seed(0))
    # standard errors: mean 1 / sqrt(20000) = .0071; std 1 / sqrt(40000) = .005; five of each
    assert samples.mean().item() == pytest.approx(0, abs=0.036)
    assert samples.std().item() == pytest.approx(1, abs=0.025)
    assert torch.equal(prior_samples(3, 2), prior_samples(3, 2))


def test_rejects_too_few_items() -> None:
    with pytest.raises(ValueError, match=r"num_items .*got 1"):
        derangement(1)
    with pytest.raises(ValueError, match=r"codes .*got 1"):
        epsilon_donors(torch.zeros(1, 2))
