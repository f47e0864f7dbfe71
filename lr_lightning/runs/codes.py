"""Codes of a whole data set."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class RunCodes(NamedTuple):
    """Codes of a data set, as tensors.

    Attributes:
        codes: Codes (N, D) float32.
        log_variances: Log-variances of the posteriors (N, D) float32; ``None`` if there are none.
        factors: Values of the factors (N, K) int64; ``None`` if the data have no labels.
        indices: Index of each observation in the data set (N,) int64; ``None`` if it is unknown.
    """

    codes: Tensor
    log_variances: Tensor | None
    factors: Tensor | None
    indices: Tensor | None


def read_codes(path: Path) -> RunCodes:
    """Return the codes in a file that ``lr-lightning predict`` has written."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in RunCodes._fields if name in file}
    return RunCodes(arrays["codes"], *(arrays.get(name) for name in RunCodes._fields[1:]))
