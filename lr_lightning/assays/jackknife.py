"""Standard errors by the jackknife."""

import torch
from torch import Tensor


def jackknife_error(without: Tensor) -> Tensor:
    """Return the standard error of a statistic from its values (G, ...) with each of ``G`` parts left out in turn.

    NaN if there is a single part.
    """
    if len(without) < 2:
        return torch.full_like(without[0], torch.nan)
    return ((len(without) - 1) * (without - without.mean(dim=0)).square().mean(dim=0)).sqrt()
