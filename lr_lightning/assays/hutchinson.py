"""Divergence of the response map in many dimensions, from random directions."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, own_generator, samples_per_pass
from lr_lightning.assays.differentiation import directional_rates
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of, placement
from lr_lightning.assays.response import mean_response


@dataclass(frozen=True, eq=False)
class EstimatedDivergence:
    """Divergence estimated at each code; made by :func:`hutchinson_divergence`. All tensors float64 on the CPU.

    Attributes:
        divergence: ``(N,)``, estimate of trace - D; negative where the map contracts.
        standard_error: ``(N,)``, over the probes; NaN for a single probe.
        num_probes: Number of random directions per code.
    """

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
    r"""Estimate the divergence of response minus code without the whole Jacobian.

    .. math:: \widehat{\operatorname{div}} u = \frac{1}{P} \sum_p v_p^\top J v_p - D

    with the Jacobian :math:`J` of the response map and probes :math:`v_p` of random signs. Unbiased, with variance
    :math:`(2 / P) \sum_{i \ne j} S_{ij}^2`, :math:`S` the symmetric part of :math:`J`; exact for a diagonal one. Takes
    one backward pass for each probe instead of one for each latent: worth it above about 64 latents; below,
    :func:`response_jacobian` is exact.

    Blind to what :func:`response_jacobians` is blind to.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`. It must let gradients pass.
        codes: Codes, shape ``(N, D)``; not written to.
        num_probes: Number of probes ``P`` for each code, at least 1.
        generator: Source of the probes, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``. The draws do not depend on it.
        progress: Called after each pass with the codes that are done and ``N``.

    Returns:
        The estimates. A model with gradients that are not finite gives NaN there, and one warning.

    Raises:
        TypeError: If ``autoencoder`` or ``codes`` is of another kind.
        ValueError: If ``codes`` has another shape, is not floating point or not finite, ``num_probes < 1``, gradients
            do not pass, ``chunk_size < 1`` or ``generator`` is not on the CPU.

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
    if num_probes < 1:
        raise ValueError(f"num_probes must be at least 1, got {num_probes}")
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim)
        size = samples_per_pass(chunk_size, device_of(autoencoder, codes))
        shape = (len(codes), num_probes, codes.shape[1])
        signs = torch.randint(2, shape, generator=own_generator(generator), dtype=torch.int8).mul_(2).sub_(1)
        device, dtype = placement(autoencoder)
        parts: list[Tensor] = []
        for chunk, probes in zip(torch.split(codes, size), torch.split(signs, size), strict=True):
            moved = chunk.to(device=device, dtype=dtype)
            rates = directional_rates(partial(mean_response, autoencoder), moved, probes.to(moved))
            parts.append(rates.double().cpu())
            if progress is not None:
                progress(sum(map(len, parts)), len(codes))
    traces = torch.cat(parts)  # (N, P)
    if not traces.isfinite().all():
        warnings.warn("the model's gradients are not finite, and neither are its divergences", stacklevel=2)
    if num_probes > 1:
        error = traces.std(dim=1) / num_probes**0.5
    else:
        error = torch.full((len(codes),), torch.nan, dtype=torch.float64)
    return EstimatedDivergence(traces.mean(dim=1) - codes.shape[1], error, num_probes)
