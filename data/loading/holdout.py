"""Combinations of factor values that training leaves out."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace, factor_position

FactorValues = Mapping[str, Sequence[int]]


def left_out(
    dataset: FactorDataset, held_out: Iterable[FactorValues] = (), restricted: FactorValues | None = None
) -> Tensor:
    """Tell which samples are left out, by their factors.

    Args:
        dataset: The samples.
        held_out: Leaves out, entry by entry, the combinations in which each factor that the entry names has one of
            the values listed: ``{"shape": [0], "object_hue": [3, 4]}`` those of shape 0 that have hue 3 or 4.
        restricted: Leaves out each combination in which a factor that it names has any other value than those listed.

    Returns:
        Shape ``(len(dataset),)``, bool.

    Raises:
        ValueError: If a factor or value does not exist, or nothing is listed.
    """
    space, factors = dataset.factor_space, dataset.factors(torch.arange(len(dataset))).cpu()
    outside = torch.zeros(len(factors), dtype=torch.bool)
    for entry in held_out:
        outside |= torch.stack(_matches("held_out", space, factors, entry)).all(dim=0)
    if restricted is not None:
        outside |= ~torch.stack(_matches("restricted", space, factors, restricted)).all(dim=0)
    return outside


def _matches(option: str, space: FactorSpace, factors: Tensor, entry: FactorValues) -> list[Tensor]:
    """Return for each factor of ``entry`` where its value is among those listed, ``(N,)`` bool."""
    if not entry:
        raise ValueError(f"{option} must name a factor, got {dict(entry)}")
    matches = []
    for name, values in entry.items():
        column = factor_position(option, space, name)
        if not values:
            raise ValueError(f"{option} must list values of {name}, got {list(values)}")
        for value in values:
            if not 0 <= value < space.sizes[column]:
                raise ValueError(f"{option}: {name} has the values 0 to {space.sizes[column] - 1}, got {value}")
        matches.append(torch.isin(factors[:, column], torch.tensor(values)))
    return matches
