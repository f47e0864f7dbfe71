"""Overlap and multiple encoding score."""

from itertools import permutations
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lr_lightning.metrics.core.chance_and_ceiling import with_levels
from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.omes import OMES, Pooling, omes
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, ideal_case

SIZES = (4, 5, 6)
GRID = torch.cartesian_prod(*map(torch.arange, SIZES))
INDICES = (GRID - GRID.double().mean(dim=0)) / GRID.double().std(dim=0, correction=0)


class TestOMES(MetricTester):
    metric_class = OMES
    arguments: ClassVar[dict[str, object]] = {"alpha": 0.3, "pooling": "max", "threshold": 0.02}
    above_ceiling = ("omes_max", "omes_max_multiple_encoding")
    invalid = ({"alpha": -0.1}, {"alpha": 1.1}, {"alpha": float("nan")}, {"pooling": "mean"}, {"threshold": -1.0})
    invariances = ("permuted latents", "dead latents", "rescaled latents")


class TestOMESWithAverage(MetricTester):
    metric_class = OMES
    invariances = ("permuted latents", "dead latents", "rescaled latents")


def whole(codes: Tensor, factors: Tensor, alpha: float = 0.5, pooling: Pooling = "average") -> MetricResult:
    """Return the result on all rows."""
    return omes(codes, factors, alpha=alpha, pooling=pooling, sampling=Sampling(len(codes), 0))


def turned(codes: Tensor) -> Tensor:
    """Return codes whose first two latents are turned by 45 degrees."""
    first, second, *others = codes.unbind(1)
    return torch.stack([0.5**0.5 * (first + second), 0.5**0.5 * (first - second), *others], dim=1)


def test_closed_form_of_a_perfect_code() -> None:
    result = whole(torch.cat([-3 * INDICES.exp(), torch.zeros(120, 2)], dim=1), GRID, alpha=0.3)
    diagonal = [1 - 1 / (size - 1) for size in SIZES]
    assert result.matrix is not None
    assert result.matrix.numpy() == pytest.approx(np.vstack([np.diag(diagonal), np.zeros((2, 3))]), abs=1e-12)
    expected = [value * (1 - (1 - value) / 3) for value in diagonal]
    for name in ("omes", "overlap", "multiple_encoding"):
        assert result.per_factor[name].tolist() == pytest.approx(expected)
    assert result.value == pytest.approx(np.mean(expected))
    lines = [120 // size for size in SIZES]
    pairs = [size * (size - 1) / 2 * number for size, number in zip(SIZES, lines, strict=True)]
    assert result.per_factor["pairs"].tolist() == pairs


def test_a_factor_of_two_values_scores_nothing() -> None:
    grid = torch.cartesian_prod(torch.arange(2), torch.arange(2), torch.arange(2))
    assert whole(grid.double(), grid).value == pytest.approx(0.0, abs=1e-12)


def test_closed_form_of_a_rotation() -> None:
    grid = torch.cartesian_prod(torch.arange(6), torch.arange(6))
    result = whole(turned(grid.double()), grid)
    assert result.matrix is not None
    assert result.matrix.numpy() == pytest.approx(np.full((2, 2), 6 / (2 * 5)))  # V / (2 (V - 1))
    assert result.value == pytest.approx(6 / (4 * 5))  # every o and m is 1/2


def test_overlap_and_multiple_encoding_are_told_apart() -> None:
    both = torch.stack([INDICES[:, 0] + INDICES[:, 1], INDICES[:, 2]], dim=1)  # two factors in one latent
    twice = torch.cat([INDICES, INDICES], dim=1)  # one factor in two latents
    shared, duplicated = whole(both, GRID, pooling="max"), whole(twice, GRID, pooling="max")
    assert shared["omes_max_overlap"] < shared["omes_max_multiple_encoding"]
    assert duplicated["omes_max_multiple_encoding"] < duplicated["omes_max_overlap"]
    perfect = whole(INDICES, GRID, pooling="max")
    assert duplicated["omes_max_overlap"] == pytest.approx(perfect["omes_max_overlap"])


def test_alpha_mixes_the_two_parts() -> None:
    codes = turned(INDICES)
    for pooling in ("average", "max"):
        result = whole(codes, GRID, 0.2, pooling)
        mixed, overlap, encoding = (score.value for score in result.scores.values())
        assert mixed == pytest.approx(0.2 * overlap + 0.8 * encoding)
        assert whole(codes, GRID, 1.0, pooling).value == pytest.approx(overlap)
        assert whole(codes, GRID, 0.0, pooling).value == pytest.approx(encoding)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["average", "max"]))
