"""The latent response matrix: which latents respond when one of them is replaced."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Self, TypeAlias

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, check_latents, latent_units
from lr_lightning.assays.interventions import donor_permutations, resampled_rows
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.assays.response import mean_response
from lr_lightning.common.checks import check_choice
from lr_lightning.common.printed_result import TableFields, TabularResult

Convention: TypeAlias = Literal["paper", "release"]
Distance: TypeAlias = Literal["rms", "abs", "max"]

KAPPA: dict[str, float] = {"paper": 0.5, "release": 1.0}
"""Factor on the mean square: with 1/2, a perfectly transmitted latent of variance 1 has response 1, not sqrt(2)."""


@dataclass(frozen=True, eq=False, repr=False)
class ResponseMatrix(TabularResult):
    """Latent responses to interventions, as returned by :func:`response_matrix`. All tensors are on the CPU.

    Attributes:
        matrix: ``(D, D)`` float64 in latent units (in multiples of ``scale`` if given): row ``j`` is the intervened
            latent, column ``k`` the responding one. If ``latents`` was given, only their rows. NaN in the columns of
            inactive latents.
        standard_error: Standard error of each entry over base codes and donors, same shape and unit; see
            :func:`response_matrix`. NaN for the distance ``"max"`` and for too few samples.
        num_samples: Number of base codes ``N``.
        scaled: Whether responses are in multiples of a ``scale``.
        inactive: ``(D,)`` bool, latents whose ``scale`` is below the floor; all false without ``scale``.
        latents: The intervened latent of each row.
        convention: ``"paper"`` or ``"release"``.
        distance: ``"rms"``, ``"abs"`` or ``"max"``.
        dependence: Average number of interventions in a row that share a code with a given one, itself included: 1 if
            each has its own donor, 3 if the base codes donate to each other.
    """

    table_fields = TableFields("intervened", matrix="matrix", columns="responding", labels="latents")

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
    r"""Measure which latents change, after decoding and encoding, when one latent is replaced.

    .. math:: M_{jk} = \sqrt{\kappa \, \mathbb{E}_{z,v}\left[(h_k(\Delta_j(z, v)) - h_k(z))^2\right]}

    with the response map :math:`h` and the intervention :math:`\Delta_j(z, v)` that sets latent :math:`j` to the
    donated value :math:`v`. In the paper's convention :math:`\kappa` is 1/2, so that a perfectly transmitted,
    independent latent of variance 1 has :math:`M_{jj} = 1`. In the authors' release :math:`\kappa` is 1, which makes
    that entry :math:`\sqrt 2`.

    To reproduce the release, use ``base=prior_samples(N, D, generator)``, ``donors=prior_samples(N, D, generator)`` and
    ``convention="release"``.

    Standard errors describe how entries vary over draws of base codes and donors, not over training runs. They account
    for interventions that share codes: if base codes donate to each other, each code serves once as base and once as
    donor, so an intervention is correlated with the one whose base donates its value. For an identity map and Gaussian
    codes, this increases the error of :math:`M_{jj}` by a factor of :math:`\sqrt{12/8}`.

    To split the work over processes, give each process its own base codes, without donors, and merge the results with
    :func:`merge_response_matrices`. Merging assumes that parts share no codes.

    Cost: ``(D + 1) * N`` decoded and as many encoded samples, ``chunk_size`` per pass.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        base: Codes to intervene on, shape ``(N, D)``, usually posterior means; not modified.
        donors: Codes that donate values, shape ``(M, D)``. If ``None`` (or ``base`` itself), each latent of ``base`` is
            shuffled with its own permutation without fixed points.
        donor_rows: Alternative to ``donors``: rows of ``base`` that donate, shape ``(N, D)``, int64. Latent ``j`` of
            code ``i`` is set to ``base[donor_rows[i, j], j]``. Usually from :func:`donor_permutations`.
        convention: ``"paper"`` or ``"release"``, which determines :math:`\kappa`.
        distance: ``"rms"`` as above; ``"abs"``, :math:`\sqrt\kappa` times the mean absolute difference; or ``"max"``,
            :math:`\sqrt\kappa` times the largest absolute difference.
        scale: Unit of each responding latent, shape ``(D,)``, such as the standard deviation of the posterior means.
        scale_floor: Latents with a smaller ``scale`` are reported as inactive, and their columns are NaN.
        pair: If true, row ``i`` of ``donors`` donates to row ``i`` of ``base``, with no random draw. Standard errors
            then assume that donors are independent of all base codes and of each other; pass a shuffle of ``base`` as
            ``donor_rows`` instead. If false, a donor is drawn for each latent of each base code, and standard errors
            account for donors that serve repeatedly.
        latents: Latents to intervene on; all if ``None``. The random draws are the same either way.
        generator: Random generator for the donors, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Samples per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
            The draws do not depend on it.
        progress: Called with the number of interventions processed and their total.

    Returns:
        The matrix with its standard errors. Non-finite responses give NaN entries and one warning.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or codes are not tensors.
        ValueError: If codes have the wrong shape, dtype or non-finite entries, ``base`` has fewer than 2 rows and there
            are no donors, lengths differ under ``pair``, ``donor_rows`` are not rows of ``base`` or are combined with
            ``donors``, or an option is unknown.

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
        rows = check_latents(latents, dim)
        size = samples_per_pass(chunk_size, autoencoder, base)
        moments = _moments(autoencoder, base.detach(), donated, rows, unit, distance, size, progress)
    matrix, error = _entries(moments, convention, distance)
    if not matrix[:, ~inactive].isfinite().all():
        warnings.warn("the model's responses are not finite, so the response matrix has NaN entries", stacklevel=2)
    scaled = scale is not None
    return ResponseMatrix(matrix, error, len(base), scaled, inactive, rows, convention, distance, moments.dependence)


