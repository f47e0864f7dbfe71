"""Whether latents act on observations independently of each other."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, own_generator
from lr_lightning.assays.encoding import to_float32
from lr_lightning.assays.passes import in_passes, samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, placement
from lr_lightning.common.printed_result import TableFields, TabularResult


@dataclass(frozen=True, eq=False, repr=False)
class DecoderInteraction(TabularResult):
    """Shares of latents and of pairs of latents in the variance of decoded observations.

    Made by :func:`decoder_interaction`. All tensors are float64 on the CPU; NaN if the variance is 0 or not finite.

    Attributes:
        matrix: ``(D, D)``, symmetric. Off the diagonal, the share of the variance that comes from terms with both
            latents; 0 if their effects add. On the diagonal, the share that comes from terms with the latent; 0 if the
            decoder ignores it.
        mean_order: Mean number of latents in a term, weighted with its variance: 1 for an additive decoder, at most
            ``D``.
        mean_order_error: Standard error of ``mean_order``; NaN for a single code.
        interaction: Mean number of pairs of latents in a term: 0 for an additive decoder, at most ``D (D - 1) / 2``.
        interaction_error: Standard error of ``interaction``; NaN for a single code.
        variance: Variance of observations, summed over their values, in squared units of the data.
        num_samples: Number of codes ``N``.
    """

    table_fields = TableFields("latent", matrix="matrix", columns="other latent")

    matrix: Tensor
    mean_order: float
    mean_order_error: float
    interaction: float
    interaction_error: float
    variance: float
    num_samples: int


def decoder_interaction(
    autoencoder: Autoencoder,
    codes: Tensor,
    *,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DecoderInteraction:
    r"""Measure how strongly latents interact in the decoder.

    For independent latents, the decoder is a sum of terms of none, one, two and more latents, :math:`g(z) = \sum_u
    g_u(z_u)`, that are uncorrelated, and its variance is :math:`\sigma^2 = \sum_{u \ne \emptyset} \sigma_u^2`. Replace
    latents of :math:`z` by those of another code :math:`z'`; then

    .. math:: T_i = \tfrac12 \mathbb{E} \| g(z_{i \leftarrow z'}) - g(z) \|^2 = \sum_{u \ni i} \sigma_u^2, \qquad
        \Upsilon_{ij} = \tfrac14 \mathbb{E}
        \| g(z_{ij \leftarrow z'}) - g(z_{i \leftarrow z'}) - g(z_{j \leftarrow z'}) + g(z) \|^2
        = \sum_{u \ni i, j} \sigma_u^2

    The first is 0 for a latent that the decoder ignores. The second is 0 for two latents whose effects add up, e.g.
    because they change different pixels. It is large if the effect of one depends on the other, as for the position and
    the color of an object. The matrix has :math:`T_i / \sigma^2` and :math:`\Upsilon_{ij} / \sigma^2`. Their sums are
    the mean of :math:`|u|` and of :math:`|u| (|u| - 1) / 2` over terms weighted with :math:`\sigma_u^2`:

    .. math:: \mathrm{mean\ order} = \sum_i T_i / \sigma^2, \qquad \mathrm{interaction} = \sum_{i<j} \Upsilon_{ij} /
        \sigma^2

    ``z`` and ``z'`` are drawn from the product of the marginal distributions of ``codes``: each latent is shuffled
    separately, twice. If latents depend on each other, the decoder receives combinations that do not occur in the data.
    The variance is half the mean squared distance of :math:`g(z)` and :math:`g(z')`, which makes the mean order of a
    decoder with orthogonal effects 1 for any codes. With few codes, shares are noisy. On average, one code in ``N``
    donates to itself, which lowers the shares of pairs by a fraction of about ``1 / N``.

    Cost: ``N (2 + D (D + 1) / 2)`` decoded samples, ``chunk_size`` per pass.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`. Its encoder is not used.
        codes: Codes whose marginal distributions are used, shape ``(N, D)``; not modified.
        generator: Random generator for the shuffles, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
            The draws do not depend on it.
        progress: Called with the number of codes processed and ``N``.

    Returns:
        The shares. NaN with one warning if the decoder's output does not vary or is not finite.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``codes`` is not a tensor.
        ValueError: If ``codes`` has the wrong shape, is not floating point or not finite, or ``chunk_size < 1``.

    References:
        Liu and Owen, Estimating Mean Dimensionality of Analysis of Variance Decompositions, Journal of the American
        Statistical Association, 2006, for both sums; Lachapelle et al., Additive Decoders for Latent Variables
        Identification and Cartesian-Product Extrapolation, NeurIPS 2023, arXiv:2307.02598, on the properties of
        additive decoders.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> codes = torch.tensor([[-1.0, -1.0], [1.0, 1.0]]).repeat(500, 1)
        >>> adding = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=2)
        >>> decoder_interaction(adding, codes).interaction
        0.0
        >>> gating = wrap(encode=lambda x: x, decode=lambda z: z.prod(dim=1, keepdim=True), latent_dim=2)
        >>> 1.8 < decoder_interaction(gating, codes).mean_order < 2.2
        True
    """
    check_chunk_size(chunk_size)
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim)
        generator = own_generator(generator)
        base, donors = (_shuffled(codes, generator) for _ in range(2))
        size = samples_per_pass(chunk_size, autoencoder, codes)
        chunks = zip(in_passes(base, size, progress), torch.split(donors, size), strict=True)
        terms, distances = zip(*[_measure(autoencoder, *chunk) for chunk in chunks], strict=True)
    return _shares(torch.cat(terms), torch.cat(distances))


def _shuffled(codes: Tensor, generator: torch.Generator) -> Tensor:
    """Return ``codes`` (N, D) with each latent shuffled separately."""
    orders = torch.stack([torch.randperm(len(codes), generator=generator) for _ in range(codes.shape[1])], dim=1)
    return codes.gather(0, orders.to(codes.device))


def _measure(autoencoder: Autoencoder, codes: Tensor, donors: Tensor) -> tuple[Tensor, Tensor]:
    """Return the terms ``(n, D, D)`` whose means are ``T`` and ``Upsilon``, and those of the variance ``(n,)``."""
    latent_dim = codes.shape[1]
    device, dtype = placement(autoencoder)

    def decoded(*replaced: int) -> Tensor:
        mixed = codes.clone()
        mixed[:, replaced] = donors[:, replaced]
        observations: Tensor = autoencoder.decode(mixed.to(device=device, dtype=dtype))
        return to_float32(observations).reshape(len(codes), -1)

    unchanged = decoded()
    effects = [decoded(latent) - unchanged for latent in range(latent_dim)]
    terms = torch.empty(len(codes), latent_dim, latent_dim, dtype=torch.float64)
    for i, effect in enumerate(effects):
        terms[:, i, i] = _squares(effect) / 2
        for j in range(i):
            joint = decoded(i, j) - unchanged - effect - effects[j]
            terms[:, i, j] = terms[:, j, i] = _squares(joint) / 4
    return terms, _squares(decoded(*range(latent_dim)) - unchanged) / 2


def _squares(differences: Tensor) -> Tensor:
    """Return the squared length of each row of ``differences`` (n, P) as float64 on the CPU."""
    return differences.double().square().sum(dim=1).cpu()


def _shares(terms: Tensor, distances: Tensor) -> DecoderInteraction:
    variance = distances.mean()
    if not (variance > 0 and terms.isfinite().all() and distances.isfinite().all()):
        reason = "the decoder's output does not vary" if variance == 0 else "the decoder's output is not finite"
        warnings.warn(f"decoder interaction is undefined: {reason}", stacklevel=3)
        variance = variance * torch.nan
    orders = terms.diagonal(dim1=1, dim2=2).sum(dim=1)
    pairs = (terms.sum(dim=(1, 2)) - orders) / 2
    (order, order_error), (interaction, interaction_error) = (
        _ratio(part, distances, variance) for part in (orders, pairs)
    )
    return DecoderInteraction(
        matrix=terms.mean(dim=0) / variance,
        mean_order=order,
        mean_order_error=order_error,
        interaction=interaction,
        interaction_error=interaction_error,
        variance=float(variance),
        num_samples=len(terms),
    )


def _ratio(parts: Tensor, distances: Tensor, variance: Tensor) -> tuple[float, float]:
    """Return the mean of ``parts`` (N,) over ``variance``, the mean of ``distances``, and its standard error."""
    ratio = parts.mean() / variance
    if len(parts) < 2:
        return float(ratio), float("nan")
    residuals = (parts - ratio * distances) / variance  # delta method
    return float(ratio), float(residuals.std() / len(parts) ** 0.5)
