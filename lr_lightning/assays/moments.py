"""Moments of samples that arrive in chunks."""

from typing import NamedTuple, Self

import torch
from torch import Tensor


class Moments(NamedTuple):
    """Count, mean, sum of squared deviations and maximum over samples, in float64. Pooling is exact."""

    num_samples: int
    mean: Tensor
    deviation: Tensor
    maximum: Tensor

    @classmethod
    def of(cls, samples: Tensor) -> Self:
        """Return the moments over axis 1 of ``samples`` (L, N, D)."""
        mean = samples.mean(dim=1, keepdim=True)
        return cls(samples.shape[1], mean[:, 0], (samples - mean).square().sum(dim=1), samples.amax(dim=1))

    def pool(self, other: Self) -> Self:
        """Return the moments of both sets of samples together (Chan et al., 1979)."""
        total = self.num_samples + other.num_samples
        shift = other.mean - self.mean
        return type(self)(
            total,
            self.mean + shift * (other.num_samples / total),
            self.deviation + other.deviation + shift.square() * (self.num_samples * other.num_samples / total),
            torch.maximum(self.maximum, other.maximum),
        )

    @property
    def standard_error(self) -> Tensor:
        """Standard error of the mean; NaN for a single sample."""
        if self.num_samples < 2:
            return torch.full_like(self.mean, torch.nan)
        return (self.deviation / (self.num_samples - 1) / self.num_samples).sqrt()
