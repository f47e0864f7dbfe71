"""Reads the arrays of an ``.npz`` file."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """Return all arrays of ``path`` by name, and close the file."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)
