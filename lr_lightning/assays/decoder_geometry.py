"""The geometry that the decoder gives to the latent space: how much a step of a code changes what is decoded."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, samples_per_pass
from lr_lightning.assays.differentiation import jacobian_by_columns
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of, placement

LARGEST_PASS = 64
"""Codes per pass by default at most: a pass holds the Jacobian of each, (P, D), 3 MiB for 64 latents and RGB images."""


@dataclass(frozen=True, eq=False)
class DecoderGeometry:
    """Metric that a decoder pulls back to the latents; made by :func:`decoder_geometry`. All tensors float64, CPU.

    ``L`` is the number of latents that were looked at.

    Attributes:
        mean_metric: ``(L, L)``, metric averaged over the codes, in squared data units per squared latent unit.
        singular_values: ``(N, L)``, those of the decoder's Jacobian, largest first: changes of the observation in data
            units for a step of one latent unit along each axis of the metric.
        log_magnification: ``(N,)``, logarithm (nats) of the volume of the image of a unit of latent volume; ``-inf``
            where the metric is rank-deficient.
        condition_number: ``(N,)``, largest over smallest eigenvalue of the metric, at least 1; ``inf`` where it is
            rank-deficient.
        off_diagonal_share: ``(N,)`` in ``[0, 1]``, share of the squared entries of the metric off its diagonal: 0 if
            the latents change what is decoded in orthogonal directions. NaN where the metric is 0.
        rank: ``(N,)``, number of singular values above round-off; NaN, as all others, where the metric is not finite.
        latents: The latents of the metric's rows.
    """

    mean_metric: Tensor
    singular_values: Tensor
    log_magnification: Tensor
    condition_number: Tensor
    off_diagonal_share: Tensor
    rank: Tensor
    latents: tuple[int, ...]


def decoder_geometry(
    autoencoder: Autoencoder,
    codes: Tensor,
    *,
    latents: Sequence[int] | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DecoderGeometry:
    r"""Measure at each code the metric that the decoder pulls back from the observations.

    .. math:: G = J_g^\top J_g, \qquad \log \text{magnification} = \tfrac{1}{2} \log \det G

    with the Jacobian :math:`J_g` of the decoder's mean, over all pixels and channels. It uses the Euclidean distance of
    observations, which weighs a pixel on the edge of an object like one of noise. A passive latent makes the
    magnification small and the condition number large, whatever the others do: leave it out by ``latents``.

    A singular value counts as 0 if it is below the round-off of the model's precision, about 1e-7 times the square root
    of the number of latents times the largest one in float32; below that nothing can be said. With more latents than
    data dimensions every metric is rank-deficient.

    Samples must not influence each other, which holds in evaluation mode.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`. Its decoder must let gradients pass, and
            be twice differentiable by back-propagation, as the layers of torch are.
        codes: Codes, shape ``(N, D)``; not written to.
        latents: Latents to look at; all if ``None``.
        chunk_size: Codes per pass; 64, or 32 on a CPU, if ``None``. A pass holds its Jacobians.
        progress: Called after each pass with the codes that are done and ``N``.

    Returns:
        Metric, singular values and what follows of them at each code. Rank-deficient metrics have the logarithm
        ``-inf`` and the condition ``inf``, with one warning in all; a Jacobian that is not finite gives NaN.

    Raises:
        TypeError: If ``autoencoder`` or ``codes`` is of another kind.
        ValueError: If ``codes`` has another shape, is not floating point or not finite, there are no such latents,
            gradients do not pass, or ``chunk_size < 1``.

    References:
        Arvanitidis et al., Latent Space Oddity: on the Curvature of Deep Generative Models, ICLR 2018,
        arXiv:1710.11379 (there with the decoder's variance as well).

    Example:
        >>> from lr_lightning.assays import wrap
        >>> stretching = wrap(encode=lambda x: x, decode=lambda z: z * torch.tensor([3.0, 1.0]), latent_dim=2)
        >>> decoder_geometry(stretching, torch.zeros(1, 2)).condition_number
        tensor([9.], dtype=torch.float64)
    """
    check_chunk_size(chunk_size)
    with assay_mode(autoencoder):
        dim = autoencoder.latent_dim
        codes = check_codes("codes", codes, dim)
        kept = tuple(range(dim)) if latents is None else tuple(latents)
        if not kept or not all(0 <= latent < dim for latent in kept) or len(set(kept)) < len(kept):
            raise ValueError(f"latents must be some of 0..{dim - 1}, each once, got {list(kept)}")
        device, dtype = placement(autoencoder)
        size = min(samples_per_pass(chunk_size, device_of(autoencoder, codes)), chunk_size or LARGEST_PASS)
        total = torch.zeros(len(kept), len(kept), dtype=torch.float64)
        parts: list[tuple[Tensor, ...]] = []
        done = 0
        for chunk in torch.split(codes, size):
            moved = chunk.to(device=device, dtype=dtype)
            metrics = _metrics(autoencoder, moved, kept)
            total += metrics.sum(dim=0)
            parts.append(_describe(metrics, torch.finfo(moved.dtype).eps))
            done += len(chunk)
            if progress is not None:
                progress(done, len(codes))
    singular, volume, ratio, share, rank = (torch.cat(column) for column in zip(*parts, strict=True))
    _warn_of(rank, len(kept))
    return DecoderGeometry(total / len(codes), singular, volume, ratio, share, rank, kept)


def _metrics(autoencoder: Autoencoder, codes: Tensor, latents: tuple[int, ...]) -> Tensor:
    """Return the metrics (n, L, L) float64 of codes (n, D) on the CPU."""

    def decode(moving: Tensor) -> Tensor:
        whole = codes.clone()
        whole[:, list(latents)] = moving
        return autoencoder.decode(whole).flatten(1)

    jacobians = jacobian_by_columns(decode, codes[:, list(latents)]).double()  # (n, P, L)
    return (jacobians.mT @ jacobians).cpu()


def _describe(metrics: Tensor, precision: float) -> tuple[Tensor, ...]:
    """Return singular values (n, L), log magnification, condition, off-diagonal share and rank (n,) of metrics."""
    finite = metrics.isfinite().all(dim=(1, 2))
    defined = metrics.masked_fill(~finite[:, None, None], 0.0)
    singular = torch.linalg.eigvalsh(defined).flip(1).clamp_min(0).sqrt()
    # What the model rounds, and what the metric does: of the squares in float64, the root.
    round_off = metrics.shape[1] ** 0.5 * max(precision, torch.finfo(torch.float64).eps ** 0.5)
    above = singular > round_off * singular[:, :1]
    full = above.all(dim=1)
    volume = singular.log().sum(dim=1).masked_fill(~full, -torch.inf)
    ratio = (singular[:, 0] / singular[:, -1]).square().masked_fill(~full, torch.inf)
    squares = defined.square()
    total = squares.sum(dim=(1, 2))
    share = (total - squares.diagonal(dim1=1, dim2=2).sum(dim=1)).clamp_min(0) / total
    per_code = (volume, ratio, share, above.sum(dim=1).double())
    undefined = ~finite
    return singular.masked_fill(undefined[:, None], torch.nan), *(x.masked_fill(undefined, torch.nan) for x in per_code)


def _warn_of(rank: Tensor, num_latents: int) -> None:
    """Warn, at most once, of metrics that are not finite or lack rank."""
    if rank.isnan().any():
        warnings.warn(f"the metric is not finite at {int(rank.isnan().sum())} of {len(rank)} codes", stacklevel=3)
    elif (rank < num_latents).any():
        warnings.warn(
            f"the metric is rank-deficient at {int((rank < num_latents).sum())} of {len(rank)} codes: log "
            "magnification -inf and condition number inf there; leave passive latents out",
            stacklevel=3,
        )
