"""Reads and checks the arrays for ``lr-lightning score`` before anything is computed."""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lr_lightning.data.storage.npz_member import npz_array, npz_header, npz_names

_MOST_ROWS, _MOST_ENTRIES = 2_000_000, 1 << 26  # sampling from this many takes half a minute and 2 GB
_REMEDY = "save it again with np.savez"
_ARRAYS = ("codes", "factors", "log_variances")
_Header = tuple[tuple[int, ...], np.dtype[Any]]


class ScoreInput(NamedTuple):
    """The arrays to score.

    Attributes:
        codes: Codes ``(N, D)``.
        factors: Index of each factor's value ``(N, K)``; ``None`` if not in the file, or if there are no factors.
        log_variances: Logarithms of the posterior variances ``(N, D)``; ``None`` if not in the file.
        sampled: Whether the codes are samples from posteriors, as ``lr-lightning predict --codes sample`` writes.
    """

    codes: Tensor
    factors: Tensor | None
    log_variances: Tensor | None
    sampled: bool = False


def read_score_input(path: Path, *, few_rows: bool = False) -> ScoreInput:
    """Return the arrays of a ``.npz`` file.

    Args:
        path: The file.
        few_rows: Accept codes with fewer rows than latents, which are otherwise rejected as transposed.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not an ``.npz`` file with codes, or an array is too large, is not numeric, or is
            transposed; the message suggests a fix.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        names = npz_names(path, _REMEDY)
        headers = {name: npz_header(path, name, _REMEDY) for name in _ARRAYS if name in names}
    except (OSError, ValueError, KeyError) as error:
        raise _no_arrays(path, error) from error
    if "codes" not in headers:
        raise ValueError(f"{path} has no array 'codes'; it has {', '.join(names[:50]) or 'none'}")
    for name, header in headers.items():
        _check_size(path, name, *header)
    _check_rows(headers, few_rows)
    try:
        found = {
            name: _tensor(npz_array(path, name, shape, str(dtype), _REMEDY)) for name, (shape, dtype) in headers.items()
        }
    except OSError as error:
        raise _no_arrays(path, error) from error
    factors = found.get("factors")
    if factors is not None and factors.ndim == 2 and not factors.shape[1]:
        factors = None
    return ScoreInput(found["codes"], factors, found.get("log_variances"), "sample_seed" in names)


def _no_arrays(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} is no .npz file of plain numeric arrays ({error.args[0] if error.args else error})")


def _check_size(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "biufc":
        raise ValueError(f"{path} is no .npz file of plain numeric arrays ({name!r} has {dtype})")
    if prod(shape) > _MOST_ENTRIES or (shape and shape[0] > _MOST_ROWS):
        raise ValueError(
            f"{name} may have {_MOST_ROWS:,} rows and {_MOST_ENTRIES:,} entries, got shape {shape}; keep a random "
            "part of the rows, of which the scores use 15,000 by default"
        )


def _check_rows(headers: Mapping[str, _Header], few_rows: bool) -> None:
    """Raise ``ValueError`` for a transposed table, which would take minutes to score and give meaningless results."""
    shapes = {name: shape for name, (shape, _) in headers.items()}
    codes = shapes["codes"]
    if len(codes) != 2:
        return  # the metrics reject it
    tables = {name: shape for name, shape in shapes.items() if len(shape) == 2}
    for name, shape in tables.items():
        if shape[0] != codes[0]:
            wide = [other for other in ("codes", name) if tables[other][0] < tables[other][1]]
            fix = " and ".join(f"write {other}.T" for other in wide) or "keep the same samples in both"
            raise ValueError(f"codes {codes} and {name} {shape} must have a row for each sample; {fix}")
    for name, shape in tables.items():
        if 2 <= shape[0] < shape[1] and not few_rows:
            raise ValueError(
                f"{name} {shape} has fewer rows than columns and may be transposed; write {name}.T, or add "
                "--few_rows if there are so few samples"
            )


def _tensor(array: np.ndarray[Any, Any]) -> Tensor:
    """Return a tensor from numbers of any byte order and precision; types unknown to PyTorch become 64-bit."""
    wide = {"f": np.float64, "c": np.complex128}.get(array.dtype.kind)
    if wide is not None and array.dtype.itemsize > np.dtype(wide).itemsize:
        return torch.from_numpy(array.astype(wide))
    return torch.from_numpy(np.asarray(array, array.dtype.newbyteorder("="), order="C"))
