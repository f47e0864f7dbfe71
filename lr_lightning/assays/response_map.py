"""Where decoding and encoding moves the codes of a two-dimensional slice."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, samples_per_pass
from lr_lightning.assays.latent_slice import LatentSlice
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of
from lr_lightning.assays.response import mean_response
from lr_lightning.assays.response_matrix import Moments
from lr_lightning.assays.vector_field import divergence, mean_curvature

ROUND_OFF = 8
"""Steps of the floating-point grid within which a response counts as equal to its code."""


@dataclass(frozen=True, eq=False)
class ResponseMap:
    """The response map on a slice; made by :func:`response_map`. All tensors are float64 on the CPU.

    Entry ``[i, j]`` of a map belongs to the ``i``-th value of the first latent and the ``j``-th of the second.

    Attributes:
        window: The slice.
        values: ``(2, n)``, values of the two latents at the nodes, in latent units.
        field: ``(n, n, 2)``, response minus code in the two latents, averaged over the bases, in latent units.
        spread: ``(n, n)``, root mean square distance of the bases' fields from ``field``, in latent units; 0 for one
            base. Where it is of the size of ``magnitude``, the average speaks for no single slice.
        magnitude: ``(n, n)``, length of ``field``, in latent units.
        divergence: ``(n, n)``, divergence of ``field``, without unit; negative where the map contracts. With
            ``grid_units`` multiplied by the spacing of the nodes.
        mean_curvature: ``(n, n)``, mean curvature of ``field``, per latent unit; positive at what attracts. With
            ``grid_units`` multiplied by the spacing.
        void_mass: Scalar, see :func:`void_mass`.
        grid_units: Whether derivatives are per step of the grid.
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
    r"""Measure where decoding and encoding moves codes, and whether they gather or scatter.

    .. math:: u = (h_a(z) - z_a,\; h_b(z) - z_b)

    on a grid of the latents :math:`a, b`, with the response map :math:`h`. Derivatives are finite differences between
    nodes; those of the field averaged over the bases are the averages of each base's divergences (magnitude and
    curvature are not). The authors' release takes 1 for the spacing of the nodes, as ``grid_units`` does.

    It sees what happens within the slice: a code that leaves it has a small :math:`u` all the same, and motion in the
    other latents is not in the divergence. See :func:`response_jacobian` for that of the full map.

    Costs ``M * n**2`` decoded and as many encoded samples, ``chunk_size`` a pass.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`.
        base: Codes at which the other latents stand, shape ``(D,)`` or ``(M, D)``; not written to.
        window: The slice.
        num_steps: Number of nodes ``n`` along each latent, at least 3.
        grid_units: Derivatives per step of the grid instead of per latent unit: multiplied by
            ``2 * radius / (n - 1)``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``.
        progress: Called after each pass with the codes that are done and ``M * n**2``.

    Returns:
        The maps. Nodes that stand still within round-off among neighbours that do so too have no curvature (NaN). A
        model that answers with numbers that are not finite gives NaN there, and one warning.

    Raises:
        TypeError: If ``autoencoder`` or ``base`` is of another kind.
        ValueError: If ``base`` has another shape or is not finite, there are no such latents, ``num_steps < 3`` or
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
    if num_steps < 3:
        raise ValueError(f"num_steps must be at least 3, got {num_steps}")
    with assay_mode(autoencoder):
        bases = base[None] if isinstance(base, Tensor) and base.ndim == 1 else base
        bases = check_codes("base", bases, autoencoder.latent_dim)
        size = samples_per_pass(chunk_size, device_of(autoencoder, bases))
        pooled, precision = _pooled_displacements(autoencoder, bases, window, num_steps, size, progress)
    field = pooled.mean.view(num_steps, num_steps, 2)
    spread = (pooled.deviation.sum(dim=1) / len(bases)).sqrt().view(num_steps, num_steps)
    values, spacing = window.values(num_steps), window.spacing(num_steps)
    floor = ROUND_OFF * precision * float(values.abs().max())
    rate = divergence(field, spacing)
    if not field.isfinite().all():
        warnings.warn("the model's responses are not finite, and neither is the response map", stacklevel=2)
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
    r"""Return the share of the prior in a window that lies where the response map does not contract.

    The standard normal prior of the two latents, summed over the cells with divergence of at least 0, over its sum over
    all cells. Multiply by the sum of :meth:`LatentSlice.prior_mass` for the share of the prior of the whole plane.

    Args:
        divergence: Shape ``(n, n)`` on the nodes of ``window``, in any unit.
        window: The slice.

    Returns:
        Scalar float64 in ``[0, 1]``; lower is better. NaN if a divergence is, and with a warning where the window is so
        far out that the prior has no mass.

    Raises:
        ValueError: If ``divergence`` is no square matrix.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.
    """
    if divergence.ndim != 2 or divergence.shape[0] != divergence.shape[1]:
        raise ValueError(f"divergence must have shape (n, n), got {tuple(divergence.shape)}")
    mass = window.prior_mass(len(divergence))
    expanding = (divergence.detach().cpu() >= 0).double()
    expanding[divergence.isnan().cpu()] = torch.nan
    if not mass.sum() > 0:
        warnings.warn(f"void mass is undefined: the prior has no mass around {window.center}", stacklevel=2)
    return (mass * expanding).sum() / mass.sum()


def _pooled_displacements(
    autoencoder: Autoencoder,
    bases: Tensor,
    window: LatentSlice,
    num_steps: int,
    chunk_size: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[Moments, float]:
    """Return moments over the bases of response minus code, (n * n, 2), and the relative round-off of a response."""
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
