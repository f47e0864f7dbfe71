"""Tensors as plain lists for JSON."""

import math
from typing import Any

from torch import Tensor

DIGITS = 6
"""Significant digits of all numbers on the page."""


def plain_values(values: Tensor) -> Any:
    """Return the entries of a tensor as nested lists, a scalar as a number, in six digits; ``None`` where undefined.

    Example:
        >>> import torch
        >>> plain_values(torch.tensor([[0.12345678, torch.nan], [2.0, -torch.inf]]))
        [[0.123457, None], [2.0, None]]
    """
    return _plain(values.detach().cpu().tolist())


def plain_number(value: float | None) -> float | None:
    """Return a number in six digits; ``None`` if it is undefined, infinite or unknown.

    Example:
        >>> plain_number(1234567.8), plain_number(math.inf)
        (1234570.0, None)
    """
    return None if value is None or not math.isfinite(value) else float(f"{value:.{DIGITS}g}")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return plain_number(value) if isinstance(value, float) else value
