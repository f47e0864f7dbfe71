"""Combinations of factor values that are held out from training."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace, factor_position

FactorValues = Mapping[str, Sequence[int]]
"""Indices of values by the name of their factor."""


def holdout_mask(
    dataset: FactorDataset, held_out: Iterable[FactorValues] = (), restricted: FactorValues | None = None
) -> Tensor:
    """Return which observations are held out, by their factors.

    Args:
        dataset: The observations.
        held_out: Each entry holds out the combinations in which all its factors have one of the values listed:
            ``{"shape": [0], "object_hue": [3, 4]}`` those of shape 0 with hue 3 or 4.
        restricted: Holds out every combination in which one of these factors has a value that is not listed.

    Returns:
        Shape ``(len(dataset),)``, bool.

    Raises:
        ValueError: If a factor or value does not exist, or an entry or a list of values is empty.
    """
    space, factors = dataset.factor_space, dataset.factors(torch.arange(len(dataset))).cpu()
    mask = torch.zeros(len(factors), dtype=torch.bool)
    for entry in held_out:
        mask |= torch.stack(_matches("held_out", space, factors, entry)).all(dim=0)
    if restricted is not None:
        mask |= ~torch.stack(_matches("restricted", space, factors, restricted)).all(dim=0)
    return mask


def _matches(option: str, space: FactorSpace, factors: Tensor, entry: FactorValues) -> list[Tensor]:
    """Return for each factor of ``entry`` which of ``factors`` (N, K) have one of its values, ``(N,)`` bool."""
    if not entry:
        raise ValueError(f"{option} must name a factor, got {dict(entry)}")
    matches = []
    for name, values in entry.items():
        column = factor_position(option, space, name)
        if not values:
            raise ValueError(f"{option} must list values of {name}, got {list(values)}")
        for value in values:
            if not 0 <= value < space.sizes[column]:
                raise ValueError(f"{option}: values of {name} must lie in 0..{space.sizes[column] - 1}, got {value}")
        matches.append(torch.isin(factors[:, column], torch.tensor(values)))
    return matches
