"""Noise that depends only on seed and step: other random draws cannot affect it, and a resumed run repeats it."""

from functools import cache

import torch
from torch import Tensor


def step_seed(seed: int, step: int) -> int:
    """Return the noise seed of one step; on the same kind of device, equal seeds give equal draws.

    Args:
        seed: Any integer; it is hashed, so that the step seeds of adjacent seeds do not overlap.
        step: Number of the batch, different for each process.
    """
    return _scattered(seed) + step


def reparameterize(means: Tensor, log_variances: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one sample from each posterior, ``(B, D)``, differentiable in means and log-variances.

    Args:
        means: Posterior means, shape ``(B, D)``.
        log_variances: Logarithms of the posterior variances, shape ``(B, D)``.
        generator: Source of the noise, on the device of ``means``.
    """
    noise = torch.randn(means.shape, generator=generator, device=means.device, dtype=means.dtype)
    return means + noise * (0.5 * log_variances).exp()


@cache
def _scattered(seed: int) -> int:
    return int(torch.randint(2**62, (), generator=torch.Generator().manual_seed(seed)).item())
