"""Scores of any matrix."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import entropy
from torch import Tensor

from lr_lightning.metrics.core.aggregations import (
    completeness_per_factor,
    dci_completeness,
    dci_disentanglement,
    dcimig_share,
    disentanglement_per_latent,
    gap_per_factor,
    gap_per_latent,
    largest_gap_per_factor,
    mig_gap,
    mig_sup_gap,
    modularity,
    modularity_per_latent,
    sap_gap,
)

Aggregation = Callable[[Tensor], Tensor]
MATRICES = arrays(np.float64, st.tuples(st.integers(2, 5), st.integers(2, 4)), elements=st.floats(0, 2))
SCALE_FREE: list[Aggregation] = [dci_disentanglement, dci_completeness, modularity]
SCALING: list[Aggregation] = [mig_gap, sap_gap, mig_sup_gap]
EXAMPLE = torch.tensor([[0.9, 0.2, 0.0], [0.1, 0.6, 0.3], [0.0, 0.5, 0.3], [0.0, 0.0, 0.0]])


@given(MATRICES)
def test_dci_is_that_of_scipy(values: np.ndarray) -> None:
    """Where all importances are far above the smoothing, which SciPy's copy gets before they are normalized."""
    values = values + 0.01
    num_latents, num_factors = values.shape
    per_latent = 1 - entropy(values.T + 1e-11, base=num_factors)
    per_factor = 1 - entropy(values + 1e-11, base=num_latents)
    matrix = torch.from_numpy(values)
    assert disentanglement_per_latent(matrix).numpy() == pytest.approx(per_latent, abs=1e-7)
    assert completeness_per_factor(matrix).numpy() == pytest.approx(per_factor, abs=1e-7)
    expected = np.average(per_latent, weights=values.sum(axis=1))
    assert dci_disentanglement(matrix).item() == pytest.approx(expected, abs=1e-7)
    expected = np.average(per_factor, weights=values.sum(axis=0))
    assert dci_completeness(matrix).item() == pytest.approx(expected, abs=1e-7)


def test_dci_with_entries_of_0_is_that_of_scipy() -> None:
    values = EXAMPLE.double().numpy()
    per_latent, per_factor = 1 - entropy(values.T + 1e-11, base=3), 1 - entropy(values + 1e-11, base=4)
    expected = np.average(per_latent, weights=values.sum(axis=1))
    assert dci_disentanglement(EXAMPLE).item() == pytest.approx(expected, abs=1e-8)
    expected = np.average(per_factor, weights=values.sum(axis=0))
    assert dci_completeness(EXAMPLE).item() == pytest.approx(expected, abs=1e-8)


def test_modularity_in_closed_form() -> None:
    # rows .9 .2 0: 1 - .04 / (2 * .81); .1 .6 .3: 1 - (.01 + .09) / (2 * .36); 0 .5 .3: 1 - .09 / (2 * .25); and 0
    expected = [1 - 0.04 / 1.62, 1 - 0.1 / 0.72, 1 - 0.09 / 0.5, 0]
    assert modularity_per_latent(EXAMPLE).numpy() == pytest.approx(np.array(expected), abs=1e-6)
    assert modularity(EXAMPLE).item() == pytest.approx(np.mean(expected), abs=1e-6)


def test_gaps_in_closed_form() -> None:
    assert gap_per_factor(EXAMPLE).numpy() == pytest.approx(np.array([0.8, 0.1, 0.0]), abs=1e-6)
    assert gap_per_latent(EXAMPLE).numpy() == pytest.approx(np.array([0.7, 0.3, 0.2, 0.0]), abs=1e-6)
    assert largest_gap_per_factor(EXAMPLE).numpy() == pytest.approx(np.array([0.7, 0.3, 0.0]), abs=1e-6)
    entropies = torch.tensor([1.0, 2.0, 0.5])
    assert mig_gap(EXAMPLE, entropies).item() == pytest.approx((0.8 + 0.05 + 0) / 3, abs=1e-6)
    # rows over the entropies: .9 .1 0; .1 .3 .6; 0 .25 .6; 0 0 0
    assert mig_sup_gap(EXAMPLE, entropies).item() == pytest.approx((0.8 + 0.3 + 0.35 + 0) / 4, abs=1e-6)
    assert dcimig_share(EXAMPLE, entropies).item() == pytest.approx((0.7 + 0.3) / 3.5, abs=1e-6)
    assert mig_gap(EXAMPLE).item() == pytest.approx(0.3, abs=1e-6)
    assert sap_gap(EXAMPLE).item() == pytest.approx(0.3, abs=1e-6)
    assert mig_sup_gap(EXAMPLE).item() == pytest.approx(0.3, abs=1e-6)


def test_factors_that_do_not_vary_are_left_out() -> None:
    matrix = torch.cat([EXAMPLE, torch.zeros(4, 1)], dim=1)
    entropies = torch.tensor([1.0, 2.0, 0.5])
    longer = torch.cat([entropies, torch.zeros(1)])
    for score in (mig_gap, mig_sup_gap, dcimig_share):
        assert score(matrix, longer).item() == score(EXAMPLE, entropies).item()


@pytest.mark.parametrize("score", [*SCALE_FREE, mig_gap, sap_gap, mig_sup_gap])
def test_one_entry_each_is_perfect(score: Aggregation) -> None:
    assert score(torch.eye(4)[:, [2, 0, 3, 1]]).item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("score", [*SCALE_FREE, mig_gap, sap_gap, mig_sup_gap])
