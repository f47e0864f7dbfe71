"""Encode observations to codes, and reconstruct them, in chunks, leaving the model unchanged."""

from collections.abc import Callable

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import (
    Autoencoder,
    assay_mode,
    placement,
    posterior_mean,
    posterior_std,
)
from lr_lightning.assays.response import at_least_float32
from lr_lightning.common.checks import NO_POSTERIORS


def encode_means(autoencoder: Autoencoder, images: Tensor, *, chunk_size: int | None = None) -> Tensor:
    """Encode observations to posterior means.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        images: Observations ``(N, C, H, W)``: uint8 in 0..255, or floating point in data range.
        chunk_size: Observations per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.

    Returns:
        Codes, shape ``(N, D)``, on the device of ``images``; float32, or float64 for a model in float64.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder`.
        ValueError: If there are no observations, or ``chunk_size < 1``.
    """

    def encode(observations: Tensor) -> Tensor:
        means = posterior_mean(autoencoder.encode(observations))
        expected = means.new_empty(len(observations), autoencoder.latent_dim, device="meta")
        return at_least_float32(means, expected)

    return _in_passes(autoencoder, images, encode, chunk_size)


def encode_posteriors(
    autoencoder: Autoencoder, images: Tensor, *, chunk_size: int | None = None
) -> tuple[Tensor, Tensor]:
    """Encode observations to the means and log-variances of their posteriors.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        images: Observations ``(N, C, H, W)``: uint8 in 0..255, or floating point in data range.
        chunk_size: Observations per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.

    Returns:
        Means and log-variances, each ``(N, D)``, on the device of ``images``; float32, or float64 for a model in
        float64.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder`.
        ValueError: If there are no observations, ``chunk_size < 1``, or the autoencoder is deterministic.
    """

    def encode(observations: Tensor) -> Tensor:
        posterior = autoencoder.encode(observations)
        if isinstance(posterior, Tensor):
            raise ValueError(NO_POSTERIORS)
        means, deviations = posterior_mean(posterior), posterior_std(posterior)
        expected = means.new_empty(len(observations), autoencoder.latent_dim, device="meta")
        return torch.cat([at_least_float32(each, expected) for each in (means, 2 * deviations.log())], dim=1)

    means, log_variances = _in_passes(autoencoder, images, encode, chunk_size).chunk(2, dim=1)
    return means, log_variances


def reconstruct(autoencoder: Autoencoder, images: Tensor, *, chunk_size: int | None = None) -> Tensor:
    """Encode observations to posterior means and decode them.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        images: Observations ``(N, C, H, W)``: uint8 in 0..255, or floating point in data range.
        chunk_size: Observations per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.

    Returns:
        Reconstructions with the shape and device of ``images``, floating point in data range.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder`.
        ValueError: If there are no observations, or ``chunk_size < 1``.
    """

    def encode_and_decode(observations: Tensor) -> Tensor:
        return to_float32(autoencoder.decode(posterior_mean(autoencoder.encode(observations))))

    return _in_passes(autoencoder, images, encode_and_decode, chunk_size)


def to_float32(observations: Tensor) -> Tensor:
    """Return decoded observations in at least float32; half precision is promoted, float64 kept."""
    return observations.to(torch.promote_types(observations.dtype, torch.float32))


def _in_passes(
    autoencoder: Autoencoder, images: Tensor, function: Callable[[Tensor], Tensor], chunk_size: int | None
) -> Tensor:
    """Return ``function`` of all images, on their device; it is called with observations as the model takes them."""
    check_chunk_size(chunk_size)
    if not len(images):
        raise ValueError("images must have at least one observation, got none")
    with assay_mode(autoencoder):
        size = samples_per_pass(chunk_size, autoencoder, images)
        chunks = torch.split(images, size)
        return torch.cat([function(_to_model(autoencoder, chunk)).to(images.device) for chunk in chunks])


def _to_model(autoencoder: Autoencoder, images: Tensor) -> Tensor:
    """Return observations on the model's device and in its dtype; uint8 images become floats in [0, 1]."""
    device, dtype = placement(autoencoder)
    moved = images.detach().to(device)
    if moved.dtype == torch.uint8:
        moved = moved.float() / 255
    return moved.to(dtype=dtype)
