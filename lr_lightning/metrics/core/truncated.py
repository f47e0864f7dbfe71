"""Scores of active latents only."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sample


def on_active_latents(metric: Callable[[Sample], MetricResult], sample: Sample) -> MetricResult:
    """Score the active latents of a sample only, those whose codes have a variance above .01.

    Latents that do not move with the data are noise to a metric: each lowers ``modularity``, ``mig_sup_all``, or
    another average over all latents, which a model without such latents avoids.

    Args:
        metric: Any metric, such as :func:`.functional.mutual_information_gap`; parameters are set with
            :func:`functools.partial`.
        sample: Rows as :func:`draw` returns them. Metrics on active latents share what they have in common, too.

    Returns:
        The result with ``_active`` added to the names of scores. Matrix and per-latent quantities keep their ``D``
        rows, with NaN for inactive latents. If no latent is active, all scores are NaN with a warning.

    Raises:
        ValueError: As ``metric``.

    Example:
        >>> from lr_lightning.metrics.mutual_information_gap import mutual_information_gap
        >>> from lr_lightning.metrics.core.sample import Sampling, draw
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> codes = torch.cat([factors.float(), torch.zeros(20, 1)], dim=1)
        >>> result = on_active_latents(mutual_information_gap, draw(codes, factors, Sampling(20, 0)))
        >>> round(result["mig_active"], 6), result.matrix.isnan().all(dim=1).tolist()
        (1.0, [False, False, True])
    """
    active, restricted = torch.from_numpy(sample.active), active_latents_only(sample)
    if restricted is None:
        warnings.warn("no latent is active: scores of active latents are undefined", stacklevel=2)
        return _undefined(metric, sample)
    result = metric(restricted)
    return replace(
        result,
        scores={f"{name}_active": score for name, score in result.scores.items()},
        matrix=None if result.matrix is None else _padded_matrix(result.matrix, result.matrix_axes, active),
        per_latent=_padded_parts(result.per_latent, active),
        active=active,
    )


def active_latents_only(sample: Sample) -> Sample | None:
    """Return the sample with its active latents only, made once; ``None`` if there are none."""
    if not sample.active.any():
        return None
    if sample.active.all():
        return sample  # shares with metrics on all latents
    return sample.shared("active latents only", lambda: sample.only_latents(sample.active))


def _undefined(metric: Callable[[Sample], MetricResult], sample: Sample) -> MetricResult:
    """Return the metric's result on all latents with every number NaN, for the names it has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # only names and shapes are of use
        result = metric(sample)
    return replace(
        result,
        scores={f"{name}_active": score._replace(value=float("nan")) for name, score in result.scores.items()},
        matrix=None if result.matrix is None else _all_nan(result.matrix),
        per_factor={name: _all_nan(part) for name, part in result.per_factor.items()},
        per_latent={name: _all_nan(part) for name, part in result.per_latent.items()},
    )


def _all_nan(part: Tensor) -> Tensor:
    return torch.full(part.shape, torch.nan, dtype=torch.float64)


def _padded_matrix(matrix: Tensor, axes: tuple[str, str], active: Tensor) -> Tensor:
    """Return the matrix with NaN for inactive latents along those of its axes that are latents."""
    for dim, axis in enumerate(axes):
        if axis.endswith("latent"):
            matrix = _padded(matrix.movedim(dim, 0), active).movedim(0, dim)
    return matrix


def _padded_parts(parts: Mapping[str, Tensor], active: Tensor) -> dict[str, Tensor]:
    return {name: _padded(part, active) for name, part in parts.items()}


def _padded(rows: Tensor, active: Tensor) -> Tensor:
    """Return ``rows`` (A, ...) in the places of the active latents of ``D``, NaN elsewhere; float64."""
    whole = torch.full((len(active), *rows.shape[1:]), torch.nan, dtype=torch.float64)
    whole[active] = rows.double()
    return whole