def test_equal_entries_are_worthless(score: Aggregation) -> None:
    assert score(torch.full((3, 4), 0.5)).item() == pytest.approx(0, abs=1e-9)


@given(MATRICES, st.randoms(use_true_random=False))
def test_order_of_latents_and_factors_does_not_matter(values: np.ndarray, random: object) -> None:
    assume(values.max() > 0.01)
    matrix = torch.from_numpy(values)
    rows, columns = list(range(len(values))), list(range(values.shape[1]))
    random.shuffle(rows)  # type: ignore[attr-defined]
    random.shuffle(columns)  # type: ignore[attr-defined]
    moved = matrix[rows][:, columns]
    for score in (*SCALE_FREE, *SCALING):
        assert score(moved).item() == pytest.approx(score(matrix).item(), abs=1e-9)
    entropies = 1 + torch.arange(len(columns))
    for share in (mig_gap, mig_sup_gap):
        assert share(moved, entropies[columns]).item() == pytest.approx(share(matrix, entropies).item(), abs=1e-9)


@given(MATRICES, st.sampled_from([1e-150, 1e-3, 7.0, 1e150]))
def test_scale_of_the_matrix(values: np.ndarray, scale: float) -> None:
    assume(values.max() > 0.01)
    matrix = torch.from_numpy(np.round(values, 3))
    for score in SCALE_FREE:
        assert score(matrix * scale).item() == pytest.approx(score(matrix).item(), abs=1e-9)
    for score in SCALING:
        assert score(matrix * scale).item() == pytest.approx(score(matrix).item() * scale, rel=1e-9, abs=1e-9 * scale)
    entropies = torch.ones(matrix.shape[1]).double()
    assert dcimig_share(matrix * scale, entropies * scale).item() == pytest.approx(
        dcimig_share(matrix, entropies).item(), abs=1e-9
    )


@pytest.mark.parametrize("score", [dci_disentanglement, dci_completeness])
def test_zero_matrix_is_undefined(score: Aggregation) -> None:
    with pytest.warns(UserWarning, match="is undefined: the matrix is 0"):
        assert score(torch.zeros(3, 2)).isnan()


def test_zero_rows_and_columns_have_a_value() -> None:
    assert disentanglement_per_latent(EXAMPLE)[3].item() == pytest.approx(0, abs=1e-12)
    assert completeness_per_factor(EXAMPLE.T)[3].item() == pytest.approx(0, abs=1e-12)
    assert modularity_per_latent(EXAMPLE)[3].item() == 0
    assert modularity(torch.zeros(3, 2)).item() == mig_gap(torch.zeros(3, 2)).item() == 0


@pytest.mark.parametrize(
    ("score", "shape"),
    [
        (dci_disentanglement, (3, 1)),
        (dci_completeness, (1, 3)),
        (modularity, (3, 1)),
        (mig_gap, (1, 3)),
        (sap_gap, (1, 3)),
        (mig_sup_gap, (3, 1)),
    ],
)
def test_one_latent_or_one_factor_leaves_nothing_to_compare(score: Aggregation, shape: tuple[int, int]) -> None:
    with pytest.warns(UserWarning, match="is undefined") as caught:
        assert score(torch.ones(shape)).isnan()
    assert len(caught) == 1


@pytest.mark.parametrize("score", [mig_gap, mig_sup_gap, dcimig_share])
def test_no_factor_varies(score: Callable[[Tensor, Tensor], Tensor]) -> None:
    with pytest.warns(UserWarning, match="is undefined"):
        assert score(EXAMPLE, torch.zeros(3)).isnan()


def test_dcimig_of_one_factor_is_undefined() -> None:
    with pytest.warns(UserWarning, match="share is undefined"):
        assert dcimig_share(EXAMPLE, torch.tensor([0.0, 1.0, 0.0])).isnan()


@pytest.mark.parametrize("score", [*SCALE_FREE, *SCALING])
def test_nan_in_the_matrix_is_not_taken_for_0(score: Aggregation) -> None:
    matrix = torch.eye(3)
    matrix[1, 2] = torch.nan
    with pytest.warns(UserWarning, match="is undefined: the matrix .*has NaN"):
        assert score(matrix).isnan()
    assert disentanglement_per_latent(matrix).isnan().tolist() == [False, True, False]
    assert completeness_per_factor(matrix).isnan().tolist() == [False, False, True]
    assert modularity_per_latent(matrix).isnan().tolist() == [False, True, False]
    assert gap_per_factor(matrix).isnan().tolist() == [False, False, True]


@pytest.mark.parametrize("score", [mig_gap, mig_sup_gap, dcimig_share])
def test_entropies_of_another_shape(score: Callable[[Tensor, Tensor], Tensor]) -> None:
    with pytest.raises(ValueError, match=r"factor_entropies must have shape \(3,\), got \(2,\)"):
        score(EXAMPLE, torch.ones(2))


@pytest.mark.parametrize("score", [*SCALE_FREE, *SCALING])
def test_negative_entries_are_refused(score: Aggregation) -> None:
    with pytest.raises(ValueError, match=r"matrix must not have negative entries, got -1\.0"):
        score(-torch.eye(3))
    with pytest.raises(ValueError, match=r"smoothing .*at least 0"):
        dci_disentanglement(torch.eye(3), smoothing=-1.0)
