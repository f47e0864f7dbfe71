"""Mutual information between latents."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score
from torch import Tensor

from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.metrics.pairwise_mutual_information import PairwiseMutualInformation, pairwise_mutual_information
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case


def counted(codes: Tensor) -> float:
    """Return the mean over pairs by NumPy's histograms and scikit-learn's information."""
    columns = codes[:2000].numpy().T
    bins = [np.digitize(column, np.histogram(column, 20)[1][1:-1]) for column in columns]
    return float(np.mean([mutual_info_score(a, b) for a, b in permutations(bins, 2)]))


@pytest.mark.parametrize("name", IDEAL_NAMES)
def test_as_counted_by_other_means(name: str) -> None:
    codes, factors = ideal_case(name)
    result = pairwise_mutual_information(codes, factors, sampling=FIRST_ROWS)
    assert result.value == pytest.approx(counted(codes), abs=1e-9)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ident", 0.02),
        ("perm", 0.02),
        ("dup", 0.27),
        ("dead", 0.04),
        ("nuis", 0.04),
        ("coll", 0.04),
        ("circle", 0.10),
        ("noise", 0.07),
    ],
)
def test_ideal_cases(name: str, expected: float) -> None:
    codes, _ = ideal_case(name)
    assert pairwise_mutual_information(codes, sampling=FIRST_ROWS).value == pytest.approx(expected, abs=0.03)


def test_rotated_pairs() -> None:
    """Sum and difference of two dice share 0.956 nats; a third of all pairs are such, and counting adds 0.06 nats.

    Dice on a lattice, unlike the ideal case: standardized by the sample, equal sums differ a little, and as 11 of them
    lie right on edges of 20 bins, they fall on the two sides by their dice, which the other latent knows (0.68 nats).
    """
    rng = np.random.default_rng(0)
    dice = rng.integers(0, 6, size=(2000, 4))
    half = np.sqrt(0.5)
    rotated = dice @ np.kron(np.eye(2), [[half, -half], [half, half]]) + 1e-3 * rng.normal(size=(2000, 4))
    ways = np.array([1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]) / 36
    shared = (2 * -(ways * np.log(ways)).sum() - math.log(36)) / 3
    value = pairwise_mutual_information(torch.from_numpy(rotated), sampling=Sampling(2000, 0)).value
    assert value == pytest.approx(shared + 0.06, abs=0.03)
    assert value == pytest.approx(0.38, abs=0.03)
    assert pairwise_mutual_information(ideal_case("rot45")[0], sampling=FIRST_ROWS).value > value


def test_chance_is_the_bias_of_independent_latents() -> None:
    codes = torch.rand(2000, 6, generator=torch.Generator().manual_seed(0))
    result = pairwise_mutual_information(codes, sampling=Sampling(2000, 0))
    chance = result.scores["pairwise_mutual_information"].chance
    assert chance == pytest.approx(19 * 19 / 4000, rel=0.1)
    assert result.value == pytest.approx(chance, abs=0.01)
    copies = pairwise_mutual_information(codes[:, :1].expand(-1, 6), sampling=Sampling(2000, 0))
    assert copies.scores["pairwise_mutual_information"].chance == pytest.approx(chance, abs=0.01)
    assert copies.value > 2.9  # log 20, and little less for few rows


def test_same_seed_same_chance() -> None:
    codes, _ = ideal_case("noise")

    def chance(seed: int) -> float | None:
        sampling = Sampling(2000, 0, order="first", seed=seed)
        return pairwise_mutual_information(codes, sampling=sampling).scores["pairwise_mutual_information"].chance

    assert chance(1) == chance(1) != chance(2)


def test_matrix_and_parts() -> None:
    """A latent, its copy and an independent one with 4 and 5 values, each combination once."""
    grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).float()
    result = pairwise_mutual_information(grid[:, [0, 0, 1]], sampling=Sampling(20, 0))
    four, five = math.log(4), math.log(5)
    expected = torch.tensor([[four, four, 0], [four, four, 0], [0, 0, five]], dtype=torch.float64)
    assert result.matrix is not None
    assert torch.allclose(result.matrix, expected, atol=1e-12)
    assert result.matrix_axes == ("latent", "latent")
    assert result.per_latent["mean"].tolist() == pytest.approx([four / 2, four / 2, 0], abs=1e-12)
    assert result.value == pytest.approx(four / 3, abs=1e-12)


@given(st.permutations(range(4)), st.lists(st.sampled_from([0.5, 1.0, 8.0]), min_size=4, max_size=4))
def test_order_and_scale_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    codes, _ = ideal_case("rotF")
    expected = pairwise_mutual_information(codes, sampling=FIRST_ROWS).value
    changed = codes[:, order] * torch.tensor(scale)
    assert pairwise_mutual_information(changed, sampling=FIRST_ROWS).value == pytest.approx(expected, abs=1e-9)


def test_quantile_bins_withstand_an_outlier() -> None:
    codes = torch.rand(2000, 1, generator=torch.Generator().manual_seed(0)).expand(-1, 2).clone()
    codes[0] = 1000.0
    assert pairwise_mutual_information(codes).value < 0.1
    assert pairwise_mutual_information(codes, binning="quantile").value > 2.9


def test_one_latent_is_undefined() -> None:
    with pytest.warns(UserWarning, match="is undefined: it needs two latents"):
        result = pairwise_mutual_information(ideal_case("ident")[0][:, :1])
    assert math.isnan(result.value)
    assert result.scores["pairwise_mutual_information"].chance is None


def test_dead_latents_have_a_value() -> None:
    assert pairwise_mutual_information(torch.full((30, 2), 0.1)).value == 0


class TestPairwiseMutualInformation(MetricTester):
    metric_class = PairwiseMutualInformation
    arguments = {"num_bins": 7, "binning": "quantile"}
    invalid = [{"num_bins": 1}, {"binning": "log"}]
    invariances = ["permuted latents", "rescaled latents"]
    tolerance = 0.03
