"""The divergence from the prior in three parts, estimated within a batch."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Estimator = Literal["weighted", "stratified"]


class KLParts(NamedTuple):
    """Scalars in nats per observation that add up to the mean of log q(z|x) - log p(z) over the samples.

    Attributes:
        mutual_information: Between observations and codes.
        total_correlation: Dependence among the latents.
        dimension_wise_kl: Divergence of each latent's aggregate posterior from the prior, summed over latents.
    """

    mutual_information: Tensor
    total_correlation: Tensor
    dimension_wise_kl: Tensor


def decompose_kl(samples: Tensor, means: Tensor, log_variances: Tensor, log_weights: Tensor) -> KLParts:
    r"""Split the divergence of Gaussian posteriors from the standard normal prior.

    .. math:: \mathbb{E}_x \mathrm{KL}(q(z|x) \| p(z)) = I_q(z; x)
        + \mathrm{KL}\Big(q(z) \Big\| \prod_d q(z_d)\Big) + \sum_d \mathrm{KL}(q(z_d) \| p(z_d))

    with the aggregate posterior estimated from the batch, :math:`q(z_i) \approx \sum_j w_{ij} \, q(z_i|x_j)`, and in
    the same way that of each latent. Whatever the weights, the parts add up; what each of them is depends on the
    weights. Memory grows as ``B * B * D``.

    Args:
        samples: One sample of each posterior, shape ``(B, D)``.
        means: Posterior means, shape ``(B, D)``.
        log_variances: Logarithms of the posterior variances, shape ``(B, D)``.
        log_weights: Logarithms of :math:`w_{ij}`, shape ``(B, B)``: row ``i`` belongs to sample ``i``, column ``j`` to
            posterior ``j``. :data:`ESTIMATORS` make them.

    References:
        Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018, arXiv:1802.04942.
    """
    inverse_std = (-0.5 * log_variances).exp()
    # (z - mean) / std as z / std - mean / std: the difference, of shape (B, B, D), need not be kept for the gradients.
    standardized = torch.addcmul(-means * inverse_std, samples[:, None], inverse_std)  # (B, B, D)
    # Here and in the prior without D / 2 log 2 pi, which cancels.
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
    r"""Return the weights of minibatch weighted sampling: :math:`\log 1 / (B N)` for all, shape ``(B, B)``.

    The estimate of :math:`\log q(z)` is low by up to :math:`\log N`, since a row of weights sums to :math:`1 / N`. With
    the whole data set as the batch, mutual information reads :math:`\log N` too high, total correlation
    :math:`(D - 1) \log N` too high and dimension-wise KL :math:`D \log N` too low, in nats; with less than that
    about as much. Gradients do not depend on the constant.

    Args:
        batch_size: Observations in the batch, ``B``.
        dataset_size: Observations in the data set, ``N``.
        device: Where the weights are wanted.

    Raises:
        ValueError: If the data set is smaller than the batch.

    References:
        Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018, arXiv:1802.04942.
    """
    _check_sizes(batch_size, dataset_size)
    return torch.full((batch_size, batch_size), -math.log(batch_size * dataset_size), device=device)


def stratified_log_weights(batch_size: int, dataset_size: int, device: torch.device | None = None) -> Tensor:
    r"""Return the weights of minibatch stratified sampling, shape ``(B, B)``; rows of weights sum to 1.

    A sample's own posterior weighs :math:`1 / N`, the next one (cyclically) :math:`(N - M) / N M`, and the others
    :math:`1 / M`, with :math:`M = B - 1`. Over batches drawn without replacement the estimate of :math:`q(z)` has no
    bias; that of its logarithm is low, the more so the fewer posteriors of the batch reach a sample. A batch of one
    stands for itself.

    Args:
        batch_size: Observations in the batch, ``B``.
        dataset_size: Observations in the data set, ``N``.
        device: Where the weights are wanted.

    Raises:
        ValueError: If the data set is smaller than the batch.

    References:
        Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018, arXiv:1802.04942, appendix.
    """
    _check_sizes(batch_size, dataset_size)
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


def _check_sizes(batch_size: int, dataset_size: int) -> None:
    if dataset_size < batch_size:
        raise ValueError(f"dataset_size must be at least that of the batch, {batch_size}, got {dataset_size}")