def merge_response_matrices(parts: Sequence[ResponseMatrix]) -> ResponseMatrix:
    """Merge matrices measured on disjoint base codes into the exact matrix of all codes.

    Args:
        parts: Results for the same model, latents, scale and options. Standard errors assume that the codes of
            different parts are independent, so let base codes donate only within their part.

    Returns:
        The matrix that a single call on all codes with the same donors would return, up to float64 round-off. The same
        holds for its errors if each code has its own donor.

    Raises:
        ValueError: If there are no parts, or they differ in options, latents or inactive latents.
    """
    if not parts:
        raise ValueError("parts must have at least one response matrix, got none")
    first = parts[0]
    for part in parts[1:]:
        same = all(
            getattr(part, name) == getattr(first, name) for name in ("convention", "distance", "latents", "scaled")
        )
        if not same or not torch.equal(part.inactive, first.inactive):
            raise ValueError("parts must agree in convention, distance, latents, scaled and inactive")
    pooled = _to_moments(first)
    for part in parts[1:]:
        pooled = pooled.pool(_to_moments(part))
    matrix, error = _entries(pooled, first.convention, first.distance)
    return replace(
        first, matrix=matrix, standard_error=error, num_samples=pooled.num_samples, dependence=pooled.dependence
    )


class _Donated(NamedTuple):
    """Values that latents are set to, and the code that each comes from, to account for shared codes.

    Attributes:
        values: ``(N, D)``, entry ``[i, j]`` is the value that latent ``j`` of base code ``i`` is set to.
        rows: ``(N, D)`` int64, the donor of each value; ``None`` if each base code has its own donor.
        num_donors: Number of codes that ``rows`` refers to.
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
    """Check the codes and return the values that each latent of each base code is set to."""
    if donor_rows is not None and (donors is not None or pair):
        raise ValueError("donor_rows cannot be combined with donors or pair=True; pass only one of them")
    if donors is None or donors is base:
        if pair:
            raise ValueError("pair=True requires donors that are not base itself")
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
        raise ValueError(f"pair=True requires as many donors as base codes, got {len(donors)} and {len(base)}")
    return _Donated(donors)


class _DependentMoments(NamedTuple):
    """Moments of terms (one per intervention), some of which share a code; all tensors (L, D) in float64.

    Terms that share a code are correlated, so the variance of their mean needs their covariances as well. This takes
    the place of :class:`~lr_lightning.assays.moments.Moments`, to which it reduces if ``dependence`` is 1.

    Attributes:
        num_samples: Number of terms ``N``.
        mean: Their mean.
        deviation: Sum over all ordered pairs of terms that share a code, including each term with itself, of the
            product of their deviations. Its expectation is ``N * (N - dependence)`` times the variance of the mean.
        maximum: The largest term.
        dependence: Average number of terms that share a code with a given one, itself included.
    """

    num_samples: int
    mean: Tensor
    deviation: Tensor
    maximum: Tensor
    dependence: float

    def pool(self, other: Self) -> Self:
        """Return the moments of both sets of terms together, assuming they share no code (cf. Chan et al., 1979)."""
        total = self.num_samples + other.num_samples
        mean = self.mean + (other.mean - self.mean) * (other.num_samples / total)
        parts = (self, other)
        # Deviations from the new mean differ by a constant s within a part. Each of its num_samples * dependence
        # ordered pairs gains s^2; the cross terms sum to 0 where all codes are shared equally often.
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
    group = max(1, chunk_size // len(base))  # number of latents that fit into one pass with all base codes
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
    r"""Sum products of ``deviations`` (l, N, D) over pairs of terms that share a code.

    Let :math:`e_i` be the deviation of term :math:`i`, and :math:`s_c` the sum of the deviations of all terms that use
    code :math:`c` as base or donor. Then :math:`\sum_c s_c^2` is the sum over pairs, except that it counts
    :math:`\sum_i e_i^2` twice, once for each of the two codes of a term.

    Returns:
        The sums (l, D), and for each of the l latents the average number of terms that share a code with a given one.
    """
    squares = deviations.square().sum(dim=1)
    if donated.rows is None:
        return squares, [1.0] * len(latents)
    num_rows, count, dim = deviations.shape
    rows = donated.rows[:, latents].T.to(deviations.device)  # (l, N)
    given = deviations.new_zeros(num_rows, donated.num_donors, dim)  # sum of deviations by donor: s_c as donor
    given.scatter_add_(1, rows[:, :, None].expand(-1, -1, dim), deviations)
    times = deviations.new_zeros(num_rows, donated.num_donors).scatter_add_(1, rows, deviations.new_ones(rows.shape))
    if not donated.within:  # a base code belongs to a single term, so only donors are shared
        return given.square().sum(dim=1), (times.square().sum(dim=1) / count).tolist()
    shared = (given + deviations).square().sum(dim=1) - squares  # code i is the base of term i and the donor of others
    # The same sums with deviations of 1 count the pairs. Two terms that share both codes count twice, hence the limit.
    partners = ((times + 1).square().sum(dim=1) / count - 1).clamp_max(count)
    # If the distance is symmetric in base and donor, the covariance of two terms that share a code is itself a
    # variance and cannot be negative; a sum below that of the squares is noise.
    return torch.maximum(shared, squares), partners.tolist()


def _entries(moments: _DependentMoments, convention: Convention, distance: Distance) -> tuple[Tensor, Tensor]:
    """Turn moments of squared (``rms``) or absolute differences into entries and their standard errors."""
    kappa, count, mean = KAPPA[convention], moments.num_samples, moments.mean
    degrees = count - moments.dependence  # effective degrees of freedom
    error = (moments.deviation / (degrees * count)).sqrt() if degrees > 1e-9 else torch.full_like(mean, torch.nan)
    match distance:
        case "rms":  # delta method: d sqrt(m) = dm / (2 sqrt(m)); the error of an entry that is always 0 is 0
            matrix = (kappa * mean).sqrt()
            error = torch.where(mean == 0, error, kappa * error / (2 * matrix))
        case "abs":
            matrix, error = kappa**0.5 * mean, kappa**0.5 * error
        case "max":
            matrix, error = kappa**0.5 * moments.maximum, torch.full_like(mean, torch.nan)
    return matrix, error


def _to_moments(result: ResponseMatrix) -> _DependentMoments:
    """Invert :func:`_entries`: recover the moments from ``result``, as far as its distance determines them."""
    kappa, count, degrees = KAPPA[result.convention], result.num_samples, result.num_samples - result.dependence
    matrix, error = result.matrix, result.standard_error
    if degrees <= 1e-9:  # all terms share codes with each other, so their deviations sum to 0; the error is NaN
        error = torch.zeros_like(matrix)
    if result.distance == "rms":
        mean, error = matrix.square() / kappa, 2 * matrix * error / kappa
    else:
        mean, error = matrix / kappa**0.5, error / kappa**0.5
    return _DependentMoments(count, mean, error.square() * count * degrees, matrix / kappa**0.5, result.dependence)
