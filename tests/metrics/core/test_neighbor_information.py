"""Mutual information from distances to nearest neighbors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_classif

from lr_lightning.metrics.core.neighbor_information import neighbor_information


@pytest.mark.parametrize(("num_values", "noise"), [(2, 0.3), (6, 0.1), (6, 1.0), (6, 10.0), (40, 2.0)])
@pytest.mark.parametrize("num_neighbors", [1, 3, 10])
def test_as_scikit_learn(num_values: int, noise: float, num_neighbors: int) -> None:
    """Its noise of 1e-10 deviations changes no order of distances here."""
    rng = np.random.default_rng(num_values)
    labels = rng.integers(0, num_values, 2000)
    code = labels + noise * rng.normal(size=2000)
    expected = mutual_info_classif(
        code[:, None], labels, discrete_features=False, n_neighbors=num_neighbors, random_state=0
    )[0]
    assert neighbor_information(code, labels, num_neighbors) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=2, max_size=40), st.integers(1, 5))
def test_as_the_definition(rows: list[tuple[int, int]], num_neighbors: int) -> None:
    """By all distances, with ties and values that are rare; integers, so that distances on the edge are exact."""
    code, labels = np.array([x for x, _ in rows], dtype=np.float64), np.array([y for _, y in rows])
    repeated = np.array([(labels == label).sum() > 1 for label in labels])
    code, labels = code[repeated], labels[repeated]
    terms = []
    for x, label in zip(code, labels, strict=True):
        same = np.sort(np.abs(code[labels == label] - x))  # the first is its own
        neighbors = min(num_neighbors, len(same) - 1)
        radius = np.nextafter(same[neighbors], 0)
        closer = (np.abs(code - x) <= radius).sum()
        terms.append(digamma(len(code)) - digamma(len(same)) + digamma(neighbors) - digamma(closer))
    expected = max(np.mean(terms), 0) if len(terms) else 0
    shuffled = np.random.default_rng(0).permutation(len(rows))
    table = np.array(rows)[shuffled]
    result = neighbor_information(table[:, 0].astype(np.float64), table[:, 1], num_neighbors)
    assert result == pytest.approx(expected, abs=1e-9)


def test_far_apart_values_tell_all() -> None:
    """All of ln 5 nats up to the bias of few rows: ten neighbors in groups of 200 have ``m = k``."""
    labels = np.repeat(np.arange(5), 200)
    code = labels + 1e-3 * np.random.default_rng(0).normal(size=1000)
    assert neighbor_information(code, labels) == pytest.approx(np.log(5), abs=0.01)


def test_of_two_normal_distributions() -> None:
    """One nat less the entropy left: by integration over a fine grid."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 10_000)
    code = 2.0 * labels + rng.normal(size=10_000)
    grid = np.linspace(-8, 10, 20_001)
    densities = [np.exp(-((grid - mean) ** 2) / 2) / np.sqrt(2 * np.pi) for mean in (0, 2)]
    mixture = (densities[0] + densities[1]) / 2
    joint = sum(density * np.log(density / mixture) for density in densities) / 2
    expected = (joint * (grid[1] - grid[0])).sum()
    # a standard error of about sqrt(1 / (10 N)) of digamma(m) per row, with neighbors shared by ten rows: .01
    assert neighbor_information(code, labels) == pytest.approx(expected, abs=0.03)


def test_values_that_no_two_rows_share_tell_nothing() -> None:
    assert neighbor_information(np.arange(5.0), np.arange(5)) == 0
