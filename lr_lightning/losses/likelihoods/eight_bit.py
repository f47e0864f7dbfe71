"""The 256 values of 8-bit images, scaled to [0, 1]."""

from torch import Tensor

MAX_LEVEL = 255
"""The largest 8-bit value; observations are multiples of 1/255."""


def levels(observations: Tensor) -> Tensor:
    """Return the nearest of the integers 0 to 255 for each of ``observations`` in ``[0, 1]``, as float32."""
    return (observations.float() * MAX_LEVEL).round().clamp(0, MAX_LEVEL)


def is_eight_bit(observations: Tensor) -> Tensor:
    """Return whether all ``observations`` are 8-bit values divided by 255, a bool scalar on their device."""
    exact = (levels(observations) / MAX_LEVEL).to(observations.dtype)  # bfloat16 still has a number for each level
    return ((observations - exact).abs() < 1e-3 / MAX_LEVEL).all()  # a thousandth of a level, for round-off
