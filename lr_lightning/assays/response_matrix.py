"""The latent response matrix: which latents answer when one is replaced."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self, TypeAlias

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, latent_units, samples_per_pass
from lr_lightning.assays.interventions import donor_permutations, resampled_rows
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of
from lr_lightning.assays.response import mean_response
from lr_lightning.common.checks import check_choice

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
        standard_error: Standard error of each entry over base codes and donors, same shape and unit; see
            :func:`response_matrix`. NaN for the distance ``"max"`` and for too few samples.
        num_samples: Number of base codes ``N``.
        scaled: Whether responses are in multiples of a ``scale``.
        inactive: ``(D,)`` bool, latents whose ``scale`` lies below the floor; all false without ``scale``.
        latents: The intervened latent of each row.
        convention: ``"paper"`` or ``"release"``.
        distance: ``"rms"``, ``"abs"`` or ``"max"``.
        dependence: With how many interventions of its row one shares a code, itself included: 1 if each has a donor of
            its own, 3 if the base codes donate to each other.
    """

    matrix: Tensor
    standard_error: Tensor
    num_samples: int
    scaled: bool
    inactive: Tensor
    latents: tuple[int, ...]
    convention: Convention
    distance: Distance
    dependence: float = 1.0


def response_matrix(
    autoencoder: Autoencoder,
    base: Tensor,
    donors: Tensor | None = None,
    *,
    donor_rows: Tensor | None = None,
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
    ``convention="release"``.

    The standard errors tell how entries vary over draws of base codes and donors, not over training runs. They count
    that interventions share codes: of base codes that donate to each other each is once base and once donor, so that
    an intervention moves together with the one whose base it takes its value from. For an identity and Gaussian codes
    that makes the error of :math:`M_{jj}` larger by :math:`\sqrt{12/8}`.

    For a run over several processes give each process base codes of its own, without donors, and merge with
    :func:`merge_response_matrices`. Merging counts no codes that parts share.

    Costs ``(D + 1) * N`` decoded and as many encoded samples, ``chunk_size`` a pass.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`.
        base: Codes to intervene on, shape ``(N, D)``, usually posterior means; not written to.
        donors: Codes that donate values, shape ``(M, D)``. If ``None`` (or ``base`` itself), ``base`` shuffled without
            fixed points, by a permutation of its own for each latent.
        donor_rows: In place of ``donors``, rows of ``base`` that donate, shape ``(N, D)``, int64: latent ``j`` of code
            ``i`` is set to ``base[donor_rows[i, j], j]``. From :func:`donor_permutations` as a rule.
        convention: ``"paper"`` or ``"release"``, the value of :math:`\kappa`.
        distance: ``"rms"`` as above; ``"abs"``, :math:`\sqrt\kappa` times the mean absolute difference; ``"max"``,
            :math:`\sqrt\kappa` times the largest.
        scale: Unit of each responding latent, shape ``(D,)``, such as the standard deviation of the posterior means.
        scale_floor: Latents whose ``scale`` is below it are reported as inactive, and their columns are NaN.
        pair: Let row ``i`` of ``donors`` serve row ``i`` of ``base``, without any draw. Standard errors take these
            donors as independent of all base codes and of each other: give a shuffle of ``base`` as ``donor_rows``.
            Otherwise each pair of latent and base code draws its donor, and errors count that donors serve several.
        latents: Intervene on these only; all if ``None``. The draws are those of all.
        generator: Source of the donors, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Samples per pass; 1024, or 32 on a CPU, if ``None``. The draws do not depend on it.
        progress: Called with the number of interventions that are done and that of all.

    Returns:
        The matrix with its standard errors. A model that answers with NaN gives NaN entries and one warning.

    Raises:
        TypeError: If ``autoencoder`` or the codes are of another kind.
        ValueError: If codes have the wrong shape, dtype or entries that are not finite, ``base`` has fewer than 2 rows
            and there are no donors, lengths differ under ``pair``, ``donor_rows`` are no rows of ``base`` or come with
            donors, or an option is unknown.

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
        donated = _donated(base, donors, donor_rows, dim, pair, generator)
        unit, inactive = latent_units(scale, scale_floor, dim)
        rows = tuple(range(dim)) if latents is None else tuple(latents)
        if not rows or not all(0 <= latent < dim for latent in rows):
            raise ValueError(f"latents must be some of 0..{dim - 1}, got {list(rows)}")
        size = samples_per_pass(chunk_size, device_of(autoencoder, base))
        moments = _moments(autoencoder, base.detach(), donated, rows, unit, distance, size, progress)
    matrix, error = _entries(moments, convention, distance)
    if not matrix[:, ~inactive].isfinite().all():
        warnings.warn("the model's responses are not finite, and neither is the response matrix", stacklevel=2)
    scaled = scale is not None
    return ResponseMatrix(matrix, error, len(base), scaled, inactive, rows, convention, distance, moments.dependence)


def merge_response_matrices(parts: Sequence[ResponseMatrix]) -> ResponseMatrix:
    """Combine matrices measured on disjoint base codes into that of all codes, exactly.

    Args:
        parts: Results of the same model, latents, scale and options. Standard errors take the codes of a part as
            independent of those of the others: let base codes donate within their part.

    Returns:
        The matrix that one call on all codes with the same donors would have returned, up to round-off in float64, and
        its errors: up to round-off too where each code has a donor of its own.

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
    return replace(
        first, matrix=matrix, standard_error=error, num_samples=pooled.num_samples, dependence=pooled.dependence
    )


class _Donated(NamedTuple):
    """Values that latents are set to, and which code each comes from, so that shared codes can be counted.

    Attributes:
        values: ``(N, D)``, entry ``[i, j]`` that latent ``j`` of base code ``i`` is set to.
        rows: ``(N, D)`` int64, the donor of each value; ``None`` if each value has a donor of its own.
        num_donors: Number of codes that ``rows`` chooses from.
        within: Whether those codes are the base codes.
    """

    values: Tensor
    rows: Tensor | None = None
    num_donors: int = 0
    within: bool = False


def _donated(
    base: Tensor,
    donors: Tensor | None,
    donor_rows: Tensor | None,
    dim: int,
    pair: bool,
    generator: torch.Generator | None,
) -> _Donated:
    """Check the codes and return what each latent of each base code is set to."""
    if donor_rows is not None and (donors is not None or pair):
        raise ValueError("donor_rows take the place of donors: give one of the two, and no pair=True with donor_rows")
    if donors is None or donors is base:
        if pair:
            raise ValueError("pair=True needs donors other than base")
        base = check_codes("base", base, dim, minimum=2)
        rows = donor_permutations(len(base), dim, generator) if donor_rows is None else donor_rows
        if rows.dtype != torch.int64 or rows.shape != base.shape or not ((rows >= 0) & (rows < len(base))).all():
            raise ValueError(
                f"donor_rows must be rows 0..{len(base) - 1} of base, int64 of shape {tuple(base.shape)}, got "
                f"{rows.dtype} of shape {tuple(rows.shape)}"
            )
        return _Donated(base.gather(0, rows.to(base.device)), rows, len(base), within=True)
    base = check_codes("base", base, dim)
    donors = check_codes("donors", donors, dim)
    if not pair:
        rows = resampled_rows(len(donors), len(base), dim, generator)
        return _Donated(donors.gather(0, rows.to(donors.device)), rows, len(donors))
    if len(donors) != len(base):
        raise ValueError(f"pair=True needs as many donors as base codes, got {len(donors)} and {len(base)}")
    return _Donated(donors)


class _DependentMoments(NamedTuple):
    """Moments of terms of which some share a code; all tensors (L, D) in float64.

    Attributes:
        num_samples: Number of terms ``N``.
        mean: Their mean.
        deviation: Sum of the products of the deviations of all ordered pairs of terms that share a code, each with
            itself included. Its expectation is ``N * (N - dependence)`` times the variance of the mean.
        maximum: The largest.
        dependence: Number of terms that a term shares a code with, itself included, averaged.
    """

    num_samples: int
    mean: Tensor
    deviation: Tensor
    maximum: Tensor
    dependence: float

    def pool(self, other: Self) -> Self:
        """Return the moments of both sets of terms together, which share no code (after Chan et al., 1979)."""
        total = self.num_samples + other.num_samples
        mean = self.mean + (other.mean - self.mean) * (other.num_samples / total)
        parts = (self, other)
        shifts = [part.num_samples * part.dependence * (part.mean - mean).square() for part in parts]
        return type(self)(
            total,
            mean,
            self.deviation + other.deviation + shifts[0] + shifts[1],
            torch.maximum(self.maximum, other.maximum),
            sum(part.num_samples * part.dependence for part in parts) / total,
        )


def _moments(
    autoencoder: Autoencoder,
    base: Tensor,
    donated: _Donated,
    latents: tuple[int, ...],
    unit: Tensor,
    distance: Distance,
    chunk_size: int,
    progress: Callable[[int, int], None] | None,
) -> _DependentMoments:
    """Return the moments of each entry's distances over the base codes."""
    unmoved = torch.cat([mean_response(autoencoder, codes) for codes in torch.split(base, chunk_size)])  # (N, D)
    values, unit = donated.values.to(base), unit.to(unmoved.device)
    group = max(1, chunk_size // len(base))  # latents that fit into one pass
    blocks, dependence, done = [], [], 0
    for rows in torch.split(torch.tensor(latents), group):
        terms = torch.empty(len(rows), *base.shape, dtype=torch.float64, device=unmoved.device)  # (l, N, D)
        for start in range(0, len(base), chunk_size):
            chunk = slice(start, start + chunk_size)
            intervened = base[chunk].repeat(len(rows), 1, 1)  # (l, n, D)
            intervened[torch.arange(len(rows)), :, rows] = values[chunk, rows].T
            moved = mean_response(autoencoder, intervened.flatten(0, 1)).view_as(intervened)
            difference = (moved - unmoved[chunk]).double() / unit
            terms[:, chunk] = difference.square() if distance == "rms" else difference.abs()
            done += intervened.shape[0] * intervened.shape[1]
            if progress is not None:
                progress(done, len(latents) * len(base))
        mean = terms.mean(dim=1)
        deviation, shared = _deviation(terms - mean[:, None], donated, rows)
        blocks.append((mean, deviation, terms.amax(dim=1)))
        dependence += shared
    mean, deviation, maximum = (torch.cat(parts).cpu() for parts in zip(*blocks, strict=True))
    return _DependentMoments(len(base), mean, deviation, maximum, sum(dependence) / len(dependence))


def _deviation(deviations: Tensor, donated: _Donated, latents: Tensor) -> tuple[Tensor, list[float]]:
    r"""Sum products of ``deviations`` (l, N, D) over pairs that share a code; return (l, D) and their number per term.

    With the deviations :math:`e_i` and :math:`s_c` the sum of those that code :math:`c` has a part in, as base or as
    donor, that is :math:`\sum_c s_c^2`, less :math:`\sum_i e_i^2` as both codes of a term count it.
    """
    squares = deviations.square().sum(dim=1)
    if donated.rows is None:
        return squares, [1.0] * len(latents)
    num_rows, count, dim = deviations.shape
    rows = donated.rows[:, latents].T.to(deviations.device)  # (l, N)
    given = deviations.new_zeros(num_rows, donated.num_donors, dim)
    given.scatter_add_(1, rows[:, :, None].expand(-1, -1, dim), deviations)
    times = deviations.new_zeros(num_rows, donated.num_donors).scatter_add_(1, rows, deviations.new_ones(rows.shape))
    if not donated.within:
        return given.square().sum(dim=1), (times.square().sum(dim=1) / count).tolist()
    shared = (given + deviations).square().sum(dim=1) - squares
    partners = ((times + 1).square().sum(dim=1) / count - 1).clamp_max(count)  # of two codes both are shared
    # where exchanging base and donor gives the same distance, the covariance is a variance: below 0 it is noise
    return torch.maximum(shared, squares), partners.tolist()


def _entries(moments: _DependentMoments, convention: Convention, distance: Distance) -> tuple[Tensor, Tensor]:
    """Turn moments of squared (``rms``) or absolute differences into entries and their standard errors."""
    kappa, count, mean = KAPPA[convention], moments.num_samples, moments.mean
    degrees = count - moments.dependence
    error = (moments.deviation / (degrees * count)).sqrt() if degrees > 1e-9 else torch.full_like(mean, torch.nan)
    match distance:
        case "rms":  # delta method: d sqrt(m) = dm / (2 sqrt(m)); an entry that is always 0 has no error
            matrix = (kappa * mean).sqrt()
            error = torch.where(mean == 0, error, kappa * error / (2 * matrix))
        case "abs":
            matrix, error = kappa**0.5 * mean, kappa**0.5 * error
        case "max":
            matrix, error = kappa**0.5 * moments.maximum, torch.full_like(mean, torch.nan)
    return matrix, error


def _to_moments(result: ResponseMatrix) -> _DependentMoments:
    """Recover the moments that :func:`_entries` turned into ``result``, as far as its distance needs them."""
    kappa, count, degrees = KAPPA[result.convention], result.num_samples, result.num_samples - result.dependence
    matrix, error = result.matrix, result.standard_error
    if degrees <= 1e-9:  # all terms share codes with each other, and their deviations add up to nothing
        error = torch.zeros_like(matrix)
    if result.distance == "rms":
        mean, error = matrix.square() / kappa, 2 * matrix * error / kappa
    else:
        mean, error = matrix / kappa**0.5, error / kappa**0.5
    return _DependentMoments(count, mean, error.square() * count * degrees, matrix / kappa**0.5, result.dependence)
