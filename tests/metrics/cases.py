"""Codes with known scores: ten ideal cases, and the codes that disentanglement_lib was run on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sampling

REFERENCE = Path(__file__).parent / "reference"
REFERENCE_NAMES = ("ideal", "duplicated", "noise_and_leak", "dct_rotation")
IDEAL_NAMES = ("ident", "perm", "rot45", "rotF", "dup", "dead", "nuis", "coll", "circle", "noise")
FIRST_ROWS = Sampling(num_train=2000, num_test=1000, order="first")  # of both kinds of cases


def ideal_case(name: str) -> tuple[Tensor, Tensor]:
    """Return codes (3000, D) and factors (3000, 4) of six ordinal values each; 2000 rows train and 1000 test."""
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 6, size=(3000, 4))
    values = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    half = np.sqrt(0.5)
    pair = np.array([[half, -half], [half, half]])
    if name == "perm":
        values = values[:, [2, 0, 3, 1]] * [2.0, -1.0, 0.5, -3.0]
    elif name == "rot45":
        values = values @ np.kron(np.eye(2), pair)
    elif name == "rotF":
        values = values @ np.linalg.qr(np.random.default_rng(12).normal(size=(4, 4)))[0].T
    elif name == "dup":
        values = np.concatenate([values, values], axis=1)
    elif name == "dead":
        values = np.concatenate([values, np.zeros_like(values)], axis=1)
    elif name == "coll":
        values = values * [1, 1, 0, 0]
    elif name == "circle":
        angles = 2 * np.pi * factors / 6
        values = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    codes = values + 1e-3 * rng.normal(size=values.shape)
    if name == "nuis":
        codes = np.concatenate([codes, rng.normal(size=codes.shape)], axis=1)
    elif name == "noise":
        codes = rng.normal(size=codes.shape)
    return torch.from_numpy(codes).float(), torch.from_numpy(factors)


def batches(codes: Tensor, factors: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield codes and factors in batches of ``size``."""
    for start in range(0, len(codes), size):
        yield codes[start : start + size], factors[start : start + size]


def values_of(result: MetricResult) -> dict[str, float]:
    """Return the value of each score by its name."""
    return {name: score.value for name, score in result.scores.items()}


def reference_case(name: str) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """Return codes, factors and disentanglement_lib's results on them."""
    expected = json.loads((REFERENCE / "expected.json").read_text())[name]
    with np.load(REFERENCE / f"{name}.npz", allow_pickle=False) as arrays:
        return torch.from_numpy(arrays["codes"]), torch.from_numpy(arrays["factors"]), expected
