"""Argument checks shared by the assays."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least, check_positive


def check_codes(name: str, codes: Tensor, latent_dim: int | None, minimum: int = 1) -> Tensor:
    """Check ``codes`` (N, D) and return them detached. With ``latent_dim=None``, any ``D`` is accepted.

    Raises:
        TypeError: If ``codes`` is not a tensor.
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
        raise ValueError(f"{name} must be finite, got {int((~codes.isfinite()).sum())} NaN or infinite entries")
    return codes.detach()


def check_code(name: str, code: Tensor, latent_dim: int | None = None) -> Tensor:
    """Check a single ``code`` (D,) and return it detached.

    Raises:
        TypeError: If ``code`` is not a tensor.
        ValueError: If it is not floating point of shape ``(latent_dim,)``, all finite.
    """
    if isinstance(code, Tensor) and code.ndim != 1:
        raise ValueError(f"{name} must be a single code of shape (D,), got {tuple(code.shape)}")
    return check_codes(name, code[None] if isinstance(code, Tensor) else code, latent_dim)[0]


def check_traversals(traversals: Sequence[Tensor], latent_dim: int | None = None) -> None:
    """Check that ``traversals`` has one tensor (T, V, D) of finite codes per factor, all with the same ``D``.

    Raises:
        TypeError: If an entry is not a tensor.
        ValueError: If there are no traversals, or an entry has the wrong shape, dtype or non-finite entries.
    """
    if not traversals:
        raise ValueError("traversals must have an entry for each factor, got none")
    for factor, codes in enumerate(traversals):
        name = f"traversals of factor {factor}"
        if not isinstance(codes, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(codes).__name__}")
        if codes.ndim != 3 or not codes.numel():
            raise ValueError(f"{name} must have shape (T, V, D), got {tuple(codes.shape)}")
        check_codes(name, codes.flatten(0, 1), traversals[0].shape[-1] if latent_dim is None else latent_dim)


def check_latents(latents: Sequence[int] | None, latent_dim: int, *, distinct: bool = False) -> tuple[int, ...]:
    """Check ``latents`` and return them as a tuple; all latents if ``None``.

    Raises:
        ValueError: If there are none, one is not in ``0..latent_dim - 1``, or one occurs twice although ``distinct``.
    """
    chosen = tuple(range(latent_dim)) if latents is None else tuple(latents)
    if not chosen or not all(0 <= latent < latent_dim for latent in chosen):
        raise ValueError(f"latents must be some of 0..{latent_dim - 1}, got {list(chosen)}")
    if distinct and len(set(chosen)) < len(chosen):
        raise ValueError(f"latents must not repeat, got {list(chosen)}")
    return chosen


def check_latent_pair(latents: tuple[int, int], latent_dim: int) -> None:
    """Raise ``ValueError`` unless ``latents`` are two different indices in ``0..latent_dim - 1``."""
    if len(set(latents)) != 2 or not all(0 <= latent < latent_dim for latent in latents):
        raise ValueError(f"latents must be two different ones of 0..{latent_dim - 1}, got {latents}")


def check_active(active: Tensor, latent_dim: int) -> None:
    """Raise ``ValueError`` unless ``active`` is a boolean mask of the latents."""
    if active.shape != (latent_dim,) or active.dtype != torch.bool:
        raise ValueError(
            f"active must be a boolean mask of {latent_dim} latents, got {active.dtype} of shape {tuple(active.shape)}"
        )


def check_log_variances(log_variances: Tensor, means: Tensor) -> Tensor:
    """Check that ``log_variances`` have the shape of ``means`` (N, D), and return them detached.

    Raises:
        TypeError: If ``log_variances`` is not a tensor.
        ValueError: If it is not floating point of that shape, all finite.
    """
    log_variances = check_codes("log_variances", log_variances, means.shape[1])
    check_same_length("log_variances", log_variances, "means", means)
    return log_variances


def check_same_length(name: str, tensor: Tensor, other_name: str, other: Tensor) -> None:
    """Raise ``ValueError`` unless two tensors have the same number of rows."""
    if len(tensor) != len(other):
        raise ValueError(f"{name} must have as many rows as {other_name}, got {len(tensor)} and {len(other)}")


def check_chunk_size(chunk_size: int | None) -> None:
    """Raise ``ValueError`` for a chunk size below 1."""
    if chunk_size is not None:
        check_at_least("chunk_size", chunk_size, 1)


def own_generator(generator: torch.Generator | None) -> torch.Generator:
    """Return ``generator``, or a new one with seed 0, so that the global random state is never used.

    Assays draw on the CPU so that the draws do not depend on the model's device.

    Raises:
        ValueError: If the generator is on another device.
    """
    if generator is None:
        return torch.Generator().manual_seed(0)
    if generator.device.type != "cpu":
        raise ValueError(f"generator must be on the CPU, got {generator.device}")
    return generator


def latent_units(scale: Tensor | None, floor: float, latent_dim: int) -> tuple[Tensor, Tensor]:
    """Return the unit of each latent, ``(D,)`` float64, and the mask of inactive latents, whose unit is NaN.

    A latent is inactive if its ``scale`` is below ``floor``. Without a ``scale`` all units are 1.

    Raises:
        ValueError: If ``scale`` is not ``latent_dim`` finite, non-negative numbers, or ``floor`` is not positive.
    """
    if scale is None:
        return torch.ones(latent_dim, dtype=torch.float64), torch.zeros(latent_dim, dtype=torch.bool)
    if scale.shape != (latent_dim,) or not scale.isfinite().all() or (scale < 0).any():
        raise ValueError(f"scale must be {latent_dim} finite numbers that are not negative, got {scale}")
    check_positive("scale_floor", floor)
    unit = scale.detach().double().cpu()
    inactive = unit < floor
    return unit.masked_fill(inactive, torch.nan), inactive


def checked_factor_names(names: Sequence[str] | None, num_factors: int) -> tuple[str, ...] | None:
    """Return the names of factors; ``None`` if none are given.

    Raises:
        ValueError: If there is not one for each factor.
    """
    if names is None:
        return None
    if isinstance(names, str) or len(names) != num_factors:
        raise ValueError(f"factor_names must have one name for each of {num_factors} factors, got {names!r}")
    return tuple(names)
