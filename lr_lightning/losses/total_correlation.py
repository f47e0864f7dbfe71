"""Decomposition of the KL divergence from the prior into three parts, estimated within a batch."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least

Estimator = Literal["weighted", "stratified"]


class KLParts(NamedTuple):
    """Scalars in nats per observation that sum to the mean of log q(z|x) - log p(z) over the samples.

    Attributes:
        mutual_information: Mutual information between observations and codes.
        total_correlation: Dependence between the latents.
        dimension_wise_kl: KL divergence of each latent's aggregate posterior from the prior, summed over latents.
    """

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_wise_kl: Tensor


def decompose_kl(samples: Tensor, means: Tensor, log_variances: Tensor, log_weights: Tensor) -> KLParts:
    r"""Decompose the KL divergence of Gaussian posteriors from the standard normal prior.

    .. math:: \mathbb{E}_x \mathrm{KL}(q(z|x) \| p(z)) = I_q(z; x)
        + \mathrm{KL}\Bigl(q(z) \,\|\, \prod_d q(z_d)\Bigr) + \sum_d \mathrm{KL}(q(z_d) \| p(z_d))

    The aggregate posterior is estimated from the batch as :math:`q(z_i) \approx \sum_j w_{ij} \, q(z_i|x_j)`, and its
    marginals in the same way. The parts sum to the same total for any weights, but each part depends on the weights.
    Memory grows as ``B * B * D``.

    Args:
        samples: One sample of each posterior, shape ``(B, D)``.
        means: Posterior means, shape ``(B, D)``.
        log_variances: Log-variances of the posteriors, shape ``(B, D)``.
        log_weights: Logarithms of :math:`w_{ij}`, shape ``(B, B)``: row ``i`` is for sample ``i``, column ``j`` for
            posterior ``j``. See :data:`ESTIMATORS`.

    References:
        Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018, arXiv:1802.04942.
    """
    inverse_std = (-0.5 * log_variances).exp()
    # (z - mean) / std as z / std - mean / std, so that autograd need not save the difference, of shape (B, B, D).
    standardized = torch.addcmul(-means * inverse_std, samples[:, None], inverse_std)  # (B, B, D)
    # The constant D / 2 log 2 pi is omitted here and in the prior, where it cancels.
    log_densities = torch.addcmul(-0.5 * log_variances, standardized, standardized, value=-0.5)  # (B, B, D)
    own = log_densities.diagonal(dim1=0, dim2=1).sum(dim=0)  # (B,), log q(z|x)
    joint = (log_densities.sum(dim=2) + log_weights).logsumexp(dim=1)  # (B,), log q(z)
    marginals = (log_densities + log_weights[:, :, None]).logsumexp(dim=1)  # (B, D), log q(z_d)
    prior = -0.5 * samples.square()
    return KLParts(
        mutual_information=(own - joint).mean(),
        total_correlation=(joint - marginals.sum(dim=1)).mean(),
        dimension_wise_kl=(marginals - prior).sum(dim=1).mean(),
    )


def weighted_log_weights(batch_size: int, dataset_size: int, device: torch.device | None = None) -> Tensor:
    r"""Return the log-weights of minibatch weighted sampling: :math:`\log 1 / (B N)` for all pairs, shape ``(B, B)``.

    The estimate of :math:`\log q(z)` is too low by up to :math:`\log N`, since a row of weights sums to :math:`1 / N`.
    If the batch is the entire data set, mutual information is too high by :math:`\log N`, total correlation too high by
    :math:`(D - 1) \log N` and dimension-wise KL too low by :math:`D \log N` nats; for smaller batches, the bias is
    about the same. Gradients do not depend on this constant.

    Args:
        batch_size: Number of observations in the batch, ``B``.
        dataset_size: Number of observations in the data set, ``N``.
        device: Device of the weights.

    Raises:
        ValueError: If the data set is smaller than the batch.

    References:
        Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018, arXiv:1802.04942.
    """
    check_at_least("dataset_size", dataset_size, batch_size)
    return torch.full((batch_size, batch_size), -math.log(batch_size * dataset_size), device=device)


def stratified_log_weights(batch_size: int, dataset_size: int, device: torch.device | None = None) -> Tensor:
    r"""Return the log-weights of minibatch stratified sampling, shape ``(B, B)``; rows of weights sum to 1.

    The weight is :math:`1 / N` for a sample's own posterior, :math:`(N - M) / N M` for the next one (cyclically), and
    :math:`1 / M` for the others, with :math:`M = B - 1`. For batches drawn without replacement, the estimate of
    :math:`q(z)` is unbiased. The estimate of its logarithm is too low, especially if few posteriors in the batch
    overlap a sample. In a batch of one, the weight is 1.

    Args:
        batch_size: Number of observations in the batch, ``B``.
        dataset_size: Number of observations in the data set, ``N``.
        device: Device of the weights.

    Raises:
        ValueError: If the data set is smaller than the batch.

    References:
        Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018, arXiv:1802.04942, appendix.
    """
    check_at_least("dataset_size", dataset_size, batch_size)
    if batch_size == 1:
        return torch.zeros(1, 1, device=device)
    others = batch_size - 1
    own = torch.eye(batch_size, dtype=torch.bool, device=device)
    following = own.roll(1, dims=1)
    weights = torch.full((batch_size, batch_size), -math.log(others), device=device)
    weights = weights.masked_fill(following, math.log((dataset_size - others) / (dataset_size * others)))
    return weights.masked_fill(own, -math.log(dataset_size))


ESTIMATORS: dict[Estimator, Callable[[int, int, torch.device | None], Tensor]] = {
    "weighted": weighted_log_weights,
    "stratified": stratified_log_weights,
}
"""Log-weights of the estimators of the aggregate posterior by name."""
