"""How each latent responds to each value that it can be set to, for all pairs among many codes at the cost of a few."""

from collections.abc import Callable

import torch
from torch import Tensor

from lr_lightning.assays.passes import in_passes
from lr_lightning.assays.protocol import Autoencoder
from lr_lightning.assays.response import mean_response


def interpolated_squares(
    autoencoder: Autoencoder,
    codes: Tensor,
    num_nodes: int,
    chunk_size: int,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Estimate the squared response of each latent of each code to the values donated by all codes.

    For each code, the response of a latent is measured at ``num_nodes`` quantiles of this latent, and interpolated
    linearly in between: exact for responses that are linear between the quantiles.

    Args:
        autoencoder: The model, inside :func:`assay_mode`.
        codes: Shape ``(Q, D)``.
        num_nodes: Number of quantiles, including the smallest and largest value.
        chunk_size: Samples per pass.
        progress: Called with the number of samples done and the total, ``num_nodes * Q * D``.

    Returns:
        Shape ``(Q, Q, D)``, float64 on the CPU: base, donor, latent.
    """
    count, dim = codes.shape
    levels = torch.linspace(0, 1, num_nodes, dtype=torch.float64, device=codes.device)
    nodes = codes.double().quantile(levels, dim=0, interpolation="nearest")  # (G, D), values that occur
    jobs = torch.cartesian_prod(torch.arange(num_nodes), torch.arange(count), torch.arange(dim)).to(codes.device)
    measured = []
    for chunk in in_passes(jobs, chunk_size, progress):
        node, base, latent = chunk.unbind(dim=1)
        intervened = codes[base]
        intervened[torch.arange(len(chunk)), latent] = nodes[node, latent].to(codes.dtype)
        measured.append(mean_response(autoencoder, intervened).cpu().gather(1, latent.cpu()[:, None]).double())
    curves = torch.cat(measured).view(num_nodes, count, dim)
    values = _interpolate(nodes.cpu(), curves, codes.double().cpu())
    return (values - values.diagonal().T[:, None]).square()


def _interpolate(nodes: Tensor, curves: Tensor, values: Tensor) -> Tensor:
    """Return the curves (G, Q, D), known at ``nodes`` (G, D), at each of ``values`` (Q', D); shape (Q, Q', D)."""
    right = torch.searchsorted(nodes.T.contiguous(), values.T.contiguous()).T.clamp(1, len(nodes) - 1)  # (Q', D)
    low, high = nodes.gather(0, right - 1), nodes.gather(0, right)
    weight = ((values - low) / (high - low).where(high > low, 1.0)).clamp(0, 1)
    latents = torch.arange(values.shape[1])
    below, above = curves[right - 1, :, latents], curves[right, :, latents]  # (Q', D, Q)
    return torch.lerp(below, above, weight[:, :, None]).permute(2, 0, 1).contiguous()
