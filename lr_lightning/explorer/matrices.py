"""The response matrix and the conditioned response matrix, as the page shows them."""

from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lr_lightning.assays.conditioned_response import (
    ConditionedResponseMatrix,
    conditioned_response_matrix,
    paired_response_matrix,
)
from lr_lightning.assays.interventions import donor_permutations
from lr_lightning.assays.label_pairs import marginal_pairs
from lr_lightning.assays.response_matrix import ResponseMatrix, response_matrix
from lr_lightning.assays.response_scores import active_latents
from lr_lightning.assays.response_scores import activity as activity_of
from lr_lightning.explorer.explored_model import ExploredModel, Progress
from lr_lightning.explorer.plain_values import plain_values

MOST_LATENTS = 64
"""Matrices of models with more latents show the most active ones."""

_MOST_BASE_CODES = 128
_FEWEST_BASE_CODES = 16
_ROUND_TRIPS = 16_384
"""Decoded and encoded samples of the response matrix, of observations of up to 64 x 64 pixels in color."""
_CONDITIONED_ROUND_TRIPS = 32_768
_TRAVERSALS, _SAMPLES = 10, 8
_FEWEST_INTERVENTIONS = 16
"""With fewer interventions per factor and latent than this, there is no conditioned matrix."""
_REFERENCE = 3 * 64 * 64


class Responses(NamedTuple):
    """The response matrix of a model.

    Attributes:
        result: The matrix of all latents, with its errors.
        activity: Response of each latent to its own change ``(D,)``.
        active: Which latents are active ``(D,)`` bool.
        spread: Standard deviation of the base codes ``(D,)``.
        shown: The latents that matrices show, in order.
    """

    result: ResponseMatrix
    activity: Tensor
    active: Tensor
    spread: Tensor
    shown: list[int]


def base_codes_for(latent_dim: int, observation_shape: tuple[int, ...]) -> int:
    """Return how many base codes the response matrix is measured on, so that it takes seconds.

    Example:
        >>> base_codes_for(10, (3, 64, 64)), base_codes_for(64, (3, 128, 128)), base_codes_for(1024, (3, 64, 64))
        (128, 63, 16)
    """
    affordable = _ROUND_TRIPS * _REFERENCE // max(prod(observation_shape), _REFERENCE) // (latent_dim + 1)
    return max(_FEWEST_BASE_CODES, min(_MOST_BASE_CODES, affordable))


def measure_responses(
    explored: ExploredModel, codes: Tensor, num_samples: int, generator: torch.Generator, progress: Progress | None
) -> Responses:
    """Measure the response matrix as :class:`~lr_lightning.callbacks.ResponseMatrixAssay` does.

    Args:
        explored: The model.
        codes: Codes ``(N, D)`` that base codes are drawn from.
        num_samples: Number of base codes, which donate to each other.
        generator: Source of base codes and donors.
        progress: Called with the number of interventions.
    """
    base = codes[torch.randperm(len(codes), generator=generator)[:num_samples]]
    order = donor_permutations(len(base), codes.shape[1], generator)
    result = response_matrix(explored.autoencoder, base, donor_rows=order, progress=_named("response matrix", progress))
    spread = base.std(dim=0, correction=0)
    activity = activity_of(result.matrix)
    most = activity.nan_to_num(nan=-1.0).argsort(descending=True, stable=True)[:MOST_LATENTS]
    active = active_latents(result.matrix, spread=spread)
    return Responses(result, activity, active, spread, most.sort().values.tolist())


def response_matrix_entry(responses: Responses, has_data: bool) -> dict[str, Any]:
    """Return the entry ``response_matrix`` of the data object."""
    shown, result = responses.shown, responses.result
    origin = "codes of the data" if has_data else "draws from a standard normal prior, because there are no data"
    some = "" if len(shown) == len(responses.activity) else f" The {len(shown)} most active latents are shown."
    return {
        "values": plain_values(result.matrix[shown][:, shown]),
        "standard_errors": plain_values(result.standard_error[shown][:, shown]),
        "latents": shown,
        "columns": shown,
        "caption": f"Root mean square response, after decoding and encoding, over {result.num_samples} {origin}, "
        f"in latent units.{some}",
    }


def measure_conditioned(
    explored: ExploredModel, codes: Tensor, generator: torch.Generator, progress: Progress | None
) -> ConditionedResponseMatrix | None:
    """Measure which latents respond along which factor; ``None`` without labels, or if that would take too long.

    Along traversals of a full grid if there is one; otherwise between samples that differ in a label.
    """
    dataset, factors = explored.dataset, explored.factors
    num_factors = len(dataset.factor_space.names) if dataset is not None else 0 if factors is None else factors.shape[1]
    if not num_factors:
        return None
    values = prod(dataset.image_shape) if dataset is not None else 0
    affordable = _CONDITIONED_ROUND_TRIPS * _REFERENCE // max(values, _REFERENCE)
    interventions = affordable // (num_factors * (codes.shape[1] + 1))
    if interventions < _FEWEST_INTERVENTIONS:
        return None
    num_traversals = min(_TRAVERSALS, interventions // 4)
    num_samples = min(_SAMPLES, interventions // num_traversals)
    advance = _named("conditioned matrix", progress)
    if dataset is not None and dataset.full_grid and max(dataset.factor_space.sizes) > 1:
        return conditioned_response_matrix(
            explored.autoencoder,
            dataset=dataset,
            num_traversals=num_traversals,
            num_samples=num_samples,
            generator=generator,
            progress=advance,
        )
    if factors is None or explored.codes is None or not (factors != factors[:1]).any():
        return None
    pairs = marginal_pairs(factors, num_traversals, num_samples, generator)
    return paired_response_matrix(
        explored.autoencoder, explored.codes, pairs, num_chance_codes=2, generator=generator, progress=advance
    )


def conditioned_matrix_entry(
    explored: ExploredModel, result: ConditionedResponseMatrix, shown: list[int]
) -> dict[str, Any]:
    """Return the entry ``conditioned_matrix`` of the data object, without factors that cannot be varied."""
    dataset = explored.dataset
    names = list(dataset.factor_space.names) if dataset is not None else [*map(str, range(len(result.matrix)))]
    varied = (~result.matrix.isnan().all(dim=1)).nonzero()[:, 0].tolist()
    other = "" if result.pairs is None else " Their other labels differ too, so that latents also respond to those."
    return {
        "values": plain_values(result.matrix[varied][:, shown]),
        "rows": [names[factor] for factor in varied],
        "columns": shown,
        "caption": "Rows: the factor in which observations differ that exchange the latent of a column. Root mean "
        f"square response of that latent, in latent units.{other}",
    }


def _named(step: str, progress: Progress | None) -> Any:
    return None if progress is None else lambda done, total: progress(step, done, total)
