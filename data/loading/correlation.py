"""Correlated factors: the density of factor combinations in training, and draws from it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.data.factor_space import FactorSpace, factor_position


@dataclass(frozen=True)
class FactorCorrelation:
    r"""Two positively correlated factors: their density is high around a line.

    .. math:: p(c_1, c_2) \propto \exp \left( - \frac{(c_1 - \alpha c_2)^2}{2 \sigma^2} \right),
        \quad \alpha = \frac{c_1^{\max}}{c_2^{\max}}

    The values :math:`c` of both factors run from 0 to 1 in equal steps. Then :math:`\alpha = 1`, the factors are
    interchangeable, and :math:`\sigma` is a fraction of a factor's range whatever its size, as in Roth et al.'s code.

    Args:
        first: Name of one factor.
        second: Name of the other.
        sigma: Width of the line, above 0: 0.1 is a strong correlation, ``inf`` none.

    Raises:
        ValueError: If ``sigma`` is not positive, or the two factors are one.

    References:
        Träuble et al., On Disentangled Representations Learned from Correlated Data, ICML 2021, arXiv:2006.07886.
        Roth et al., Disentanglement of Correlated Factors via Hausdorff Factorized Support, ICLR 2023,
        arXiv:2210.07347.
    """

    first: str
    second: str
    sigma: float

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise ValueError(f"sigma must be positive, got {self.sigma}")
        if self.first == self.second:
            raise ValueError(f"a correlation needs two different factors, got {self.first!r} twice")

    def positions(self, space: FactorSpace) -> tuple[int, int]:
        """Return the columns of the two factors.

        Raises:
            ValueError: If ``space`` lacks one of them, or one has a single value.
        """
        columns = (
            factor_position("correlations", space, self.first),
            factor_position("correlations", space, self.second),
        )
        for column in columns:
            if space.sizes[column] < 2:
                raise ValueError(f"correlations: {space.names[column]} has a single value and cannot be correlated")
        return columns


def log_density(correlations: Sequence[FactorCorrelation], space: FactorSpace, factors: Tensor) -> Tensor:
    """Return the logarithm of the product of all ``correlations``' densities, up to a constant.

    Args:
        correlations: Any number of them; without any, the density is uniform.
        space: The factors.
        factors: Factor values, shape ``(..., K)`` int64.

    Returns:
        Shape ``(...)``, float64, at most 0.

    Raises:
        ValueError: As :meth:`FactorCorrelation.positions`.
    """
    total = torch.zeros(factors.shape[:-1], dtype=torch.float64)
    for correlation in correlations:
        first, second = (
            factors[..., column].double() / (space.sizes[column] - 1) for column in correlation.positions(space)
        )
        total -= (first - second).square() / (2 * correlation.sigma**2)
    return total


class WeightedDraw:
    """Draw samples with replacement, in proportion to their weights.

    Args:
        indices: Sample numbers, shape ``(N,)`` int64.
        log_weights: Logarithms of the weights up to a constant, shape ``(N,)`` float64.
    """

    def __init__(self, indices: Tensor, log_weights: Tensor) -> None:
        self._indices = indices
        self._cumulative = (log_weights - log_weights.max()).exp().cumsum(dim=0)

    def __call__(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return ``num_samples`` sample numbers, shape ``(num_samples,)`` int64."""
        heights = torch.rand(num_samples, dtype=torch.float64, generator=generator) * self._cumulative[-1]
        return self._indices[torch.searchsorted(self._cumulative, heights, right=True)]
