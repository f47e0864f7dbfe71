"""Checks of the tables and matrices that all metrics take."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def check_codes(codes: Tensor, name: str = "codes") -> NDArray[np.floating]:
    """Return ``codes`` (N, D) as an array on the CPU, after checking them; ``name`` is for messages.

    Raises:
        ValueError: If they are not floating point of shape ``(N, D)`` with ``N >= 2`` and ``D >= 1``, all finite.
    """
    codes = torch.as_tensor(codes).detach().cpu()
    if codes.ndim != 2 or codes.shape[1] < 1:
        raise ValueError(f"{name} must have shape (N, D) with D >= 1, got {tuple(codes.shape)}")
    if not codes.is_floating_point():
        raise ValueError(f"{name} must be floating point, got {codes.dtype}; convert them with .float()")
    if len(codes) < 2:
        raise ValueError(f"{name} must have at least 2 rows, got {len(codes)}")
    finite = codes.isfinite()
    if not finite.all():
        raise ValueError(f"{name} must be finite, got {int((~finite).sum())} entries that are NaN or infinite")
    array: NDArray[np.floating] = (codes.float() if codes.dtype in (torch.bfloat16, torch.float16) else codes).numpy()
    return array


def check_factors(factors: Tensor, num_samples: int) -> NDArray[np.int64]:
    """Return ``factors`` (N, K) as an int64 array on the CPU, after checking them.

    Raises:
        ValueError: If they are not whole numbers of shape ``(N, K)`` with ``N = num_samples`` and ``K >= 1``.
    """
    factors = torch.as_tensor(factors).detach().cpu()
    if factors.ndim != 2 or factors.shape[1] < 1 or len(factors) != num_samples:
        raise ValueError(f"factors must have shape (N, K) with N={num_samples}, got {tuple(factors.shape)}")
    if factors.is_complex():
        raise ValueError(f"factors must be integers, the index of each factor's value, got {factors.dtype}")
    if factors.is_floating_point():
        wrong = ~((factors == factors.round()) & (factors.abs() <= 2**53))  # true for NaN too
        if wrong.any():
            raise ValueError(
                f"factors must be whole numbers, the index of each factor's value, got {float(factors[wrong][0]):g}; "
                "number the values of discrete factors, and bin continuous ones first"
            )
    array: NDArray[np.int64] = factors.long().numpy()
    return array


def check_matrix(matrix: Tensor) -> Tensor:
    """Return ``matrix`` (D, K) in float64 on the CPU, after checking it.

    Raises:
        ValueError: If it is not two-dimensional with at least one entry, or has a negative entry.
    """
    matrix = torch.as_tensor(matrix).detach().double().cpu()
    if matrix.ndim != 2 or not matrix.numel():
        raise ValueError(f"matrix must have shape (D, K) with at least one entry, got {tuple(matrix.shape)}")
    if (matrix < 0).any():
        raise ValueError(f"matrix must not have negative entries, got {float(matrix.min())}")
    return matrix


def check_entropies(factor_entropies: Tensor, matrix: Tensor) -> Tensor:
    """Return ``factor_entropies`` (K,) in float64 on the CPU, after checking that they fit ``matrix`` (D, K).

    Raises:
        ValueError: If their shape is not ``(K,)``.
    """
    entropies = torch.as_tensor(factor_entropies).detach().double().cpu()
    if entropies.shape != matrix.shape[1:]:
        raise ValueError(f"factor_entropies must have shape {tuple(matrix.shape[1:])}, got {tuple(entropies.shape)}")
    return entropies
