"""How far codes still move when they are decoded and encoded again and again."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, latent_units, samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of
from lr_lightning.assays.response import mean_response
from lr_lightning.assays.response_matrix import Moments


@dataclass(frozen=True, eq=False)
class IdempotenceCurve:
    """Movement of codes in each repetition; made by :func:`idempotence_curve`. All tensors are float64 on the CPU.

    Entry ``n`` is the step from the ``n``-th to the next image under the response map; entry 0 is the step from the
    start. Units are latent units, or multiples of ``scale`` if that was given.

    Attributes:
        total: ``(S,)``, mean over the starts of the Euclidean length of the step.
        standard_error: ``(S,)``, standard error of ``total``; NaN for a single start.
        largest: ``(S,)``, length of the longest step.
        latents: ``(S, D)``, mean absolute step of each latent; NaN for an inactive one.
        inactive: ``(D,)`` bool, latents whose ``scale`` lies below the floor, left out of the lengths.
        scaled: Whether steps are in multiples of a ``scale``.
        num_samples: Number of starts ``N``.
    """

    total: Tensor
    standard_error: Tensor
    largest: Tensor
    latents: Tensor
    inactive: Tensor
    scaled: bool
    num_samples: int


def idempotence_curve(
    autoencoder: Autoencoder,
    starts: Tensor,
    *,
    num_steps: int = 8,
    scale: Tensor | None = None,
    scale_floor: float = 0.01,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> IdempotenceCurve:
    r"""Measure how far codes move in each of several repetitions of decoding and encoding.

    .. math:: e_n = \mathbb{E}_z \left\| h^{n+1}(z) - h^n(z) \right\|, \quad n = 0, 1, \dots

    with the response map :math:`h`. It is 0 from :math:`n = 1` on if :math:`h` is a projection, and falls as
    :math:`|a|^n` where :math:`h` contracts by :math:`a`. One repetition does not bring a start off the learned manifold
    to its fixed point, hence the curve.

    Short steps do not say that a fixed point is near: a slow drift has them too. Steps that do not shrink may belong to
    a cycle or to an escape; :func:`find_attractors` follows the codes to the end. In float32 the curve ends at about
    1e-7 of the size of the codes.

    Costs ``num_steps * N`` decoded and as many encoded samples, ``chunk_size`` a pass.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`.
        starts: Codes to start from, shape ``(N, D)``, such as those of :func:`starting_codes`; not written to.
        num_steps: Number of steps ``S``, at least 1.
        scale: Unit of each latent, shape ``(D,)``, such as its posterior standard deviation.
        scale_floor: Latents whose ``scale`` is below it are inactive and left out.
        chunk_size: Starts per pass; 1024, or 32 on a CPU, if ``None``.
        progress: Called with the number of starts that are done and ``N``.

    Returns:
        The curve. A model that answers with numbers that are not finite gives NaN from there on, and one warning.

    Raises:
        TypeError: If ``autoencoder`` or ``starts`` is of another kind.
        ValueError: If ``starts`` has another shape, is not floating point or not finite, ``num_steps < 1``, ``scale``
            has another shape or negative entries, or ``chunk_size < 1``.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> halving = wrap(encode=lambda x: x, decode=lambda z: z / 2, latent_dim=2)
        >>> idempotence_curve(halving, torch.tensor([[3.0, 4.0]]), num_steps=3).total
        tensor([2.5000, 1.2500, 0.6250], dtype=torch.float64)
    """
    check_chunk_size(chunk_size)
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}")
    with assay_mode(autoencoder):
        starts = check_codes("starts", starts, autoencoder.latent_dim)
        unit, inactive = latent_units(scale, scale_floor, autoencoder.latent_dim)
        pooled: Moments | None = None
        done = 0
        for chunk in torch.split(starts, samples_per_pass(chunk_size, device_of(autoencoder, starts))):
            moments = Moments.of(_steps(autoencoder, chunk, num_steps, unit))
            pooled = moments if pooled is None else pooled.pool(moments)
            done += len(chunk)
            if progress is not None:
                progress(done, len(starts))
    assert pooled is not None  # there is at least one start
    count, mean, deviation, maximum = pooled.num_samples, *(tensor.cpu() for tensor in pooled[1:])
    if inactive.all():
        warnings.warn("the idempotence curve is undefined: the scale of every latent is below the floor", stacklevel=2)
    elif not mean[:, -1].isfinite().all():
        warnings.warn("the model's responses are not finite, and neither is the idempotence curve", stacklevel=2)
    error = (deviation / (count - 1) / count).sqrt() if count > 1 else torch.full_like(mean, torch.nan)
    return IdempotenceCurve(
        total=mean[:, -1],
        standard_error=error[:, -1],
        largest=maximum[:, -1],
        latents=mean[:, :-1],
        inactive=inactive,
        scaled=scale is not None,
        num_samples=count,
    )


def _steps(autoencoder: Autoencoder, codes: Tensor, num_steps: int, unit: Tensor) -> Tensor:
    """Return size of each step in each latent, with its length as last column, (S, n, D + 1) float64."""
    active = ~unit.isnan()
    steps = []
    for _ in range(num_steps):
        moved = mean_response(autoencoder, codes)
        size = (moved.double() - codes.to(moved).double()).abs() / unit.to(moved.device)
        kept = size[:, active.to(moved.device)] if active.any() else size  # all NaN
        steps.append(torch.cat([size, kept.square().sum(dim=1, keepdim=True).sqrt()], dim=1))
        codes = moved
    return torch.stack(steps)
