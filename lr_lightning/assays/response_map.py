"""The response map on a two-dimensional slice: where decoding and encoding moves the codes."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes
from lr_lightning.assays.latent_slice import LatentSlice
from lr_lightning.assays.moments import Moments
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.assays.response import mean_response
from lr_lightning.assays.vector_field import divergence, mean_curvature
from lr_lightning.common.checks import check_at_least
from lr_lightning.common.printed_result import PrintedResult

ROUND_OFF = 8
"""A response within this many units in the last place of its code counts as equal to it."""


@dataclass(frozen=True, eq=False, repr=False)
class ResponseMap(PrintedResult):
    """The response map on a slice, as returned by :func:`response_map`. All tensors are float64 on the CPU.

    Entry ``[i, j]`` of a map is at the ``i``-th value of the first latent and the ``j``-th value of the second.

    Attributes:
        window: The slice.
        values: ``(2, n)``, values of the two latents at the nodes, in latent units.
        field: ``(n, n, 2)``, response minus code in the two latents, averaged over the bases, in latent units.
        spread: ``(n, n)``, root mean square distance of the individual bases' fields from ``field``, in latent units; 0
            for a single base. Where it is as large as ``magnitude``, the average represents no single base.
        magnitude: ``(n, n)``, length of ``field``, in latent units.
        divergence: ``(n, n)``, divergence of ``field``, unitless; negative where the map contracts. With
            ``grid_units``, multiplied by the node spacing.
        mean_curvature: ``(n, n)``, mean curvature of ``field``, per latent unit; positive at attracting points and
            curves. With ``grid_units``, multiplied by the node spacing.
        void_mass: Scalar, see :func:`void_mass`.
        grid_units: Whether derivatives are per grid step.
        num_bases: Number of base codes ``M``.
    """

    window: LatentSlice
    values: Tensor
    field: Tensor
    spread: Tensor
    magnitude: Tensor
    divergence: Tensor
    mean_curvature: Tensor
    void_mass: Tensor
    grid_units: bool
    num_bases: int


def response_map(
    autoencoder: Autoencoder,
    base: Tensor,
    window: LatentSlice,
    *,
    num_steps: int = 64,
    grid_units: bool = False,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ResponseMap:
    r"""Measure where decoding and encoding moves the codes of a slice, and where they converge or spread out.

    .. math:: u = (h_a(z) - z_a,\; h_b(z) - z_b)

    on a grid over the latents :math:`a, b`, with the response map :math:`h`. Derivatives are finite differences between
    nodes. The divergence of the average field is the average of the bases' divergences; this does not hold for
    magnitude and curvature. The authors' release uses a node spacing of 1, as ``grid_units`` does.

    Only movement within the slice counts: a code that moves out of the plane can have a small :math:`u`, and the
    divergence ignores the other latents. See :func:`response_jacobian` for the divergence of the full map.

    Cost: ``M * n**2`` decoded and as many encoded samples, ``chunk_size`` per pass.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        base: Codes that provide the other latents, shape ``(D,)`` or ``(M, D)``; not modified.
        window: The slice.
        num_steps: Number of nodes ``n`` along each latent, at least 3.
        grid_units: Return derivatives per grid step instead of per latent unit, that is, multiplied by
            ``2 * radius / (n - 1)``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
        progress: Called after each pass with the number of codes processed and ``M * n**2``.

    Returns:
        The maps. The curvature is NaN at nodes that do not move beyond round-off if their neighbors do not either.
        Non-finite responses give NaN there, and one warning.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``base`` is not a tensor.
        ValueError: If ``base`` has the wrong shape or is not finite, a latent does not exist, ``num_steps < 3`` or
            ``chunk_size < 1``.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> halving = wrap(encode=lambda x: x, decode=lambda z: z / 2, latent_dim=2)
        >>> response_map(halving, torch.zeros(2), LatentSlice((0, 1)), num_steps=3).divergence[1]
        tensor([-1., -1., -1.], dtype=torch.float64)
    """
    check_chunk_size(chunk_size)
    check_at_least("num_steps", num_steps, 3)
    with assay_mode(autoencoder):
        bases = base[None] if isinstance(base, Tensor) and base.ndim == 1 else base
        bases = check_codes("base", bases, autoencoder.latent_dim)
        size = samples_per_pass(chunk_size, autoencoder, bases)
        pooled, precision = _pooled_displacements(autoencoder, bases, window, num_steps, size, progress)
    field = pooled.mean.view(num_steps, num_steps, 2)
    spread = (pooled.deviation.sum(dim=1) / len(bases)).sqrt().view(num_steps, num_steps)
    values, spacing = window.values(num_steps), window.spacing(num_steps)
    floor = ROUND_OFF * precision * float(values.abs().max())
    rate = divergence(field, spacing)
    if not field.isfinite().all():
        warnings.warn("the model's responses are not finite, so the response map is NaN in places", stacklevel=2)
    unit = spacing if grid_units else 1.0
    return ResponseMap(
        window=window,
        values=values,
        field=field,
        spread=spread,
        magnitude=field.norm(dim=-1),
        divergence=unit * rate,
        mean_curvature=unit * mean_curvature(field, spacing, floor=floor),
        void_mass=void_mass(rate, window),
        grid_units=grid_units,
        num_bases=len(bases),
    )


def void_mass(divergence: Tensor, window: LatentSlice) -> Tensor:
    r"""Return the fraction of the prior mass in a window where the response map does not contract.

    This is the mass of the standard normal prior of the two latents in cells with divergence 0 or more, divided by its
    mass in all cells. Multiply by the sum of :meth:`LatentSlice.prior_mass` for the fraction of the prior's total mass.

    Args:
        divergence: Shape ``(n, n)`` on the nodes of ``window``, in any unit.
        window: The slice.

    Returns:
        Scalar float64 in ``[0, 1]``; lower is better. NaN if a divergence is NaN, and also, with a warning, if the
        window is so far from the origin that the prior has no mass in it.

    Raises:
        ValueError: If ``divergence`` is not a square matrix.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.
    """
    if divergence.ndim != 2 or divergence.shape[0] != divergence.shape[1]:
        raise ValueError(f"divergence must have shape (n, n), got {tuple(divergence.shape)}")
    mass = window.prior_mass(len(divergence))
    expanding = (divergence.detach().cpu() >= 0).double()
    expanding[divergence.isnan().cpu()] = torch.nan  # comparisons with NaN are false
    if not mass.sum() > 0:
        warnings.warn(f"the void mass is undefined: the prior has no mass around {window.center}", stacklevel=2)
    return (mass * expanding).sum() / mass.sum()


def _pooled_displacements(
    autoencoder: Autoencoder,
    bases: Tensor,
    window: LatentSlice,
    num_steps: int,
    chunk_size: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[Moments, float]:
    """Return the moments over the bases of response minus code, (n * n, 2), and the machine epsilon of responses."""
    latents = list(window.latents)
    pooled: Moments | None = None
    done = 0
    for base in bases:
        parts = []
        for chunk in torch.split(window.codes(base, num_steps).flatten(0, 1), chunk_size):
            moved = mean_response(autoencoder, chunk)
            parts.append((moved[:, latents].double() - chunk[:, latents].to(moved.device).double()).cpu())
            done += len(chunk)
            if progress is not None:
                progress(done, len(bases) * num_steps**2)
        moments = Moments.of(torch.cat(parts)[:, None])
        pooled = moments if pooled is None else pooled.pool(moments)
    assert pooled is not None  # there is at least one base
    return pooled, torch.finfo(moved.dtype).eps
