"""Observations that ship with the page: traversals of the factors, and some others."""

from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor

from lr_lightning.assays.encoding import encode_means, encode_posteriors
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.preview_rows import preview_rows
from lr_lightning.explorer.explored_model import ExploredModel
from lr_lightning.explorer.pictures import original
from lr_lightning.explorer.plain_values import plain_values

_MOST = 64
_FEWEST = 8
_VALUES = _MOST * 3 * 64 * 64
"""Number of values of all examples together, which bounds the size of the page."""
_PER_FACTOR = 8
_CANDIDATES = 64
"""Number of random observations of which the most typical one comes first."""
_OTHERS = 8
"""Number of random observations beside the traversals."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Observations with their codes.

    Attributes:
        entries: Entries ``examples`` of the data object.
        codes: Their codes ``(E, D)`` on the CPU.
        factors: Entries ``factors``.
        traversals: Entries ``traversals``.
    """

    entries: list[dict[str, Any]]
    codes: Tensor
    factors: list[dict[str, Any]] = field(default_factory=list)
    traversals: list[dict[str, Any]] = field(default_factory=list)


def choose_examples(explored: ExploredModel, generator: torch.Generator) -> Examples:
    """Return the examples of a model; none if it has no data.

    The first one is typical, with a code near the mean. With labels, the others are a traversal of each factor from
    there, as far as there is room, and random observations; without, random observations only.

    Args:
        explored: The model.
        generator: Source of the choice, on the CPU.
    """
    dim = explored.autoencoder.latent_dim
    if explored.dataset is not None:
        return _from_dataset(explored, explored.dataset, generator)
    if explored.observations is None or not len(explored.observations):
        return Examples([], torch.empty(0, dim))
    observations = explored.observations[: _room(explored.observations.shape[1:])]
    return _encoded(explored, observations, None, [], [])


def _from_dataset(explored: ExploredModel, dataset: FactorDataset, generator: torch.Generator) -> Examples:
    room, space = _room(dataset.image_shape), dataset.factor_space
    start = _typical(explored, dataset, generator)
    chosen: dict[int, None] = {start: None}  # in order, each once
    rows = preview_rows(dataset, _PER_FACTOR, start=start) if space.names else []
    traversals = []
    for row in rows:
        indices = row.indices.tolist()
        if len(row.indices) < 2 or len(chosen | dict.fromkeys(indices)) > room:
            continue
        chosen |= dict.fromkeys(indices)
        traversals.append((row.factor, indices))
    others = torch.randperm(len(dataset), generator=generator)[: max(_OTHERS, 0 if traversals else room // 4)]
    chosen |= dict.fromkeys(others.tolist())
    numbers = list(chosen)[: max(room, 1)]
    place = {number: position for position, number in enumerate(numbers)}
    factors = [
        {"name": name, "size": size, "values": labels}
        for name, size, labels in zip(space.names, space.sizes, space.value_labels, strict=True)
    ]
    rows_of_factors = [
        {"factor": factor, "examples": [place[index] for index in indices]} for factor, indices in traversals
    ]
    shown = torch.tensor(numbers)
    values = dataset.factors(shown).cpu() if space.names else None
    return _encoded(explored, dataset.images(shown).cpu(), values, factors, rows_of_factors)


def _typical(explored: ExploredModel, dataset: FactorDataset, generator: torch.Generator) -> int:
    """Return the one of a few random observations whose code is nearest to the mean: at the edge, models are worse."""
    drawn = torch.randperm(len(dataset), generator=generator)[:_CANDIDATES]
    codes = encode_means(explored.autoencoder, dataset.images(drawn).cpu())
    mean = codes.mean(dim=0) if explored.codes is None else explored.codes.mean(dim=0)
    return int(drawn[(codes - mean).norm(dim=1).argmin()])


def _room(shape: tuple[int, ...]) -> int:
    """Return how many observations of a shape the page may have."""
    return max(_FEWEST, min(_MOST, _VALUES // max(prod(shape), 1)))


def _encoded(
    explored: ExploredModel,
    observations: Tensor,
    values: Tensor | None,
    factors: list[dict[str, Any]],
    traversals: list[dict[str, Any]],
) -> Examples:
    """Return examples with their codes and, for a variational model, the standard deviations of their posteriors."""
    deviations = None
    if explored.log_variances is None:
        codes = encode_means(explored.autoencoder, observations)
    else:
        codes, log_variances = encode_posteriors(explored.autoencoder, observations)
        deviations = (0.5 * log_variances).exp()
    entries = [
        {
            "code": plain_values(codes[number]),
            "deviations": None if deviations is None else plain_values(deviations[number]),
            "original": original(observations[number]),
            "factors": {}
            if values is None
            else dict(zip([factor["name"] for factor in factors], values[number].tolist(), strict=True)),
        }
        for number in range(len(observations))
    ]
    return Examples(entries, codes.cpu(), factors, traversals)
