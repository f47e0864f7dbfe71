"""Decode codes to observations in chunks, leaving the model unchanged."""

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes
from lr_lightning.assays.encoding import to_float32
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, placement


def decode_codes(autoencoder: Autoencoder, codes: Tensor, *, chunk_size: int | None = None) -> Tensor:
    """Decode codes to mean observations.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        codes: Latent codes, shape ``(N, D)``; not modified.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.

    Returns:
        Observations ``(N, C, H, W)`` in data range on the CPU; float32, or float64 for a model in float64.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``codes`` is not a tensor.
        ValueError: If ``codes`` has the wrong shape, is not floating point or not finite, or ``chunk_size < 1``.
    """
    check_chunk_size(chunk_size)
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim)
        device, dtype = placement(autoencoder)
        chunks = torch.split(codes, samples_per_pass(chunk_size, autoencoder, codes))
        decoded = [autoencoder.decode(chunk.to(device=device, dtype=dtype)) for chunk in chunks]
        return torch.cat([to_float32(observations).cpu() for observations in decoded])
