"""Codes drawn from the prior, from the data, and from the product of the marginals of the data."""

from typing import Any

import torch

from lr_lightning.assays.interventions import prior_samples
from lr_lightning.assays.latent_sampling import hybrid_samples, posterior_samples
from lr_lightning.explorer.explored_model import ExploredModel
from lr_lightning.explorer.plain_values import plain_values

_MOST = 24
_FEWEST = 6
_VALUES = 4096
"""Number of values of the samples of each kind together, which bounds the size of the page."""


def sample_entries(explored: ExploredModel, generator: torch.Generator) -> dict[str, Any]:
    """Return the entry ``samples``; without data, those of the prior alone.

    Hybrid samples are the aggregate samples with each latent permuted, as in
    :func:`~lr_lightning.assays.decoded_samples`, whose draws these are.
    """
    dim = explored.autoencoder.latent_dim
    count = max(_FEWEST, min(_MOST, _VALUES // dim))
    if explored.codes is None:
        return {"prior": plain_values(prior_samples(count, dim, generator)), "aggregate": [], "hybrid": []}
    aggregate = posterior_samples(explored.codes, explored.log_variances, count, generator)
    prior = prior_samples(count, dim, generator)
    hybrid = hybrid_samples(aggregate, generator)
    return {"prior": plain_values(prior), "aggregate": plain_values(aggregate), "hybrid": plain_values(hybrid)}
