"""Divergence of the response map in many dimensions, estimated from random directions."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, own_generator
from lr_lightning.assays.differentiation import directional_rates
from lr_lightning.assays.passes import in_passes, samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, placement
from lr_lightning.assays.response import mean_response
from lr_lightning.common.checks import check_at_least
from lr_lightning.common.printed_result import TableFields, TabularResult


@dataclass(frozen=True, eq=False, repr=False)
class EstimatedDivergence(TabularResult):
    """Divergence estimated at each code, as returned by :func:`hutchinson_divergence`. All tensors float64 on the CPU.

    Attributes:
        divergence: ``(N,)``, estimate of ``trace(J) - D``; negative where the map contracts.
        standard_error: ``(N,)``, standard error over the probes; NaN for a single probe.
        num_probes: Number of random directions per code.
    """

    table_fields = TableFields("code", ("divergence", "standard_error"))

    divergence: Tensor
    standard_error: Tensor
    num_probes: int


def hutchinson_divergence(
    autoencoder: Autoencoder,
    codes: Tensor,
    *,
    num_probes: int = 16,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> EstimatedDivergence:
    r"""Estimate the divergence of the displacement field ``h(z) - z`` without computing full Jacobians.

    .. math:: \widehat{\operatorname{div}} u = \frac{1}{P} \sum_p v_p^\top J v_p - D

    with the Jacobian :math:`J` of the response map and probes :math:`v_p` of random signs. The estimate is unbiased
    with variance :math:`(2 / P) \sum_{i \ne j} S_{ij}^2`, where :math:`S` is the symmetric part of :math:`J`, and exact
    if :math:`J` is diagonal. It takes one backward pass per probe instead of one per latent, which pays off above about
    64 latents; for fewer, use :func:`response_jacobian`, which is exact.

    The limitations of :func:`response_jacobians` apply.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`. It must be differentiable.
        codes: Codes, shape ``(N, D)``; not modified.
        num_probes: Number of probes ``P`` per code, at least 1.
        generator: Random generator for the probes, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
            The draws do not depend on it.
        progress: Called after each pass with the number of codes processed and ``N``.

    Returns:
        The estimates. Non-finite gradients give NaN and one warning.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``codes`` is not a tensor.
        ValueError: If ``codes`` has the wrong shape, is not floating point or not finite, ``num_probes < 1``, the model
            blocks gradients, ``chunk_size < 1`` or ``generator`` is not on the CPU.

    References:
        Hutchinson, A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines,
        Communications in Statistics 1990.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> halving = wrap(encode=lambda x: x, decode=lambda z: z / 2, latent_dim=4)
        >>> hutchinson_divergence(halving, torch.zeros(1, 4)).divergence
        tensor([-2.], dtype=torch.float64)
    """
    check_chunk_size(chunk_size)
    check_at_least("num_probes", num_probes, 1)
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim)
        size = samples_per_pass(chunk_size, autoencoder, codes)
        shape = (len(codes), num_probes, codes.shape[1])
        # Random signs, from {0, 1} to {-1, 1}. All are drawn before the passes, so that chunk_size does not change
        # them, and as int8, which takes a quarter of the memory of float32.
        signs = torch.randint(2, shape, generator=own_generator(generator), dtype=torch.int8).mul_(2).sub_(1)
        device, dtype = placement(autoencoder)
        parts: list[Tensor] = []
        for chunk, probes in zip(in_passes(codes, size, progress), torch.split(signs, size), strict=True):
            moved = chunk.to(device=device, dtype=dtype)
            rates = directional_rates(partial(mean_response, autoencoder), moved, probes.to(moved))
            parts.append(rates.double().cpu())
    # v^T J v of each code and probe, (N, P). Its expectation over v is the trace of J, since E[v_i v_j] is 1 for i = j
    # and 0 otherwise. The divergence is that of h(z) - z, so the trace of the identity, D, is subtracted at the end.
    traces = torch.cat(parts)
    if not traces.isfinite().all():
        warnings.warn("the model's gradients are not finite, so the divergence is NaN in places", stacklevel=2)
    if num_probes > 1:
        error = traces.std(dim=1) / num_probes**0.5
    else:
        error = torch.full((len(codes),), torch.nan, dtype=torch.float64)
    return EstimatedDivergence(traces.mean(dim=1) - codes.shape[1], error, num_probes)
