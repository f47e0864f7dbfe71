"""The response map: decode a code and encode the result."""

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, own_generator
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import (
    Autoencoder,
    Posterior,
    assay_mode,
    placement,
    posterior_mean,
    posterior_std,
)


def reencode(autoencoder: Autoencoder, codes: Tensor) -> Posterior:
    """Decode ``codes`` (B, D) and encode the result in a single pass, on the parameters' device and in their dtype."""
    device, dtype = placement(autoencoder)
    images = autoencoder.decode(codes.to(device=device, dtype=dtype))
    return autoencoder.encode(images.to(dtype=dtype))


def at_least_float32(responses: Tensor, codes: Tensor) -> Tensor:
    """Return ``responses`` in at least float32, after checking that they have the shape of ``codes``.

    Raises:
        ValueError: If the encoder returned a different shape.
    """
    if responses.shape != codes.shape:
        raise ValueError(f"encode must return codes of shape {tuple(codes.shape)}, got {tuple(responses.shape)}")
    return responses.to(torch.promote_types(responses.dtype, torch.float32))


def mean_response(autoencoder: Autoencoder, codes: Tensor) -> Tensor:
    """Return the response map ``h`` of ``codes`` (B, D) in a single pass; call it inside :func:`assay_mode`."""
    return at_least_float32(posterior_mean(reencode(autoencoder, codes)), codes)


def response(
    autoencoder: Autoencoder,
    codes: Tensor,
    *,
    stochastic: bool = False,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
) -> Tensor:
    r"""Decode codes and encode the result.

    .. math:: h(z) = \mathbb{E}[q(\cdot \mid g(z))]

    with decoder :math:`g` and posterior :math:`q`.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`. A model with half-precision parameters runs
            in that precision.
        codes: Latent codes, shape ``(N, D)``; not modified.
        stochastic: Sample the posterior instead of taking its mean.
        generator: Random generator for those samples, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
            The draws do not depend on it.

    Returns:
        Shape ``(N, D)`` in latent units, on the device of ``codes``; float32, or float64 for a model in float64.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``codes`` is not a tensor.
        ValueError: If ``codes`` has the wrong shape, is not floating point or not finite, or ``chunk_size < 1``.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> clamped = wrap(encode=lambda x: x, decode=lambda z: z.clamp(-1, 1), latent_dim=2)
        >>> response(clamped, torch.tensor([[0.5, 3.0]]))
        tensor([[0.5000, 1.0000]])
    """
    check_chunk_size(chunk_size)
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim)
        noise = torch.randn(codes.shape, generator=own_generator(generator)) if stochastic else torch.zeros_like(codes)
        size = samples_per_pass(chunk_size, autoencoder, codes)
        parts = []
        for chunk, chunk_noise in zip(torch.split(codes, size), torch.split(noise, size), strict=True):
            posterior = reencode(autoencoder, chunk)
            responses = at_least_float32(posterior_mean(posterior), chunk)
            if stochastic:
                responses = responses + posterior_std(posterior) * chunk_noise.to(responses)
            parts.append(responses.to(codes.device))
        return torch.cat(parts)
