"""Encode observations to codes, and reconstruct them, in chunks, leaving the model unchanged."""

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of, placement, posterior_mean
from lr_lightning.assays.response import at_least_float32


def _to_model(autoencoder: Autoencoder, images: Tensor) -> Tensor:
    """Return observations on the model's device and in its dtype; uint8 images become floats in [0, 1]."""
    device, dtype = placement(autoencoder)
    moved = images.detach().to(device)
    if moved.dtype == torch.uint8:
        moved = moved.float() / 255
    return moved.to(dtype=dtype)


def encode_means(autoencoder: Autoencoder, images: Tensor, *, chunk_size: int | None = None) -> Tensor:
    """Encode observations to posterior means.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        images: Observations ``(N, C, H, W)``: uint8 in 0..255, or floating point in data range.
        chunk_size: Observations per pass; 1024, or 32 on a CPU, if ``None``.

    Returns:
        Codes, shape ``(N, D)``, on the device of ``images``; float32, or float64 for a model in float64.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder`.
        ValueError: If there are no observations, or ``chunk_size < 1``.
    """
    _check_images(images, chunk_size)
    with assay_mode(autoencoder):
        parts = []
        for chunk in torch.split(images, samples_per_pass(chunk_size, device_of(autoencoder, images))):
            means = posterior_mean(autoencoder.encode(_to_model(autoencoder, chunk)))
            expected = means.new_empty(len(chunk), autoencoder.latent_dim, device="meta")
            parts.append(at_least_float32(means, expected).to(images.device))
        return torch.cat(parts)


def reconstruct(autoencoder: Autoencoder, images: Tensor, *, chunk_size: int | None = None) -> Tensor:
    """Encode observations to posterior means and decode them.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        images: Observations ``(N, C, H, W)``: uint8 in 0..255, or floating point in data range.
        chunk_size: Observations per pass; 1024, or 32 on a CPU, if ``None``.

    Returns:
        Reconstructions with the shape and device of ``images``, floating point in data range.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder`.
        ValueError: If there are no observations, or ``chunk_size < 1``.
    """
    _check_images(images, chunk_size)
    with assay_mode(autoencoder):
        parts = []
        for chunk in torch.split(images, samples_per_pass(chunk_size, device_of(autoencoder, images))):
            codes = posterior_mean(autoencoder.encode(_to_model(autoencoder, chunk)))
            parts.append(to_float32(autoencoder.decode(codes)).to(images.device))
        return torch.cat(parts)


def to_float32(observations: Tensor) -> Tensor:
    """Return decoded observations in at least float32; half precision is promoted, float64 kept."""
    return observations.to(torch.promote_types(observations.dtype, torch.float32))


def _check_images(images: Tensor, chunk_size: int | None) -> None:
    check_chunk_size(chunk_size)
    if not len(images):
        raise ValueError("images must have at least one observation, got none")
