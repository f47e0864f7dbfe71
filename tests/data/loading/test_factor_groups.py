"""How many factors and which ones differ within pairs and triplets."""

from collections import Counter
from itertools import combinations
from math import inf

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor

from lr_lightning.data import FactorCorrelation, FactorGroups, FactorPairs, FactorSpace, FactorTriplets
from lr_lightning.data.loading.training_grid import TrainingGrid

SPACE = FactorSpace(["shape", "nothing", "size", "hue", "row"], [3, 1, 5, 4, 2])
CHANGEABLE = [0, 2, 3, 4]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grid(*correlations: FactorCorrelation, without: float = 0.0) -> TrainingGrid:
    """Return the grid without a random part of this size."""
    kept = torch.rand(len(SPACE), generator=generator()) >= without
    return TrainingGrid(SPACE, torch.arange(len(SPACE))[kept], correlations)


def drawn(groups: FactorGroups, count: int = 200, seed: int = 0, on: TrainingGrid | None = None) -> Tensor:
    """Return the factors of groups, ``(count, members, K)``."""
    on = grid() if on is None else on
    groups.check(on)
    return SPACE.factors(groups.draw(on, count, generator(seed)))


def differing(pairs: Tensor, member: int = 1) -> Tensor:
    """Return where a member differs from the anchor, ``(count, K)``."""
    return pairs[:, member] != pairs[:, 0]


@given(
    num_changed=st.integers(1, 3),
    seed=st.integers(0, 2**32),
    sigma=st.sampled_from([0.05, 0.5, inf]),
    without=st.sampled_from([0.0, 0.2]),
)
def test_pairs_differ_in_exactly_the_number_asked_for(
    num_changed: int, seed: int, sigma: float, without: float
) -> None:
    on = grid(FactorCorrelation("shape", "size", sigma), without=without)
    pairs = drawn(FactorPairs(num_changed), 50, seed, on)
    assert pairs.shape == (50, 2, 5)
    assert differing(pairs).sum(dim=1).tolist() == [num_changed] * 50
    assert on.contains(SPACE.indices(pairs)).all()


def test_numbers_of_changes_are_uniform_up_to_one_less_than_can_change() -> None:
    counts = differing(drawn(FactorPairs(), 3000)).sum(dim=1).bincount(minlength=5)
    assert counts[0] == counts[4] == 0
    assert chisquare(counts[1:4].numpy()).pvalue > 1e-3  # significance 0.001


def test_which_factors_change_is_uniform() -> None:
    rows = differing(drawn(FactorPairs(2), 3000))
    found = Counter(tuple(row.nonzero().flatten().tolist()) for row in rows)
    assert found.keys() == set(combinations(CHANGEABLE, 2))
    assert chisquare(list(found.values())).pvalue > 1e-3


def test_both_members_of_uniform_pairs_are_uniform() -> None:
    pairs = drawn(FactorPairs(), 6000)
    for member in range(2):
        assert chisquare(SPACE.indices(pairs[:, member]).bincount(minlength=120).numpy()).pvalue > 1e-3


def test_named_factors_differ_in_every_pair() -> None:
    assert differing(drawn(FactorPairs(changed=["hue"]))).tolist() == [[False, False, False, True, False]] * 200
    assert differing(drawn(FactorPairs(changed=["row", "shape"]))).tolist() == [[True, False, False, False, True]] * 200


def test_correlated_pairs_stay_near_the_line() -> None:
    pairs = drawn(FactorPairs(changed=["shape", "size"]), 500, on=grid(FactorCorrelation("shape", "size", 0.05)))
    distances = (pairs[..., 0] / 2 - pairs[..., 2] / 4).abs()
    assert distances.max() < 0.3  # values are a quarter apart, or five sigmas; two quarters are ten


