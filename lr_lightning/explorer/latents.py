"""The latents: their range, use and activity."""

from typing import Any

import torch
from torch import Tensor

from lr_lightning.assays.interventions import prior_samples
from lr_lightning.assays.latent_sampling import posterior_samples
from lr_lightning.assays.latent_statistics import latent_statistics
from lr_lightning.explorer.explored_model import ExploredModel
from lr_lightning.explorer.plain_values import plain_number

NUM_CODES = 2048
"""Number of draws from the prior that take the place of codes if there are no data."""

_RANGE = (0.005, 0.995)
"""Quantiles between which sliders move."""
_PRIOR_RANGE = 3.0
_NARROW = 1e-4
"""Latents whose range is narrower than this, relative to their values, can be moved by 1 up and down."""
_MOST_SAMPLES, _MOST_VALUES = 10_000, 8_000_000
"""Bounds of the samples that quantiles are taken of; PyTorch takes those of at most 16 million values."""


def codes_or_prior(explored: ExploredModel, generator: torch.Generator) -> Tensor:
    """Return the codes of the data ``(N, D)``; draws from the standard normal prior if there are none."""
    if explored.codes is not None:
        return explored.codes
    return prior_samples(NUM_CODES, explored.autoencoder.latent_dim, generator)


def latent_entries(
    explored: ExploredModel, activity: Tensor, active: Tensor, shown: Tensor, generator: torch.Generator
) -> list[dict[str, Any]]:
    """Return the entry of each latent, in order.

    The range holds 99 % of the posteriors of the data, not only of their means, so that passive latents can be moved
    through values that occur in training; and all codes that the page shows.

    Args:
        explored: The model.
        activity: Response of each latent to its own change ``(D,)``.
        active: Which latents are active, ``(D,)`` bool.
        shown: Codes that the page shows ``(M, D)``, which may be none.
        generator: Source of the samples from the posteriors.
    """
    dim = len(activity)
    if explored.codes is None:
        low, high = torch.full((dim,), -_PRIOR_RANGE), torch.full((dim,), _PRIOR_RANGE)
        mean, deviation, kl = torch.zeros(dim), torch.ones(dim), None
    else:
        statistics = latent_statistics(explored.codes, explored.log_variances)
        mean, deviation, kl = statistics.mean, statistics.std, statistics.kl
        count = min(len(explored.codes), _MOST_SAMPLES, max(_MOST_VALUES // dim, 1))
        samples = posterior_samples(explored.codes, explored.log_variances, count, generator)
        low, high = samples.double().quantile(torch.tensor(_RANGE, dtype=torch.float64), dim=0)
    if len(shown):
        low, high = torch.minimum(low, shown.amin(dim=0)), torch.maximum(high, shown.amax(dim=0))
    constant = high - low < _NARROW * (1 + low.abs())
    low, high = torch.where(constant, low - 1, low), torch.where(constant, high + 1, high)
    return [
        {
            "index": index,
            "name": f"latent {index}",
            "activity": plain_number(float(activity[index])),
            "is_active": bool(active[index]),
            "low": plain_number(float(low[index])),
            "high": plain_number(float(high[index])),
            "mean": plain_number(float(mean[index])),
            "deviation": plain_number(float(deviation[index])),
            "kl": None if kl is None else plain_number(float(kl[index])),
        }
        for index in range(dim)
    ]
