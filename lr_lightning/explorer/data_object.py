"""The data object of a page: everything that it shows except what the model computes while latents are moved."""

import re
import warnings
from collections.abc import Sequence
from typing import Any

import torch

from lr_lightning import __version__
from lr_lightning.assays.decoding import decode_codes
from lr_lightning.assays.latent_statistics import latent_statistics
from lr_lightning.assays.score_warnings import score_warnings
from lr_lightning.common.checks import check_at_least
from lr_lightning.explorer.examples import choose_examples
from lr_lightning.explorer.explored_model import ExploredModel, Progress
from lr_lightning.explorer.latents import codes_or_prior, latent_entries
from lr_lightning.explorer.matrices import (
    base_codes_for,
    conditioned_matrix_entry,
    measure_conditioned,
    measure_responses,
    response_matrix_entry,
)
from lr_lightning.explorer.paths import path_entries
from lr_lightning.explorer.pictures import described_observation
from lr_lightning.explorer.plain_values import plain_values
from lr_lightning.explorer.samples import sample_entries
from lr_lightning.explorer.score_entries import score_entries
from lr_lightning.explorer.slices import slice_entries

FORMAT = 1
"""Version of the data object."""


def explorer_data(
    explored: ExploredModel, *, num_samples: int | None = None, seed: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Return what the page shows of a model, as plain values, without the engine that computes responses.

    Every part has a generator of its own, so that it does not depend on which others there are.

    Args:
        explored: The model; left unchanged.
        num_samples: Number of base codes of the response matrix; 128 if ``None``, fewer for many latents and for
            large images.
        seed: Seed of all random choices.
        progress: Called during long computations.

    Raises:
        ValueError: If ``num_samples`` is below 2, or the codes are not finite.
    """
    if num_samples is not None:
        check_at_least("num_samples", num_samples, 2)
    if explored.codes is not None and not explored.codes.isfinite().all():
        raise ValueError(
            "the codes of the data are not finite, so there is nothing to explore; has the model diverged?"
        )

    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    autoencoder, codes = explored.autoencoder, codes_or_prior(explored, generator())
    examples = choose_examples(explored, generator())
    start = examples.codes[0] if len(examples.codes) else codes.mean(dim=0)
    shape = tuple(decode_codes(autoencoder, start[None]).shape[1:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is undefined is null on the page
        size = num_samples or base_codes_for(codes.shape[1], shape)
        responses = measure_responses(explored, codes, size, generator(), progress)
        conditioned = measure_conditioned(explored, codes, generator(), progress)
        slices = slice_entries(autoencoder, codes, start, responses, progress)
        paths = path_entries(autoencoder, codes, examples.codes, generator(), progress)
        statistics = None if explored.codes is None else latent_statistics(explored.codes, explored.log_variances)
        cautions = score_warnings(
            statistics=statistics,
            responses=responses.result,
            conditioned=None if conditioned is None or conditioned.pairs is not None else conditioned,
            spread=responses.spread,
            generator=generator(),
        )
        scores = score_entries(explored.scores, conditioned, generator())
    return {
        "format": FORMAT,
        "title": explored.title,
        "subtitle": explored.subtitle,
        "version": __version__,
        "observation": described_observation(shape),
        "latents": latent_entries(
            explored, responses.activity, responses.active, torch.cat([start[None], examples.codes]), generator()
        ),
        "start": plain_values(start),
        "examples": examples.entries,
        "factors": examples.factors,
        "traversals": examples.traversals,
        "response_matrix": response_matrix_entry(responses, explored.codes is not None),
        "conditioned_matrix": None
        if conditioned is None
        else conditioned_matrix_entry(explored, conditioned, responses.shown),
        "slices": slices,
        "paths": paths,
        "samples": sample_entries(explored, generator()),
        "scores": scores,
        "cautions": _without_repetitions([*cautions, *explored.cautions]),
        "notes": list(explored.notes),
    }


def _without_repetitions(sentences: Sequence[str]) -> list[str]:
    """Return the sentences, the first of those that differ in numbers alone: those of the page, and of the run."""
    distinct: dict[str, str] = {}
    for sentence in sentences:
        distinct.setdefault(re.sub(r"\d[\d.,]*", "0", sentence), sentence)
    return list(distinct.values())
