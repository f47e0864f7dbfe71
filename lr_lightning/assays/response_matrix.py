"""The latent response matrix: which latents answer when one is replaced."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self, TypeAlias

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, latent_units, samples_per_pass
from lr_lightning.assays.interventions import marginal_donors, resampled_donors
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of
from lr_lightning.assays.response import mean_response
from lr_lightning.choices import check_choice

Convention: TypeAlias = Literal["paper", "release"]
Distance: TypeAlias = Literal["rms", "abs", "max"]

KAPPA: dict[str, float] = {"paper": 0.5, "release": 1.0}
"""Factor of the mean square: with 1/2, a perfectly transmitted latent of variance 1 responds by 1, not sqrt(2)."""


class Moments(NamedTuple):
    """Count, mean, sum of squared deviations and maximum over samples, in float64; pools exactly."""

    num_samples: int
    mean: Tensor
    deviation: Tensor
    maximum: Tensor

    @classmethod
    def of(cls, samples: Tensor) -> Self:
        """Return the moments over axis 1 of ``samples`` (L, N, D)."""
        mean = samples.mean(dim=1, keepdim=True)
        return cls(samples.shape[1], mean[:, 0], (samples - mean).square().sum(dim=1), samples.amax(dim=1))

    def pool(self, other: Self) -> Self:
        """Return the moments of both sets of samples together (Chan et al., 1979)."""
        total = self.num_samples + other.num_samples
        shift = other.mean - self.mean
        return type(self)(
            total,
            self.mean + shift * (other.num_samples / total),
            self.deviation + other.deviation + shift.square() * (self.num_samples * other.num_samples / total),
            torch.maximum(self.maximum, other.maximum),
        )


@dataclass(frozen=True, eq=False)
class ResponseMatrix:
    """Latent responses to interventions; made by :func:`response_matrix`. All tensors are on the CPU.

    Attributes:
        matrix: ``(D, D)`` float64 in latent units (in multiples of ``scale`` if that was given): row ``j`` is the
            intervened latent, column ``k`` the responding one. With ``latents`` there are only those rows. NaN in
            the columns of inactive latents.
        standard_error: Standard error of each entry, same shape and unit. NaN for the distance ``"max"`` and for
            a single sample. Donors that are a shuffle of the base are taken as independent.
        num_samples: Number of base codes ``N``.
        scaled: Whether responses are in multiples of a ``scale``.
        inactive: ``(D,)`` bool, latents whose ``scale`` lies below the floor; all false without ``scale``.
        latents: The intervened latent of each row.
        convention: ``"paper"`` or ``"release"``.
        distance: ``"rms"``, ``"abs"`` or ``"max"``.
    """

    matrix: Tensor
    standard_error: Tensor
    num_samples: int
    scaled: bool
    inactive: Tensor
    latents: tuple[int, ...]
    convention: Convention
    distance: Distance


def response_matrix(
    autoencoder: Autoencoder,
    base: Tensor,
    donors: Tensor | None = None,
    *,
    convention: Convention = "paper",
    distance: Distance = "rms",
    scale: Tensor | None = None,
    scale_floor: float = 0.01,
    pair: bool = False,
    latents: Sequence[int] | None = None,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ResponseMatrix:
    r"""Measure which latents change, after decoding and re-encoding, when one latent is replaced.

    .. math:: M_{jk} = \sqrt{\kappa \, \mathbb{E}_{z,v}\left[(h_k(\Delta_j(z, v)) - h_k(z))^2\right]}

    with the response map :math:`h` and the intervention :math:`\Delta_j(z, v)` that sets latent :math:`j` to the
    donated value :math:`v`. In the paper's convention :math:`\kappa` is 1/2, so that an independent latent of variance
    1 that is transmitted perfectly has :math:`M_{jj} = 1`; it is 1 in the authors' release (there :math:`\sqrt 2`).

    The preset of the release is ``base=prior_samples(N, D, generator)``, ``donors=prior_samples(N, D, generator)`` and
    ``convention="release"``. For a run over several processes draw all donors at once
    (:func:`marginal_donors`), give each process its rows with ``pair=True`` and merge with
    :func:`merge_response_matrices`: the result is that of a single process.

    Costs ``(D + 1) * N`` decoded and as many encoded samples, ``chunk_size`` a pass.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`.
        base: Codes to intervene on, shape ``(N, D)``, usually posterior means; not written to.
        donors: Codes that donate values, shape ``(M, D)``. If ``None`` (or ``base`` itself), ``base`` shuffled without
            fixed points, by a permutation of its own for each latent.
        convention: ``"paper"`` or ``"release"``, the value of :math:`\kappa`.
        distance: ``"rms"`` as above; ``"abs"``, :math:`\sqrt\kappa` times the mean absolute difference; ``"max"``,
            :math:`\sqrt\kappa` times the largest.
        scale: Unit of each responding latent, shape ``(D,)``, such as the standard deviation of the posterior means.
        scale_floor: Latents whose ``scale`` is below it are reported as inactive, and their columns are NaN.
        pair: Let row ``i`` of ``donors`` serve row ``i`` of ``base``, without any draw. Otherwise each pair of latent
            and base code draws its donor.
        latents: Intervene on these only; all if ``None``. The draws are those of all.
        generator: Source of the donors, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Samples per pass; 1024, or 32 on a CPU, if ``None``. The draws do not depend on it.
        progress: Called with the number of base codes that are done and ``N``.

    Returns:
        The matrix with its standard errors. A model that answers with NaN gives NaN entries and one warning.

    Raises:
        TypeError: If ``autoencoder`` or the codes are of another kind.
        ValueError: If codes have the wrong shape, dtype or entries that are not finite, ``base`` has fewer than 2 rows
            and there are no donors, lengths differ under ``pair``, or an option is unknown.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> copies_first = wrap(encode=lambda x: x, decode=lambda z: z[:, [0, 0]], latent_dim=2)
        >>> base, donors = torch.zeros(1, 2), torch.tensor([[2.0, 9.0]])
        >>> response_matrix(copies_first, base, donors, pair=True, convention="release").matrix
        tensor([[2., 2.],
                [0., 0.]], dtype=torch.float64)
    """
    check_choice("convention", convention, tuple(KAPPA))
    check_choice("distance", distance, ("rms", "abs", "max"))
    check_chunk_size(chunk_size)
    with assay_mode(autoencoder):
        dim = autoencoder.latent_dim
        donated = _donated_values(base, donors, dim, pair, generator)
        unit, inactive = latent_units(scale, scale_floor, dim)
        rows = tuple(range(dim)) if latents is None else tuple(latents)
        if not rows or not all(0 <= latent < dim for latent in rows):
            raise ValueError(f"latents must be some of 0..{dim - 1}, got {list(rows)}")
        size = samples_per_pass(chunk_size, device_of(autoencoder, base))
        moments = _moments(autoencoder, base.detach(), donated, rows, unit, distance, size, progress)
    matrix, error = _entries(moments, convention, distance)
    if not matrix[:, ~inactive].isfinite().all():
        warnings.warn("the model's responses are not finite, and neither is the response matrix", stacklevel=2)
    return ResponseMatrix(matrix, error, len(base), scale is not None, inactive, rows, convention, distance)


def merge_response_matrices(parts: Sequence[ResponseMatrix]) -> ResponseMatrix:
    """Combine matrices measured on disjoint base codes into that of all codes, exactly.

    Args:
        parts: Results of the same model, latents, scale and options.

    Returns:
        What one call on all codes with the same donors would have returned, up to round-off in float64.

    Raises:
        ValueError: If there are no parts, or they differ in options, latents or inactive latents.
    """
    if not parts:
        raise ValueError("there are no response matrices to merge")
    first = parts[0]
    for part in parts[1:]:
        same = all(
            getattr(part, name) == getattr(first, name) for name in ("convention", "distance", "latents", "scaled")
        )
        if not same or not torch.equal(part.inactive, first.inactive):
            raise ValueError("response matrices to be merged must share convention, distance, latents and scale")
    pooled = _to_moments(first)
    for part in parts[1:]:
        pooled = pooled.pool(_to_moments(part))
    matrix, error = _entries(pooled, first.convention, first.distance)
    return replace(first, matrix=matrix, standard_error=error, num_samples=pooled.num_samples)


def _donated_values(
    base: Tensor, donors: Tensor | None, dim: int, pair: bool, generator: torch.Generator | None
) -> Tensor:
    """Check the codes and return the value ``[i, j]`` that latent ``j`` of base code ``i`` is set to, (N, D)."""
    if donors is None or donors is base:
        if pair:
            raise ValueError("pair=True needs donors other than base")
        return marginal_donors(check_codes("base", base, dim, minimum=2), generator)
    base = check_codes("base", base, dim)
    donors = check_codes("donors", donors, dim)
    if not pair:
        return resampled_donors(donors, len(base), generator)
    if len(donors) != len(base):
        raise ValueError(f"pair=True needs as many donors as base codes, got {len(donors)} and {len(base)}")
    return donors


def _moments(
    autoencoder: Autoencoder,
    base: Tensor,
    donated: Tensor,
    latents: tuple[int, ...],
    unit: Tensor,
    distance: Distance,
    chunk_size: int,
    progress: Callable[[int, int], None] | None,
) -> Moments:
    """Return the moments of each entry's distances over the base codes, each tensor (L, D)."""
    pooled: Moments | None = None
    for codes, values in zip(torch.split(base, chunk_size), torch.split(donated, chunk_size), strict=True):
        unmoved = mean_response(autoencoder, codes)  # (n, D), once for all latents
        values = values.to(codes)
        group = max(1, chunk_size // len(codes))  # latents that fit into one pass
        blocks = []
        for rows in torch.split(torch.tensor(latents, device=codes.device), group):
            intervened = codes.repeat(len(rows), 1, 1)  # (l, n, D)
            intervened[torch.arange(len(rows)), :, rows] = values[:, rows].T
            moved = mean_response(autoencoder, intervened.flatten(0, 1)).view_as(intervened)
            difference = (moved - unmoved).double() / unit.to(moved.device)
            blocks.append(Moments.of(difference.square() if distance == "rms" else difference.abs()))
        chunk = Moments(len(codes), *(torch.cat(parts) for parts in zip(*(block[1:] for block in blocks), strict=True)))
        pooled = chunk if pooled is None else pooled.pool(chunk)
        if progress is not None:
            progress(pooled.num_samples, len(base))
    assert pooled is not None  # base has at least one row
    return pooled


def _entries(moments: Moments, convention: Convention, distance: Distance) -> tuple[Tensor, Tensor]:
    """Turn moments of squared (``rms``) or absolute differences into entries and their standard errors."""
    kappa = KAPPA[convention]
    count, mean, deviation, maximum = moments.num_samples, *(tensor.cpu() for tensor in moments[1:])
    error = (deviation / (count - 1) / count).sqrt() if count > 1 else torch.full_like(mean, torch.nan)
    match distance:
        case "rms":  # delta method: d sqrt(m) = dm / (2 sqrt(m)); an entry that is always 0 has no error
            matrix = (kappa * mean).sqrt()
            error = torch.where(mean == 0, error, kappa * error / (2 * matrix))
        case "abs":
            matrix, error = kappa**0.5 * mean, kappa**0.5 * error
        case "max":
            matrix, error = kappa**0.5 * maximum, torch.full_like(mean, torch.nan)
    return matrix, error


def _to_moments(result: ResponseMatrix) -> Moments:
    """Recover the moments that :func:`_entries` turned into ``result``, as far as its distance needs them."""
    kappa, count = KAPPA[result.convention], result.num_samples
    matrix, error = result.matrix, result.standard_error
    if count == 1:
        error = torch.zeros_like(matrix)
    if result.distance == "rms":
        mean, error = matrix.square() / kappa, 2 * matrix * error / kappa
    else:
        mean, error = matrix / kappa**0.5, error / kappa**0.5
    return Moments(count, mean, error.square() * count * (count - 1), matrix / kappa**0.5)
