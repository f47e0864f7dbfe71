"""The geometry that the decoder induces on the latent space: how much a step in each direction changes the output."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, check_latents
from lr_lightning.assays.differentiation import jacobian_by_columns
from lr_lightning.assays.passes import in_passes, samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, placement
from lr_lightning.common.printed_result import TableFields, TabularResult

LARGEST_PASS = 64
"""Default limit on codes per pass: each needs a Jacobian (P, D), 3 MiB for 64 latents and 64x64 RGB images."""


@dataclass(frozen=True, eq=False, repr=False)
class DecoderGeometry(TabularResult):
    """Pullback metric of a decoder, as returned by :func:`decoder_geometry`. All tensors are float64 on the CPU.

    ``L`` is the number of latents that the metric covers.

    Attributes:
        mean_metric: ``(L, L)``, metric averaged over the codes, in squared data units per squared latent unit.
        singular_values: ``(N, L)``, singular values of the decoder's Jacobian, largest first: the change of the
            observation, in data units, for a step of one latent unit along each principal axis of the metric.
        log_magnification: ``(N,)``, log (nats) of the factor by which the decoder scales latent volume; ``-inf`` where
            the metric is rank-deficient.
        condition_number: ``(N,)``, ratio of the metric's largest to its smallest eigenvalue, at least 1; ``inf`` where
            the metric is rank-deficient.
        off_diagonal_share: ``(N,)`` in ``[0, 1]``, off-diagonal fraction of the sum of the metric's squared entries: 0
            if the latents change the output in orthogonal directions. NaN where the metric is 0.
        rank: ``(N,)``, number of singular values above round-off. Like all fields per code, NaN where the metric is not
            finite.
        latents: The latents of the metric's rows.
    """

    table_fields = TableFields("code", ("log_magnification", "condition_number", "off_diagonal_share", "rank"))

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
    r"""Compute at each code the metric that the decoder pulls back from the observations to the latents.

    .. math:: G = J_g^\top J_g, \qquad \log \text{magnification} = \tfrac{1}{2} \log \det G

    with the Jacobian :math:`J_g` of the decoder's mean output over all pixels and channels. Observations are compared
    by Euclidean distance, in which a pixel at the edge of an object counts as much as a pixel of noise. A passive
    latent makes the magnification small and the condition number large regardless of the others; exclude it with
    ``latents``.

    A singular value counts as 0 if it is below the round-off of the model's precision: in float32, about 1e-7 times the
    square root of the number of latents times the largest singular value. With more latents than data dimensions every
    metric is rank-deficient.

    Samples of a batch must not influence each other, which holds for ordinary layers in evaluation mode.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`. Its decoder must be twice differentiable by
            back-propagation, as PyTorch's layers are.
        codes: Codes, shape ``(N, D)``; not modified.
        latents: Latents that the metric covers; all if ``None``.
        chunk_size: Codes per pass; 64, or 32 on a CPU, if ``None``, fewer for large images.
            The Jacobians of a pass are kept in memory.
        progress: Called after each pass with the number of codes processed and ``N``.

    Returns:
        The metric, its singular values and the quantities derived from them at each code. Rank-deficient metrics have
        log magnification ``-inf`` and condition number ``inf``, with a single warning. Non-finite Jacobians give NaN.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``codes`` is not a tensor.
        ValueError: If ``codes`` has the wrong shape, is not floating point or not finite, a latent does not exist or
            repeats, the decoder blocks gradients, or ``chunk_size < 1``.

    References:
        Arvanitidis et al., Latent Space Oddity: on the Curvature of Deep Generative Models, ICLR 2018,
        arXiv:1710.11379 (whose metric includes the decoder's variance as well).

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
        kept = check_latents(latents, dim, distinct=True)
        device, dtype = placement(autoencoder)
        size = samples_per_pass(chunk_size, autoencoder, codes, largest=LARGEST_PASS)
        total = torch.zeros(len(kept), len(kept), dtype=torch.float64)
        parts: list[tuple[Tensor, ...]] = []
        for chunk in in_passes(codes, size, progress):
            moved = chunk.to(device=device, dtype=dtype)
            metrics = _metrics(autoencoder, moved, kept)
            total += metrics.sum(dim=0)
            parts.append(_describe(metrics, torch.finfo(moved.dtype).eps))
    singular, volume, ratio, share, rank = (torch.cat(column) for column in zip(*parts, strict=True))
    _warn_about_rank(rank, len(kept))
    return DecoderGeometry(total / len(codes), singular, volume, ratio, share, rank, kept)


def _metrics(autoencoder: Autoencoder, codes: Tensor, latents: tuple[int, ...]) -> Tensor:
    """Return the metrics (n, L, L) float64 of codes (n, D) on the CPU."""

    def decode(chosen: Tensor) -> Tensor:
        """Decode codes whose ``latents`` are ``chosen`` (n, L), the only ones to differentiate by."""
        whole = codes.clone()
        whole[:, list(latents)] = chosen
        return autoencoder.decode(whole).flatten(1)

    jacobians = jacobian_by_columns(decode, codes[:, list(latents)]).double()  # (n, P, L)
    return (jacobians.mT @ jacobians).cpu()


def _describe(metrics: Tensor, precision: float) -> tuple[Tensor, ...]:
    """Return singular values (n, L), log magnification, condition number, off-diagonal share and rank, each (n,)."""
    finite = metrics.isfinite().all(dim=(1, 2))
    defined = metrics.masked_fill(~finite[:, None, None], 0.0)
    singular = torch.linalg.eigvalsh(defined).flip(1).clamp_min(0).sqrt()
    # Two sources of round-off: the model's precision, and the metric's float64. The latter holds squares of singular
    # values with relative error eps, so singular values themselves with relative error sqrt(eps).
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


def _warn_about_rank(rank: Tensor, num_latents: int) -> None:
    """Warn, at most once, about metrics that are not finite or rank-deficient."""
    if rank.isnan().any():
        warnings.warn(f"the metric is not finite at {int(rank.isnan().sum())} of {len(rank)} codes", stacklevel=3)
    elif (rank < num_latents).any():
        warnings.warn(
            f"the metric is rank-deficient at {int((rank < num_latents).sum())} of {len(rank)} codes, where the log "
            "magnification is -inf and the condition number inf; exclude passive latents with `latents`",
            stacklevel=3,
        )
