"""Draws from a part of a grid, and changes within it."""

from itertools import product
from math import exp, inf

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor

from lr_lightning.data import FactorCorrelation, FactorSpace
from lr_lightning.data.loading.training_grid import TrainingGrid

SPACE = FactorSpace(["shape", "size", "hue", "nothing"], [3, 5, 4, 1])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def part(*left_out: int) -> Tensor:
    """Return the numbers of all combinations but those ``left_out``."""
    return torch.tensor([index for index in range(60) if index not in left_out])


def density(shape: int, size: int, sigma: float) -> float:
    """Return the density of the first two factors, unnormalised."""
    return exp(-((shape / 2 - size / 4) ** 2) / (2 * sigma**2))


def test_samples_follow_the_density_and_stay_inside() -> None:
    indices = part(*range(20, 31))
    grid = TrainingGrid(SPACE, indices, [FactorCorrelation("size", "shape", 0.4)])
    drawn = grid.sample(20_000, generator())
    weights = [density(shape, size, 0.4) for shape, size, *_ in SPACE.factors(indices).tolist()]
    counts = SPACE.indices(drawn).bincount(minlength=60)
    assert counts[20:31].sum() == 0
    expected = torch.tensor(weights) / sum(weights) * 20_000
    # significance 0.001; the rarest combination, at distance 1, is expected 15 times
    assert expected.min() > 10
    assert chisquare(counts[indices].numpy(), expected.double().numpy(), sum_check=False).pvalue > 1e-3


def test_contains_what_it_was_given() -> None:
    grid = TrainingGrid(SPACE, part(3, 40))
    assert grid.contains(torch.tensor([[2, 3], [40, 41]])).tolist() == [[True, False], [False, True]]


def test_changeable_factors_have_two_values_in_training() -> None:
    assert TrainingGrid(SPACE, part()).changeable == [0, 1, 2]
    fixed = torch.arange(60)[SPACE.factors(torch.arange(60))[:, 1] == 3]
    assert TrainingGrid(SPACE, fixed).changeable == [0, 2]


@given(
    seed=st.integers(0, 2**32),
    sigmas=st.lists(st.sampled_from([0.01, 0.3, 2.0, inf]), max_size=3),
    values=st.tuples(*(st.sets(st.integers(0, size - 1), min_size=2) for size in (3, 5, 4))),
)
def test_exactly_the_factors_asked_for_change_to_values_of_training(
    seed: int, sigmas: list[float], values: tuple[set[int], ...]
) -> None:
    names = [("shape", "size"), ("size", "hue"), ("hue", "shape")]
    correlations = [FactorCorrelation(*pair, sigma) for pair, sigma in zip(names, sigmas, strict=False)]
    indices = SPACE.indices(torch.tensor([[*combination, 0] for combination in product(*values)]))
    grid = TrainingGrid(SPACE, indices, correlations)
    factors = grid.sample(40, generator(seed))
    changed = torch.rand(40, 4, generator=generator(seed + 1)) < 0.5
    changed[:, 3] = False
    result = grid.change(factors, changed, generator(seed + 2))
    assert torch.equal(result != factors, changed)
    assert grid.contains(SPACE.indices(result)).all()
    assert torch.equal(grid.change(factors, changed, generator(seed + 2)), result)


def change_many(grid: TrainingGrid, start: list[int], changed: list[bool], count: int) -> Tensor:
    """Return what ``count`` changes of the same combination lead to."""
    rows = torch.tensor([start]).repeat(count, 1)
    return grid.change(rows, torch.tensor([changed]).expand(count, -1), generator())


def test_free_factors_change_uniformly_and_apart_from_each_other() -> None:
    result = change_many(TrainingGrid(SPACE, part()), [1, 2, 0, 0], [True, False, True, False], 6000)
    counts = (result[:, 0] * 4 + result[:, 2]).bincount(minlength=12).view(3, 4)
    assert counts[1].sum() == counts[:, 0].sum() == 0
    assert chisquare(counts[[0, 2], 1:].flatten().numpy()).pvalue > 1e-3  # significance 0.001


def test_one_correlated_factor_changes_by_its_density_given_the_other() -> None:
    grid = TrainingGrid(SPACE, part(), [FactorCorrelation("shape", "size", 0.3)])
    counts = change_many(grid, [2, 3, 1, 0], [False, True, False, False], 6000)[:, 1].bincount(minlength=5)
    weights = [0.0 if size == 3 else density(2, size, 0.3) for size in range(5)]
    expected = [6000 * weight / sum(weights) for weight in weights]
    assert counts[3] == 0
    kept = [0, 1, 2, 4]
    assert chisquare(counts[kept].numpy(), [expected[size] for size in kept]).pvalue > 1e-3


def test_two_correlated_factors_change_by_their_joint_density() -> None:
    grid = TrainingGrid(SPACE, part(), [FactorCorrelation("shape", "size", 0.3)])
    result = change_many(grid, [0, 1, 1, 0], [True, True, False, False], 6000)
    weights = {(a, b): density(a, b, 0.3) for a in (1, 2) for b in (0, 2, 3, 4)}
    counts = [int(((result[:, 0] == a) & (result[:, 1] == b)).sum()) for a, b in weights]
    expected = [6000 * weight / sum(weights.values()) for weight in weights.values()]
    assert chisquare(counts, expected).pvalue > 1e-3


def test_factors_that_are_linked_through_a_third_are_drawn_jointly() -> None:
    links = [FactorCorrelation("shape", "size", 0.2), FactorCorrelation("hue", "size", 0.2)]
    grid = TrainingGrid(SPACE, part(), links)
    # shape 2 and hue 3 are the upper ends, and hold size to its upper values
    result = change_many(grid, [0, 0, 3, 0], [True, True, False, False], 4000)
    weights = {(a, b): density(a, b, 0.2) * exp(-((1 - b / 4) ** 2) / 0.08) for a in (1, 2) for b in (1, 2, 3, 4)}
    counts = {pair: int(((result[:, 0] == pair[0]) & (result[:, 1] == pair[1])).sum()) for pair in weights}
    often = [pair for pair, weight in weights.items() if weight / sum(weights.values()) > 0.005]
    seen, expected = [counts[pair] for pair in often], [4000 * weights[pair] / sum(weights.values()) for pair in often]
    seen, expected = [*seen, 4000 - sum(seen)], [*expected, 4000 - sum(expected)]  # the rare ones together
    assert len(seen) > 4
    assert expected[-1] > 5
    assert chisquare(seen, expected).pvalue > 1e-3


def test_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    grid = TrainingGrid(SPACE, part(), [FactorCorrelation("shape", "size", 0.3)])
    grid.change(grid.sample(5, generator()), torch.tensor([[True, False, True, False]]).expand(5, -1), generator())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_strong_correlation_may_still_be_left() -> None:
    grid = TrainingGrid(SPACE, part(), [FactorCorrelation("shape", "size", 0.001)])
    result = change_many(grid, [0, 0, 0, 0], [True, False, False, False], 50)
    assert result[:, 0].tolist() == [1] * 50  # the nearer of two that both have no density to speak of
