"""How many observations go through a network at once when no gradients are needed."""

ON_CPU = 32
ON_ACCELERATOR = 1024

_REFERENCE = 3 * 64 * 64
"""Number of values of the largest observation with which passes have their full size."""


def pass_size(device_type: str, num_values: int, largest: int | None = None) -> int:
    """Return the number of observations per pass.

    Large passes are fast on accelerators. On a CPU, convolutions on 64x64 images run about twice as fast in passes of
    32 as in passes of 256 or more, whose activations do not fit into the cache. Passes of larger images have as many
    values as those of 64x64 images, so that they need no more memory: with 256x256 images, 64 samples, or 2 on a CPU.

    Args:
        device_type: Such as ``"cpu"`` or ``"cuda"``.
        num_values: Number of values of an observation; 0 if it is unknown.
        largest: Upper bound of the size for observations of up to 64x64 pixels.
    """
    default = ON_CPU if device_type == "cpu" else ON_ACCELERATOR
    default = default if largest is None else min(default, largest)
    return max(default * _REFERENCE // max(num_values, _REFERENCE), 1)
