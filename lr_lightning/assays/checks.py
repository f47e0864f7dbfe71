"""Checks of arguments that all assays share."""

import torch
from torch import Tensor


def check_codes(name: str, codes: Tensor, latent_dim: int | None, minimum: int = 1) -> Tensor:
    """Return ``codes`` (N, D) detached, or say what is wrong with them; any ``D`` is right if none is given.

    Raises:
        TypeError: If ``codes`` is no tensor.
        ValueError: If it is not floating point of shape ``(N, latent_dim)`` with at least ``minimum`` rows, all finite.
    """
    if not isinstance(codes, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(codes).__name__}")
    if codes.ndim != 2 or codes.shape[1] != (codes.shape[1] if latent_dim is None else latent_dim):
        wanted = "" if latent_dim is None else f" with D={latent_dim}"
        raise ValueError(f"{name} must have shape (N, D){wanted}, got {tuple(codes.shape)}")
    if not codes.is_floating_point():
        raise ValueError(f"{name} must be floating point, got {codes.dtype}")
    if len(codes) < minimum:
        raise ValueError(f"{name} must have at least {minimum} rows, got {len(codes)}")
    if not codes.isfinite().all():
        raise ValueError(f"{name} must be finite, got {int((~codes.isfinite()).sum())} entries that are not")
    return codes.detach()


def check_chunk_size(chunk_size: int | None) -> None:
    """Raise ``ValueError`` for a chunk size below 1."""
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")


def samples_per_pass(chunk_size: int | None, device: torch.device) -> int:
    """Return ``chunk_size``, or if it is ``None`` what suits the device.

    An accelerator wants large passes. A processor runs convolutions on 64x64 images about twice as fast in passes of
    32 as of 256 and more, whose activations leave its cache.
    """
    if chunk_size is not None:
        return chunk_size
    return 32 if device.type == "cpu" else 1024


def own_generator(generator: torch.Generator | None) -> torch.Generator:
    """Return ``generator``, or a new one with seed 0, so that the global random state is never used.

    Assays draw on the CPU, so that the draws do not depend on where the model is.

    Raises:
        ValueError: If the generator is on another device.
    """
    if generator is None:
        return torch.Generator().manual_seed(0)
    if generator.device.type != "cpu":
        raise ValueError(f"generator must be on the CPU, got {generator.device}")
    return generator


def latent_units(scale: Tensor | None, floor: float, dim: int) -> tuple[Tensor, Tensor]:
    """Return the unit ``(D,)`` float64 of each latent, NaN where it is below ``floor``, and the mask of those latents.

    Raises:
        ValueError: If ``scale`` is not ``dim`` finite numbers, one is negative, or ``floor`` is not positive.
    """
    if scale is None:
        return torch.ones(dim, dtype=torch.float64), torch.zeros(dim, dtype=torch.bool)
    if scale.shape != (dim,) or not scale.isfinite().all() or (scale < 0).any():
        raise ValueError(f"scale must be {dim} finite numbers that are not negative, got {scale}")
    if floor <= 0:
        raise ValueError(f"scale_floor must be positive, got {floor}")
    unit = scale.detach().double().cpu()
    inactive = unit < floor
    return unit.masked_fill(inactive, torch.nan), inactive
