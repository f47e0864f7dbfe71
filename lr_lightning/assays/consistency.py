"""Interventional consistency: do latents keep the values they are set to, and do the other latents stay put?"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, check_latents
from lr_lightning.assays.jackknife import jackknife_error
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.assays.response import mean_response
from lr_lightning.common.checks import check_at_least
from lr_lightning.common.printed_result import TableFields, TabularResult


@dataclass(frozen=True, eq=False, repr=False)
class Consistency(TabularResult):
    """Interventional consistency scores, as returned by :func:`consistency`. All tensors on the CPU, float64, unitless.

    Attributes:
        invariance: ``(U, D)``, INV: row ``u`` is the latent that was set, column ``w`` the latent that was read. 1 if
            ``w`` does not move. The diagonal of a perfect code is 0, because there ``w`` has to move.
        invariance_error: Standard error of each entry.
        equivariance: ``(U,)``, EQV: 1 if setting a latent commutes with the response map.
        equivariance_error: Standard errors.
        self_consistency: ``(L,)``, SCN after 1, 2, ... applications of the response map: 1 if codes do not move.
        self_consistency_error: Standard errors.
        self_consistency_per_latent: ``(L, D)``, SCN of each latent alone. NaN for a latent that is constant over the
            codes.
        values: ``(V, U)``, the values that each latent was set to.
        latents: The latent of each row.
        num_samples: Number of codes ``N``.
    """

    table_fields = TableFields("set", matrix="invariance", columns="read", labels="latents")

    invariance: Tensor
    invariance_error: Tensor
    equivariance: Tensor
    equivariance_error: Tensor
    self_consistency: Tensor
    self_consistency_error: Tensor
    self_consistency_per_latent: Tensor
    values: Tensor
    latents: tuple[int, ...]
    num_samples: int

    @property
    def mean_invariance(self) -> Tensor:
        """Mean of INV over the off-diagonal entries that are defined; NaN for a single latent."""
        others = torch.tensor(self.latents)[:, None] != torch.arange(self.invariance.shape[1])
        return self.invariance[others].nanmean()

    @property
    def mean_equivariance(self) -> Tensor:
        """Mean of EQV over the latents for which it is defined."""
        return self.equivariance.nanmean()


class _Sums(NamedTuple):
    """Sums over codes of the distances in the scores' formulas, float64 on the CPU.

    All scores are ratios of such sums, and sums of disjoint sets of codes add up. So one pass over the data gives the
    scores of all codes and, by subtraction, those without each block.

    Attributes:
        num_codes: Scalar.
        moved: ``(U, V, D)``, ``|h_w(do(n)) - h_w(n)|`` of each latent ``w``.
        mismatch: ``(U, V)``, ``|h(do(n)) - do(h(n))|``.
        magnitude: ``(U, V)``, ``|do(n) - n|``.
        drift: ``(L, D)``, ``|h^l_k(n) - n_k|`` of each latent ``k``.
        total_drift: ``(L,)``, ``|h^l(n) - n|``.
    """

    num_codes: Tensor
    moved: Tensor
    mismatch: Tensor
    magnitude: Tensor
    drift: Tensor
    total_drift: Tensor

    def plus(self, other: Self, sign: int = 1) -> Self:
        """Return the sums over both sets of codes; with ``sign=-1``, without those of ``other``."""
        return type(self)(*(own + sign * added for own, added in zip(self, other, strict=True)))


class _Spread(NamedTuple):
    """Standard deviation of each latent over all codes ``(D,)``, and the root of the sum of their squares."""

    per_latent: Tensor
    total: Tensor


def consistency(
    autoencoder: Autoencoder,
    codes: Tensor,
    values: Tensor | None = None,
    *,
    num_values: int = 8,
    num_steps: int = 8,
    latents: Sequence[int] | None = None,
    num_blocks: int = 20,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Consistency:
    r"""Measure invariance, equivariance and self-consistency of the response map under hard interventions.

    .. math::
        \mathrm{INV}_{uw} &= 1 - \mathbb{E}_v \left[\frac{\mathbb{E}_n |h_w(n) - h_w(do_{u=v}(n))|}
            {\mathbb{E}_n \|do_{u=v}(n) - n\|}\right] \\
        \mathrm{EQV}_u &= 1 - \mathbb{E}_v \left[\frac{\mathbb{E}_n \|h(do_{u=v}(n)) - do_{u=v}(h(n))\|}
            {\mathbb{E}_n \|do_{u=v}(n) - n\|}\right] \\
        \mathrm{SCN}_l &= 1 - \frac{\mathbb{E}_n \|n - h^l(n)\|}{\sqrt{\sum_k \mathrm{Var}(n_k)}}

    with codes :math:`n`, the response map :math:`h` and the *hard* intervention :math:`do_{u=v}`, which sets latent
    :math:`u` to the same value in all codes. The SCN of a single latent is its mean absolute displacement divided by
    its standard deviation, subtracted from 1. A value that all codes already have is excluded from the mean over
    :math:`v`. For a linear map :math:`h(n) = A n`, :math:`\mathrm{INV}_{uw} = 1 - |A_{wu}|` regardless of the codes.

    A collapsed model, whose responses are constant, is perfectly invariant; interpret INV together with EQV and SCN.
    INV and EQV ignore how the scale of a latent compares with that of the latents it moves.

    Cost: ``N * (1 + U * V + L)`` decoded and as many encoded samples, ``chunk_size`` per pass.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        codes: Codes ``n``, shape ``(N, D)`` with ``N >= 2``: prior samples or posterior means, in random order;
            not modified.
        values: Values to set latents to, ``(V,)`` for all latents or ``(V, D)`` for each; quantiles if ``None``.
        num_values: Number ``V`` of quantiles, taken of each latent over ``codes`` at the levels ``(i + 1/2) / V``.
        num_steps: Number ``L`` of applications of the response map.
        latents: Latents to set; all if ``None``.
        num_blocks: Number of blocks of codes for the jackknife, which leaves out one block at a time. Standard errors
            treat ``values`` as fixed; quantiles, which vary with the codes, add up to a third to the errors of INV and
            EQV. Errors of SCN treat the standard deviation of the codes as known, and are 1.4 to 2.2 times too large.
        chunk_size: Samples per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
        progress: Called after each block with the number of codes processed and ``N``.

    Returns:
        The scores. They are at most 1, with no lower bound; higher is more consistent (but see the diagonal of INV).
        NaN with one warning for a latent that no intervention changes, or if responses are NaN.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``codes`` is not a tensor.
        ValueError: If codes have the wrong shape, dtype or non-finite entries, there are fewer than 2, ``values`` has
            the wrong shape, a latent does not exist, or a number is out of range.

    References:
        Adapted from Lanzillotta et al., On the Interventional Consistency of Autoencoders, 2021 (OpenReview). The norms
        and divisors are those of the formulas above.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> shrinking = wrap(encode=lambda x: x, decode=lambda z: z * torch.tensor([1.0, 0.25]), latent_dim=2)
        >>> consistency(shrinking, torch.tensor([[1.0, 2.0], [3.0, 5.0], [4.0, 1.0]])).invariance
        tensor([[0.0000, 1.0000],
                [1.0000, 0.7500]], dtype=torch.float64)
    """
    check_chunk_size(chunk_size)
    check_at_least("num_values", num_values, 1)
    check_at_least("num_steps", num_steps, 1)
    check_at_least("num_blocks", num_blocks, 2)
    with assay_mode(autoencoder):
        dim = autoencoder.latent_dim
        codes = check_codes("codes", codes, dim, minimum=2)
        rows = check_latents(latents, dim)
        settings = _values(codes, values, num_values)[:, list(rows)]  # (V, U)
        size = samples_per_pass(chunk_size, autoencoder, codes)
        blocks: list[_Sums] = []
        for block in torch.tensor_split(codes, min(num_blocks, len(codes))):
            parts = [_sums(autoencoder, part, settings, rows, num_steps, size) for part in torch.split(block, size)]
            blocks.append(_total(parts))
            if progress is not None:
                progress(sum(int(done.num_codes) for done in blocks), len(codes))
    deviations = codes.double().std(dim=0, correction=0).cpu()
    spread = _Spread(deviations, deviations.square().sum().sqrt())
    whole = _total(blocks)
    scores = _scores(whole, spread)
    _warn_if_undefined(scores[0], scores[2])
    without = [_scores(whole.plus(block, -1), spread) for block in blocks]
    errors = [jackknife_error(torch.stack(values)) for values in zip(*without, strict=True)]
    return Consistency(
        invariance=scores[0],
        invariance_error=errors[0],
        equivariance=scores[1],
        equivariance_error=errors[1],
        self_consistency=scores[2],
        self_consistency_error=errors[2],
        self_consistency_per_latent=scores[3],
        values=settings.cpu(),
        latents=rows,
        num_samples=len(codes),
    )


def _values(codes: Tensor, values: Tensor | None, num_values: int) -> Tensor:
    """Return the values (V, D) that latents are set to, in the dtype of ``codes`` and on their device."""
    if values is None:
        # Linearly interpolated quantiles, as by torch.quantile, which refuses more than 16 million entries.
        ordered = codes.sort(dim=0).values
        levels = (torch.arange(num_values, device=codes.device) + 0.5) / num_values * (len(codes) - 1)
        low = levels.floor().long()
        return torch.lerp(ordered[low], ordered[(low + 1).clamp(max=len(codes) - 1)], (levels - low).to(codes)[:, None])
    given = values.detach()
    given = given[:, None].expand(-1, codes.shape[1]) if given.ndim == 1 else given
    if given.ndim != 2 or given.shape[1] != codes.shape[1] or not len(given) or not given.isfinite().all():
        raise ValueError(
            f"values must be finite, of shape (V,) or (V, D) with D={codes.shape[1]}, got {tuple(values.shape)}"
        )
    return given.to(codes)


def _sums(
    autoencoder: Autoencoder, codes: Tensor, settings: Tensor, latents: tuple[int, ...], num_steps: int, size: int
) -> _Sums:
    """Return the sums of distances over ``codes`` (n, D), which fit into one pass.

    Args:
        autoencoder: Model to probe.
        codes: Shape ``(n, D)`` with ``n <= size``.
        settings: Values that each latent is set to, shape ``(V, U)``.
        latents: The ``U`` latents to set.
        num_steps: Number ``L`` of applications of the response map.
        size: Samples per pass.
    """
    unmoved = mean_response(autoencoder, codes)
    moved, mismatch = [], []
    # An intervention is a pair (row u of `latents`, row v of `settings`). It needs a pass over all codes, and as many
    # interventions as fit share one pass. Codes are on the caller's device, responses on the model's, which may differ.
    interventions = torch.cartesian_prod(torch.arange(len(latents)), torch.arange(len(settings)))
    for group in torch.split(interventions, max(1, size // len(codes))):
        position = torch.arange(len(group), device=codes.device)
        which = torch.tensor(latents)[group[:, 0]].to(codes.device)  # (g,)
        value = settings[group[:, 1].to(codes.device), group[:, 0].to(codes.device)][:, None]  # (g, 1)
        intervened = codes.repeat(len(group), 1, 1)  # (g, n, D)
        intervened[position, :, which] = value
        after = mean_response(autoencoder, intervened.flatten(0, 1)).view_as(intervened).double()  # h(do(n))
        before = unmoved.double().repeat(len(group), 1, 1)  # h(n)
        moved.append((after - before).abs().sum(dim=1).cpu())  # (g, D)
        # Intervene on the copy of h(n) in place: from here on it is do(h(n)), which INV above must not see.
        before[position.to(before.device), :, which.to(before.device)] = value.to(before)
        mismatch.append((after - before).norm(dim=2).sum(dim=1).cpu())  # (g,)
    drift, total_drift = _drift(autoencoder, codes, unmoved, num_steps)
    # An intervention changes a single latent, so the norm |do(n) - n| is an absolute difference.
    magnitude = (codes[:, list(latents)].double() - settings.double()[:, None]).abs().sum(dim=1)  # (V, U)
    shape = (len(latents), len(settings))
    return _Sums(
        num_codes=torch.tensor(len(codes)),
        moved=torch.cat(moved).view(*shape, -1),
        mismatch=torch.cat(mismatch).view(shape),
        magnitude=magnitude.T.cpu(),
        drift=drift,
        total_drift=total_drift,
    )


def _drift(autoencoder: Autoencoder, codes: Tensor, first: Tensor, num_steps: int) -> tuple[Tensor, Tensor]:
    """Return the summed distances from ``codes`` after 1 to L responses, (L, D) and (L,); ``first`` is the first."""
    current, drift, total = first, [], []
    for step in range(num_steps):
        if step:
            current = mean_response(autoencoder, current)
        difference = current.double() - codes.to(current.device).double()
        drift.append(difference.abs().sum(dim=0).cpu())
        total.append(difference.norm(dim=1).sum().cpu())
    return torch.stack(drift), torch.stack(total)


def _total(parts: Sequence[_Sums]) -> _Sums:
    total = parts[0]
    for part in parts[1:]:
        total = total.plus(part)
    return total


def _scores(sums: _Sums, spread: _Spread) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return INV (U, D), EQV (U,), SCN (L,) and SCN per latent (L, D); 0/0 is NaN."""
    # Setting a value that all codes already have changes nothing (0/0); nanmean excludes it.
    changed = sums.magnitude != 0  # (U, V)
    num_changed = changed.sum(dim=1)
    moved = (sums.moved / sums.magnitude[:, :, None]).masked_fill(~changed[:, :, None], 0)
    invariance = 1 - moved.sum(dim=1) / num_changed[:, None]
    equivariance = 1 - (sums.mismatch / sums.magnitude).masked_fill(~changed, 0).sum(dim=1) / num_changed
    total = 1 - sums.total_drift / sums.num_codes / spread.total
    per_latent = 1 - sums.drift / sums.num_codes / spread.per_latent.masked_fill(spread.per_latent == 0, torch.nan)
    return invariance, equivariance, total, per_latent


def _warn_if_undefined(invariance: Tensor, self_consistency: Tensor) -> None:
    if not invariance.isfinite().all() or not self_consistency.isfinite().all():
        warnings.warn(
            "some consistency scores are undefined: a latent is constant and only ever set to that constant, or the "
            "model's responses are not finite",
            stacklevel=3,
        )
