"""Decoded observations along each latent axis."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_code, check_codes, check_latents
from lr_lightning.assays.decoding import decode_codes
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.common.checks import check_at_least
from lr_lightning.common.printed_result import PrintedResult


@dataclass(frozen=True, eq=False, repr=False)
class LatentTraversal(PrintedResult):
    """Decoded observations along latent axes, as returned by :func:`latent_traversal`. All tensors are on the CPU.

    Attributes:
        images: ``(L, S, C, H, W)``: row ``l`` moves one latent through ``S`` values; the others stay at the base code.
        values: ``(L, S)``, the values in latent units.
        latents: The latent that each row moves.
    """

    images: Tensor
    values: Tensor
    latents: tuple[int, ...]


def traversal_values(codes: Tensor, num_steps: int = 9, width: float = 2.0) -> Tensor:
    """Return evenly spaced values of each latent, from ``mean - width * std`` to ``mean + width * std`` over ``codes``.

    Args:
        codes: Posterior means, shape ``(N, D)``.
        num_steps: Number of values ``S``, at least 2.
        width: Half the range, in standard deviations.

    Returns:
        Shape ``(D, S)``.

    Raises:
        ValueError: If ``num_steps < 2`` or ``codes`` is not a finite floating-point matrix.
    """
    check_at_least("num_steps", num_steps, 2)
    codes = check_codes("codes", codes, None)
    std, mean = torch.std_mean(codes, dim=0, correction=0)
    return mean[:, None] + std[:, None] * torch.linspace(-width, width, num_steps, device=codes.device)


def latent_traversal(
    autoencoder: Autoencoder,
    base: Tensor,
    values: Tensor | None = None,
    *,
    latents: Sequence[int] | None = None,
    chunk_size: int | None = None,
) -> LatentTraversal:
    """Decode codes that move along one latent at a time.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        base: Code that provides the other latents, shape ``(D,)``; not modified.
        values: Values that the moving latent takes, in latent units: ``(S,)`` for all latents or ``(D, S)`` for each,
            for example from :func:`traversal_values`. Nine values from -2 to 2 if ``None``.
        latents: Latents to move; all if ``None``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.

    Returns:
        The decoded observations, float32 in data range, with the values.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``base`` is not a tensor.
        ValueError: If a shape is wrong, ``base`` or ``values`` is not finite, a latent does not exist, or
            ``chunk_size < 1``.
    """
    check_chunk_size(chunk_size)
    with assay_mode(autoencoder):
        dim = autoencoder.latent_dim
        base = check_code("base", base, dim)
        rows = check_latents(latents, dim)
        steps = torch.linspace(-2, 2, 9) if values is None else values.detach()
        if steps.ndim == 1:
            steps = steps.expand(dim, -1)
        if steps.ndim != 2 or len(steps) != dim or not steps.numel() or not steps.isfinite().all():
            raise ValueError(
                f"values must be finite, of shape (S,) or (D, S) with D={dim}, got shape {tuple(steps.shape)}"
            )
        steps = steps[list(rows)].to(base)  # (L, S)
        codes = base.repeat(*steps.shape, 1)  # (L, S, D)
        codes[torch.arange(len(rows)), :, list(rows)] = steps
        images = decode_codes(autoencoder, codes.flatten(0, 1), chunk_size=chunk_size)
    return LatentTraversal(images.view(*steps.shape, *images.shape[1:]), steps.cpu(), rows)
