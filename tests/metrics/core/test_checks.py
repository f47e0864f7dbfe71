"""Checks of tables and matrices."""

import numpy as np
import pytest
import torch
from torch import Tensor

from lr_lightning.metrics.core.checks import (
    check_codes,
    check_entropies,
    check_factors,
    check_matrix,
)


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.zeros(3), r"codes must have shape \(N, D\) with D >= 1, got \(3,\)"),
        (torch.zeros(3, 0), r"codes must have shape \(N, D\) with D >= 1, got \(3, 0\)"),
        (torch.zeros(3, 2, dtype=torch.int64), r"codes must be floating point, got torch.int64; .*\.float\(\)"),
        (torch.zeros(1, 2), "codes must have at least 2 rows, got 1"),
        (torch.tensor([[0.0, torch.nan], [torch.inf, 1.0]]), "codes must be finite, got 2 entries"),
    ],
)
def test_wrong_codes(codes: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_codes(codes)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        (torch.zeros(3, dtype=torch.int64), r"factors must have shape \(N, K\) with N=3, got \(3,\)"),
        (torch.zeros(4, 2, dtype=torch.int64), r"factors must have shape \(N, K\) with N=3, got \(4, 2\)"),
        (torch.zeros(3, 0, dtype=torch.int64), r"factors must have shape \(N, K\) with N=3, got \(3, 0\)"),
        (torch.tensor([[0.0, 1], [2, 0.5], [1, 1]]), r"factors must be whole numbers, .*got 0\.5; .*bin continuous"),
        (torch.full((3, 2), float("nan")), "factors must be whole numbers, .*got nan"),
        (torch.full((3, 2), 1e30), r"factors must be whole numbers, .*got 1e\+30"),
        (torch.zeros(3, 2, dtype=torch.complex64), "factors must be integers, .*got torch.complex64"),
    ],
)
def test_wrong_factors(factors: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_factors(factors, 3)


def test_codes_keep_their_precision_but_for_halves() -> None:
    for given, kept in (
        (torch.float32, np.float32),
        (torch.float64, np.float64),
        (torch.bfloat16, np.float32),
        (torch.float16, np.float32),
    ):
        assert check_codes(torch.zeros(2, 1, dtype=given, requires_grad=True)).dtype == kept


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.bool, torch.float16, torch.float64])
def test_factors_of_any_type(dtype: torch.dtype) -> None:
    factors = check_factors(torch.tensor([[0], [1]]).to(dtype), 2)
    assert factors.dtype == np.int64
    assert factors[:, 0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (torch.zeros(3), r"matrix must have shape \(D, K\) .*, got \(3,\)"),
        (torch.zeros(0, 3), r"matrix must have shape \(D, K\) .*, got \(0, 3\)"),
        (torch.tensor([[1.0, -0.5]]), "matrix must not have negative entries, got -0.5"),
    ],
)
def test_wrong_matrix(matrix: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_matrix(matrix)


def test_matrix_in_double_precision() -> None:
    assert check_matrix(torch.ones(2, 3, requires_grad=True)).dtype == torch.float64


def test_entropies_of_another_number_of_factors() -> None:
    with pytest.raises(ValueError, match=r"factor_entropies must have shape \(3,\), got \(2,\)"):
        check_entropies(torch.ones(2), torch.ones(4, 3))
