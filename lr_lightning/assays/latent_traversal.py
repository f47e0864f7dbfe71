"""Decoded images along each latent axis."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, samples_per_pass
from lr_lightning.assays.encoding import to_float32
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of, placement


@dataclass(frozen=True, eq=False)
class LatentTraversal:
    """Decoded observations along latent axes; made by :func:`latent_traversal`. All tensors are on the CPU.

    Attributes:
        images: ``(L, S, C, H, W)``: row ``l`` moves one latent through ``S`` values, the others stand at the base code.
        values: ``(L, S)``, those values in latent units.
        latents: The latent of each row.
    """

    images: Tensor
    values: Tensor
    latents: tuple[int, ...]


def traversal_values(codes: Tensor, num_steps: int = 9, width: float = 2.0) -> Tensor:
    """Return steps from ``mean - width * std`` to ``mean + width * std`` of each latent over ``codes`` (N, D).

    Args:
        codes: Posterior means, shape ``(N, D)``.
        num_steps: Number of steps ``S``, at least 2.
        width: Half of the range, in standard deviations.

    Returns:
        Shape ``(D, S)``.

    Raises:
        ValueError: If ``num_steps < 2`` or ``codes`` is no finite floating-point matrix.
    """
    if num_steps < 2:
        raise ValueError(f"num_steps must be at least 2, got {num_steps}")
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
        autoencoder: Model under study; left as it was, see :func:`assay_mode`.
        base: Code at which the other latents stand, shape ``(D,)``; not written to.
        values: Values that the moving latent takes, in latent units: ``(S,)`` for all latents or ``(D, S)`` for each,
            such as those of :func:`traversal_values`. Nine steps from -2 to 2 if ``None``.
        latents: Latents to move; all if ``None``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``.

    Returns:
        The decoded observations, float32 in data range, with the values.

    Raises:
        TypeError: If ``autoencoder`` or ``base`` is of another kind.
        ValueError: If a shape is wrong, ``base`` or ``values`` is not finite, there is no such latent, or
            ``chunk_size < 1``.
    """
    check_chunk_size(chunk_size)
    with assay_mode(autoencoder):
        dim = autoencoder.latent_dim
        if isinstance(base, Tensor) and base.ndim != 1:
            raise ValueError(f"base must be one code of shape (D,), got {tuple(base.shape)}")
        base = check_codes("base", base[None], dim)[0]
        rows = tuple(range(dim)) if latents is None else tuple(latents)
        if not rows or not all(0 <= latent < dim for latent in rows):
            raise ValueError(f"latents must be some of 0..{dim - 1}, got {list(rows)}")
        steps = torch.linspace(-2, 2, 9) if values is None else values.detach()
        if steps.ndim == 1:
            steps = steps.expand(dim, -1)
        if steps.ndim != 2 or len(steps) != dim or not steps.numel() or not steps.isfinite().all():
            raise ValueError(f"values must be finite, (S,) or (D, S) with D={dim}, got shape {tuple(steps.shape)}")
        steps = steps[list(rows)].to(base)  # (L, S)
        codes = base.repeat(*steps.shape, 1)  # (L, S, D)
        codes[torch.arange(len(rows)), :, list(rows)] = steps
        device, dtype = placement(autoencoder)
        size = samples_per_pass(chunk_size, device_of(autoencoder, codes))
        chunks = torch.split(codes.flatten(0, 1).to(device=device, dtype=dtype), size)
        images = torch.cat([to_float32(autoencoder.decode(chunk)).cpu() for chunk in chunks])
    return LatentTraversal(images.view(*steps.shape, *images.shape[1:]), steps.cpu(), rows)
