"""Three samplers of codes: the prior, the aggregate posterior, and the product of its marginals."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, check_log_variances, own_generator
from lr_lightning.assays.decoding import decode_codes
from lr_lightning.assays.interventions import prior_samples
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.common.checks import check_at_least
from lr_lightning.common.printed_result import PrintedResult

SAMPLERS = ("prior", "posterior", "hybrid")
"""Names of the samplers, in the order of the rows of :class:`DecodedSamples`."""


def posterior_samples(
    means: Tensor,
    log_variances: Tensor | None = None,
    num_samples: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Draw samples from the aggregate posterior of a data set.

    .. math:: z = \mu(x) + \sigma(x)\,\epsilon, \qquad x \sim \text{data},\ \epsilon \sim \mathcal{N}(0, I)

    Args:
        means: Posterior means, shape ``(N, D)``; not modified.
        log_variances: Log-variances of the posteriors, shape ``(N, D)``; ``None`` for a deterministic code, or to draw
            from the means alone, whose distribution is narrower.
        num_samples: Number of draws ``S``; ``N`` if ``None``. Observations are drawn without replacement if ``S <= N``,
            otherwise with replacement.
        generator: Random generator for the draws, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Shape ``(S, D)``, in the dtype of ``means`` and on their device.

    Raises:
        TypeError: If ``means`` or ``log_variances`` is not a tensor.
        ValueError: If a tensor has the wrong shape, dtype or non-finite entries, ``num_samples < 1``, or
            ``generator`` is not on the CPU.
    """
    means = check_codes("means", means, None)
    generator = own_generator(generator)
    count = len(means) if num_samples is None else num_samples
    check_at_least("num_samples", count, 1)
    if count <= len(means):
        rows = torch.randperm(len(means), generator=generator)[:count]
    else:
        rows = torch.randint(len(means), (count,), generator=generator)
    rows = rows.to(means.device)
    if log_variances is None:
        return means[rows]
    log_variances = check_log_variances(log_variances, means)
    noise = torch.randn(count, means.shape[1], generator=generator).to(means)
    return means[rows] + (0.5 * log_variances[rows.to(log_variances.device)]).exp().to(means) * noise


def hybrid_samples(codes: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Permute each latent independently over a batch of codes.

    This keeps the values of each latent exactly and removes all dependence between latents, so the result is a sample
    from the product of the marginals. If the decoder turns it into plausible observations, the latents control
    mechanisms that can be recombined.

    Args:
        codes: Codes, shape ``(N, D)``, usually from :func:`posterior_samples`; not modified.
        generator: Random generator for the permutations, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Shape ``(N, D)``, on the device of ``codes``.

    Raises:
        TypeError: If ``codes`` is not a tensor.
        ValueError: If ``codes`` is not a finite floating-point matrix, or ``generator`` is not on the CPU.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091; hybrid sampling from Besserve et al., Counterfactuals Uncover the Modular Structure of Deep
        Generative Models, 2020, arXiv:1812.03253.

    Example:
        >>> codes = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
        >>> hybrid_samples(codes).sort(dim=0).values.equal(codes)
        True
    """
    codes = check_codes("codes", codes, None)
    generator = own_generator(generator)
    order = torch.stack([torch.randperm(len(codes), generator=generator) for _ in range(codes.shape[1])], dim=1)
    return codes.gather(0, order.to(codes.device))


@dataclass(frozen=True, eq=False, repr=False)
class DecodedSamples(PrintedResult):
    """Codes of the three samplers and their decodings, as returned by :func:`decoded_samples`. All tensors on the CPU.

    Attributes:
        codes: ``(3, S, D)``, one row per sampler.
        observations: ``(3, S, ...)``, decoded codes, float32 (or float64) in data range.
        samplers: ``("prior", "posterior", "hybrid")``.
    """

    codes: Tensor
    observations: Tensor
    samplers: tuple[str, ...] = SAMPLERS


def decoded_samples(
    autoencoder: Autoencoder,
    means: Tensor,
    num_samples: int = 36,
    *,
    log_variances: Tensor | None = None,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
) -> DecodedSamples:
    """Decode samples from the prior, from the aggregate posterior and from the product of its marginals.

    The hybrid samples are the posterior samples with each latent permuted, so the two differ only in the dependence
    between latents.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        means: Posterior means of a data set, shape ``(N, D)``; not modified.
        num_samples: Samples per sampler ``S``.
        log_variances: As in :func:`posterior_samples`.
        generator: Random generator for the draws, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
            The draws do not depend on it.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or codes are not tensors.
        ValueError: As in :func:`posterior_samples`, or if ``chunk_size < 1``.
    """
    check_chunk_size(chunk_size)
    generator = own_generator(generator)
    with assay_mode(autoencoder):
        means = check_codes("means", means, autoencoder.latent_dim)
        posterior = posterior_samples(means, log_variances, num_samples, generator)
        prior = prior_samples(num_samples, autoencoder.latent_dim, generator).to(posterior)
        codes = torch.stack([prior, posterior, hybrid_samples(posterior, generator)])  # (3, S, D)
        decoded = decode_codes(autoencoder, codes.flatten(0, 1), chunk_size=chunk_size)
    return DecodedSamples(codes.cpu(), torch.unflatten(decoded, 0, (len(SAMPLERS), num_samples)))
