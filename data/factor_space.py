"""The grid of ground-truth factors behind a data set, as arithmetic on tensors."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import prod

import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least


class FactorSpace:
    """All combinations of ``K`` discrete factors, numbered row-major with the last factor fastest.

    ``index = sum_i factor_i * prod(sizes[i + 1:])``, the order of the public dSprites and 3DShapes files.

    Args:
        names: Factor names, unique, in order; none for observations without labels.
        sizes: Number of values of each factor, each at least 1.
        values: The value behind each index (degrees, hue, ...), one sequence per factor; by default the indices.
        value_names: Names of the values of factors that are not numeric.

    Raises:
        ValueError: If lengths differ, a name repeats or is unknown, a size is below 1, or there are 2^63 combinations
            or more.

    Example:
        >>> space = FactorSpace(["shape", "hue"], [2, 3])
        >>> space.factors(torch.arange(4))
        tensor([[0, 0],
                [0, 1],
                [0, 2],
                [1, 0]])
        >>> space.indices(torch.tensor([[1, 2]]))
        tensor([5])
    """

    def __init__(
        self,
        names: Sequence[str],
        sizes: Sequence[int],
        values: Sequence[Sequence[float]] | None = None,
        value_names: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.names = tuple(names)
        self.sizes = tuple(sizes)
        if len(self.names) != len(self.sizes):
            raise ValueError(f"names and sizes must be equally long, got {self.names} and {self.sizes}")
        if len(set(self.names)) != len(self.names):
            raise ValueError(f"names must be unique, got {self.names}")
        for size in self.sizes:
            check_at_least("sizes", size, 1)
        if (bits := prod(self.sizes).bit_length()) > 63:
            raise ValueError(f"sizes must give fewer than 2^63 combinations, got at least 2^{bits - 1}")
        self.values = tuple(
            tuple(float(v) for v in row) for row in (map(range, self.sizes) if values is None else values)
        )
        if tuple(map(len, self.values)) != self.sizes:
            lengths = tuple(map(len, self.values))
            raise ValueError(f"values must have as many entries as sizes {self.sizes}, got {lengths}")
        self.value_names = {factor: tuple(given) for factor, given in (value_names or {}).items()}
        for factor, given in self.value_names.items():
            size = self.sizes[factor_position("value_names", self, factor)]
            if len(given) != size or len(set(given)) != size:
                raise ValueError(f"value_names of {factor!r} must be {size} different names, got {given}")
        self._strides = tuple(prod(self.sizes[i + 1 :]) for i in range(self.num_factors))

    def __len__(self) -> int:
        """Return the number of combinations."""
        return prod(self.sizes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FactorSpace) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"FactorSpace({', '.join(f'{name}={size}' for name, size in zip(self.names, self.sizes, strict=True))})"

    @property
    def num_factors(self) -> int:
        """Number of factors ``K``."""
        return len(self.names)

    @property
    def value_labels(self) -> list[list[str]]:
        """Labels of the values of each factor, which are their names if given, otherwise the numbers."""
        return [
            list(self.value_names.get(name, [f"{value:.4g}" for value in values]))
            for name, values in zip(self.names, self.values, strict=True)
        ]

    def position(self, name: str) -> int:
        """Return the column of factor ``name``.

        Raises:
            KeyError: If there is no such factor; the message lists the factors.
        """
        if name not in self.names:
            raise KeyError(f"no factor {name!r}; the factors are {', '.join(self.names) or 'none'}")
        return self.names.index(name)

    def factors(self, indices: Tensor) -> Tensor:
        """Return the factor values ``(N, K)`` int64 of combination numbers ``(N,)``, on their device.

        Raises:
            IndexError: If a number lies outside ``[0, len(self))``.
        """
        check_range("indices", indices, len(self))
        columns = [indices // stride % size for stride, size in zip(self._strides, self.sizes, strict=True)]
        return torch.stack(columns, dim=-1) if columns else indices.new_empty(*indices.shape, 0)

    def indices(self, factors: Tensor) -> Tensor:
        """Return the combination numbers ``(...)`` int64 of factor values ``(..., K)``, on their device.

        Raises:
            ValueError: If the last axis is not ``K`` long.
            IndexError: If a value lies outside its factor's range.
        """
        if factors.shape[-1] != self.num_factors:
            raise ValueError(f"factors must have {self.num_factors} columns {self.names}, got {tuple(factors.shape)}")
        for name, size, column in zip(self.names, self.sizes, factors.unbind(-1), strict=True):
            check_range(f"factor {name!r}", column, size)
        return (factors * torch.tensor(self._strides, dtype=torch.int64, device=factors.device)).sum(dim=-1)

    def sample(self, num_samples: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw ``num_samples`` combinations uniformly with replacement; factor values ``(N, K)`` int64."""
        return self.factors(torch.randint(len(self), (num_samples,), generator=generator))

    def traversals(self, factor: str, num_traversals: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw traversals of one factor, each with the other factors fixed at a random combination.

        Args:
            factor: Name of the factor that is varied over all its values.
            num_traversals: Number of traversals ``T``.
            generator: Random source of the fixed combinations, on the CPU.

        Returns:
            Factor values ``(T, V, K)`` int64, ``V`` the size of the factor.

        Raises:
            KeyError: If there is no such factor.
        """
        position = self.position(factor)
        size = self.sizes[position]
        groups = self.sample(num_traversals, generator)[:, None].repeat(1, size, 1)  # (T, V, K)
        groups[:, :, position] = torch.arange(size)
        return groups

    def _key(self) -> tuple[object, ...]:
        return self.names, self.sizes, self.values, frozenset(self.value_names.items())


def check_range(what: str, values: Tensor, size: int) -> None:
    """Raise ``IndexError`` if any of ``values`` lies outside ``[0, size)``; ``what`` names them in the message."""
    if not values.numel():
        return
    low, high = (int(bound) for bound in values.aminmax())
    if low < 0 or high >= size:
        raise IndexError(f"{what} must lie in [0, {size}), got {low} to {high}")


def factor_position(option: str, space: FactorSpace, name: str) -> int:
    """Return the column of the factor that a user named in ``option``.

    Raises:
        ValueError: If there is no such factor; the message names ``option``, suggests a similar factor and lists all.
    """
    if not space.names:
        raise ValueError(f"{option}: there is no factor {name!r}, because the data set has no factors; remove {option}")
    if name not in space.names:
        similar = get_close_matches(name, space.names, n=1)
        suggestion = f"; did you mean {similar[0]!r}?" if similar else "."
        raise ValueError(f"{option}: there is no factor {name!r}{suggestion} The factors are {', '.join(space.names)}")
    return space.position(name)
