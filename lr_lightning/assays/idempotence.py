"""How far codes move in each of several rounds of decoding and encoding."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, latent_units
from lr_lightning.assays.moments import Moments
from lr_lightning.assays.passes import in_passes, samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.assays.response import mean_response
from lr_lightning.common.checks import check_at_least
from lr_lightning.common.printed_result import TableFields, TabularResult


@dataclass(frozen=True, eq=False, repr=False)
class IdempotenceCurve(TabularResult):
    """Step sizes under the response map, as returned by :func:`idempotence_curve`. All tensors are float64 on the CPU.

    Entry ``n`` is the step from the ``n``-th iterate of the response map to the next; entry 0 is the step from the
    start. Steps are in latent units, or in multiples of ``scale`` if given.

    Attributes:
        total: ``(S,)``, Euclidean length of the step, averaged over the starts.
        standard_error: ``(S,)``, standard error of ``total``; NaN for a single start.
        largest: ``(S,)``, length of the longest step.
        latents: ``(S, D)``, mean absolute step of each latent; NaN for an inactive latent.
        inactive: ``(D,)`` bool, latents whose ``scale`` is below the floor; they do not count in the lengths.
        scaled: Whether steps are in multiples of a ``scale``.
        num_samples: Number of starts ``N``.
    """

    table_fields = TableFields("iteration", ("total", "standard_error", "largest"))

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
    r"""Measure how far codes move in each of several rounds of decoding and encoding.

    .. math:: e_n = \mathbb{E}_z \left\| h^{n+1}(z) - h^n(z) \right\|, \quad n = 0, 1, \ldots

    with the response map :math:`h`. The curve is 0 from :math:`n = 1` on if :math:`h` is a projection, and decays as
    :math:`|a|^n` if :math:`h` contracts by a factor :math:`a`. A single round rarely takes a start off the learned
    manifold to a fixed point, so a whole curve is measured.

    Short steps do not imply that a fixed point is near; a slow drift has short steps too. Steps that do not shrink can
    come from a cycle or from divergence; :func:`find_attractors` follows the codes to the end. In float32 the curve
    levels off at about 1e-7 times the norm of the codes.

    Cost: ``num_steps * N`` decoded and as many encoded samples, ``chunk_size`` per pass.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        starts: Codes to start from, shape ``(N, D)``, such as those of :func:`starting_codes`; not modified.
        num_steps: Number of steps ``S``, at least 1.
        scale: Unit of each latent, shape ``(D,)``, such as its posterior standard deviation; 1 if ``None``.
        scale_floor: Latents with a smaller ``scale`` are inactive and do not count in the lengths.
        chunk_size: Starts per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
        progress: Called with the number of starts processed and ``N``.

    Returns:
        The curve. Non-finite responses give NaN from that step on, and one warning.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``starts`` is not a tensor.
        ValueError: If ``starts`` has the wrong shape, is not floating point or not finite, ``num_steps < 1``, ``scale``
            has the wrong shape or negative entries, or ``chunk_size < 1``.

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
    check_at_least("num_steps", num_steps, 1)
    with assay_mode(autoencoder):
        starts = check_codes("starts", starts, autoencoder.latent_dim)
        unit, inactive = latent_units(scale, scale_floor, autoencoder.latent_dim)
        size = samples_per_pass(chunk_size, autoencoder, starts)
        chunks = in_passes(starts, size, progress)
        pooled = reduce(Moments.pool, (Moments.of(_steps(autoencoder, chunk, num_steps, unit)) for chunk in chunks))
    mean, error, maximum = (tensor.cpu() for tensor in (pooled.mean, pooled.standard_error, pooled.maximum))
    if inactive.all():
        warnings.warn("the idempotence curve is undefined: the scale of every latent is below the floor", stacklevel=2)
    elif not mean[:, -1].isfinite().all():
        warnings.warn("the model's responses are not finite, so the idempotence curve is NaN in places", stacklevel=2)
    return IdempotenceCurve(
        total=mean[:, -1],
        standard_error=error[:, -1],
        largest=maximum[:, -1],
        latents=mean[:, :-1],
        inactive=inactive,
        scaled=scale is not None,
        num_samples=pooled.num_samples,
    )


def _steps(autoencoder: Autoencoder, codes: Tensor, num_steps: int, unit: Tensor) -> Tensor:
    """Return the absolute step of each latent and, in the last column, the step's length, (S, n, D + 1) float64."""
    active = ~unit.isnan()
    steps = []
    for _ in range(num_steps):
        moved = mean_response(autoencoder, codes)
        size = (moved.double() - codes.to(moved).double()).abs() / unit.to(moved.device)
        kept = size[:, active.to(moved.device)] if active.any() else size  # all NaN, so that the length is NaN, not 0
        steps.append(torch.cat([size, kept.square().sum(dim=1, keepdim=True).sqrt()], dim=1))
        codes = moved
    return torch.stack(steps)