def test_as_loops_over_all_pairs(seed: int, pooling: Pooling) -> None:
    """Incomplete grids, repeated combinations, and the formulas of the paper entry by entry."""
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, (2, 3, 4), size=(30, 3))
    codes = rng.normal(size=(30, 2)) + factors[:, :2] + 0.5
    combinations = np.unique(factors, axis=0)
    rows = [np.flatnonzero((factors == combination).all(axis=1)) for combination in combinations]
    matrix = np.full((2, 3), np.nan)
    for k in range(3):
        others = np.delete(combinations, k, axis=1)
        left, right, weights = [], [], []
        for a, b in permutations(range(len(combinations)), 2):
            if (others[a] == others[b]).all():
                size = int((others == others[a]).all(axis=1).sum())
                weight = size // 2 / (size - 1) / len(rows[a]) / len(rows[b])
                pairs = [(i, j) for i in rows[a] for j in rows[b]]
                left += [codes[i] for i, _ in pairs]
                right += [codes[j] for _, j in pairs]
                weights += [weight] * len(pairs)
        for j in range(2) if left else ():
            covariance = np.cov(np.array(left)[:, j], np.array(right)[:, j], aweights=weights)
            correlation = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
            matrix[j, k] = 1 - abs(correlation)
    paired = [k for k in range(3) if not np.isnan(matrix[0, k])]
    kept = matrix[:, paired]
    overlap, encoding = np.empty_like(kept), np.empty_like(kept)
    for j, k in np.ndindex(*kept.shape):
        overlap[j, k] = 1 - np.mean(np.abs(np.eye(len(paired))[k] - kept[j]))
        encoding[j, k] = 1 - np.mean(np.abs(np.eye(2)[j] - kept[:, k]))
    scores = []
    for k in range(len(paired)):
        if pooling == "max":
            parts = [(score[:, k] * kept[:, k]).max() for score in (overlap, encoding)]
        else:
            parts = [np.average(score[:, k] * kept[:, k], weights=kept[:, k]) for score in (overlap, encoding)]
        scores.append(0.4 * parts[0] + 0.6 * parts[1])
    result = whole(torch.from_numpy(codes), torch.from_numpy(factors), 0.4, pooling)
    assert result.matrix is not None
    assert result.matrix.numpy() == pytest.approx(matrix, abs=1e-9, nan_ok=True)
    assert result.value == pytest.approx(np.mean(scores), abs=1e-9)


def reference_tables() -> dict[str, tuple[Tensor, Tensor]]:
    """Return the tables that the authors' code was run on."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(120, 4, generator=generator, dtype=torch.float64)
    rows = torch.randperm(120, generator=generator)[:70]
    mixed = torch.cat([INDICES, INDICES[:, :1]], dim=1) + 0.5 * noise
    return {
        "perfect": (INDICES, GRID),
        "rotated": (turned(INDICES), GRID),
        "noise": (noise, GRID),
        "incomplete": (mixed[rows], GRID[rows]),  # noise, a duplicate, and 70 of 120 combinations
    }


@pytest.mark.parametrize(
    ("name", "pooling", "expected"),
    [
        ("perfect", "average", (0.6782, 0.6782, 0.6782)),
        ("perfect", "max", (0.6782, 0.6782, 0.6782)),
        ("rotated", "average", (0.5360, 0.5361, 0.5359)),
        ("rotated", "max", (0.5360, 0.5362, 0.5359)),
        ("noise", "average", (0.2988, 0.3323, 0.2652)),
        ("noise", "max", (0.3266, 0.3530, 0.3001)),
        ("incomplete", "average", (0.4383, 0.4450, 0.4317)),
        ("incomplete", "max", (0.6391, 0.6482, 0.6299)),
    ],
)
def test_as_the_authors(name: str, pooling: Pooling, expected: tuple[float, ...]) -> None:
    # The authors draw pairs at random: their code was given the pairs of 100 of its draws at once. A single draw is off
    # by up to .09 (perfect), .045 (rotated, noise) or .15 (incomplete), and the mean of 100 by a tenth of that. They
    # round correlations to four digits.
    result = whole(*reference_tables()[name], pooling=pooling)
    assert [score.value for score in result.scores.values()] == pytest.approx(expected, abs=0.006)


def test_chance_and_ceiling() -> None:
    noise = torch.randn(120, 4, generator=torch.Generator().manual_seed(1))
    score = with_levels(omes, draw(noise, GRID, Sampling(120, 0))).scores["omes"]
    assert score.value == pytest.approx(0.5 / 3 + 0.5 / 4, abs=0.02)
    assert score.chance == pytest.approx(0.5 / 3 + 0.5 / 4, abs=0.02)
    assert score.ceiling == pytest.approx(whole(INDICES, GRID).value)


def test_pairs_come_from_the_whole_table_if_rows_are_drawn() -> None:
    sampled = omes(INDICES, GRID, sampling=Sampling(20, 0))
    assert sampled.value == whole(INDICES, GRID).value
    assert sampled.num_train == 120
    first = omes(*ideal_case("ident"), sampling=FIRST_ROWS)
    assert first.num_train == 2000


def test_latents_of_small_scale_are_left_out() -> None:
    noise = torch.randn(120, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    small = torch.cat([INDICES, 0.04 * noise / noise.std()], dim=1)
    assert whole(small, GRID).value == pytest.approx(whole(INDICES, GRID).value)
    all_latents = omes(small, GRID, threshold=0.0, sampling=Sampling(120, 0))
    assert all_latents.value < whole(INDICES, GRID).value - 0.1


def test_many_factors_of_many_values() -> None:
    factors = torch.randint(2**9, (200, 8), generator=torch.Generator().manual_seed(0))
    factors[100:, :7] = factors[:100, :7]  # so that there are pairs for the last factor
    with pytest.warns(UserWarning, match="no two rows differ in factors 0, 1, 2, 3, 4, 5, 6 alone; omes leaves them"):
        result = whole(factors.double(), factors)
    assert result.per_factor["pairs"].tolist() == [0.0] * 7 + [100.0]
    assert result.per_factor["omes"].isnan().tolist() == [True] * 7 + [False]


def test_undefined_scores_say_why() -> None:
    diagonal = torch.arange(10)[:, None].expand(10, 2)
    with pytest.warns(UserWarning, match="are undefined: no two rows differ in a single factor"):
        assert np.isnan(whole(diagonal.double(), diagonal).value)
    with pytest.warns(UserWarning, match="are undefined: no latent has a standard deviation above threshold"):
        assert np.isnan(whole(0.001 * INDICES, GRID).value)