def test_pairs_follow_the_density_inside_of_what_may_be_shown() -> None:
    # Two factors of two values, of which one pair of neighbors is left: four combinations less one.
    space = FactorSpace(["a", "b"], [2, 2])
    on = TrainingGrid(space, torch.tensor([0, 1, 3]))
    samples = FactorPairs(1).draw(on, 3000, generator())
    found = Counter(tuple(pair) for pair in samples.tolist())
    # of the eight changes of one factor on the square, four avoid combination 2, all equally likely
    assert found.keys() == {(0, 1), (1, 0), (1, 3), (3, 1)}
    assert chisquare(list(found.values())).pvalue > 1e-3


@given(positive=st.integers(1, 3), more=st.integers(1, 3), seed=st.integers(0, 2**32))
def test_positives_share_more_with_the_anchor_than_negatives(positive: int, more: int, seed: int) -> None:
    negative = min(positive + more, 4)
    triplets = drawn(FactorTriplets(positive, negative), 50, seed, grid(without=0.1))
    assert triplets.shape == (50, 3, 5)
    assert differing(triplets, 1).sum(dim=1).tolist() == [positive] * 50
    assert differing(triplets, 2).sum(dim=1).tolist() == [negative] * 50
    assert grid(without=0.1).contains(SPACE.indices(triplets)).all()


def test_positives_and_negatives_are_drawn_apart() -> None:
    triplets = drawn(FactorTriplets(1, 2), 4000)
    positive, negative = differing(triplets, 1), differing(triplets, 2)
    inside = (positive & negative).any(dim=1).float().mean()
    # Any one of four factors is among two with probability 1/2; standard error 0.008, times 5.
    assert inside.item() == pytest.approx(0.5, abs=0.04)


@pytest.mark.parametrize("groups", [FactorPairs(), FactorPairs(2), FactorPairs(changed=["hue"]), FactorTriplets()])
def test_draws_depend_on_the_generator_alone(groups: FactorGroups) -> None:
    state = torch.get_rng_state()
    first = drawn(groups)
    assert torch.equal(drawn(groups), first)
    assert not torch.equal(drawn(groups, seed=1), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_gives_up_with_a_sentence_where_nothing_goes_together() -> None:
    on = TrainingGrid(SPACE, SPACE.indices(torch.tensor([[0, 0, 0, 0, 0], [1, 0, 1, 1, 1]])))
    with pytest.raises(ValueError, match=r"FactorPairs.*held_out.*val_size"):
        FactorPairs(1).draw(on, 4, generator())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FactorPairs(0), "num_changed must be at least 1, got 0"),
        (lambda: FactorPairs(1, ["hue"]), r"give num_changed or changed, not both, got 1 and \['hue'\]"),
        (lambda: FactorPairs(changed=[]), "changed must name a factor, got none"),
        (lambda: FactorTriplets(0, 1), "positive_changed must be at least 1 and below negative_changed, got 0 and 1"),
        (lambda: FactorTriplets(2, 2), "positive_changed must be at least 1 and below negative_changed, got 2 and 2"),
    ],
)
def test_rejects_rules_that_make_no_groups(make: type[FactorGroups], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (FactorPairs(4), "pairs must share a factor: of the 4 that can change in training at most 3 may, got 4"),
        (FactorPairs(changed=["shape", "size", "hue", "row"]), "at most 3 may, got 4"),
        (FactorPairs(changed=["hues"]), "changed: there is no factor 'hues'; did you mean 'hue'"),
        (FactorPairs(changed=["nothing"]), "changed: nothing has a single value in training, so it cannot change"),
        (FactorTriplets(1, 5), "negative_changed must be at most 4, the factors that can change in training, got 5"),
    ],
)
def test_rejects_grids_that_the_rule_does_not_fit(groups: FactorGroups, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        groups.check(grid())


def test_a_single_factor_makes_no_pairs() -> None:
    on = TrainingGrid(
        SPACE, torch.arange(len(SPACE))[SPACE.factors(torch.arange(len(SPACE)))[:, [0, 2, 3]].sum(1) == 0]
    )
    with pytest.raises(ValueError, match="of the 1 that can change in training at most 0 may, got 1"):
        FactorPairs().check(on)
