"""Covariance of the codes, and its distance from the identity."""

from typing import NamedTuple

import torch
from torch import Tensor


class CovariancePenalties(NamedTuple):
    """How far a covariance matrix is from the identity.

    Attributes:
        off_diagonal: Sum of squared off-diagonal entries; each pair of latents counts twice.
        diagonal: Sum of squared differences between diagonal entries and 1.
    """

    off_diagonal: Tensor
    diagonal: Tensor


def covariance_of_means(means: Tensor) -> Tensor:
    r"""Return the covariance of the posterior means over the batch, ``(D, D)`` in squared latent units.

    .. math:: \mathrm{Cov}[\mu] = \frac1B \sum_b \mu_b \mu_b^\top - \bar\mu \bar\mu^\top

    Uses divisor ``B`` instead of ``B - 1``, like the code of the 12,600-model study.

    Args:
        means: Posterior means, shape ``(B, D)``.

    References:
        Locatello et al., Challenging Common Assumptions, ICML 2019, arXiv:1811.12359.
    """
    centered = means - means.mean(dim=0)
    # Autocast would round this matrix product to bfloat16.
    with torch.autocast(means.device.type, enabled=False):
        return centered.T @ centered / len(means)


def covariance_of_samples(means: Tensor, log_variances: Tensor) -> Tensor:
    r"""Return the covariance of the aggregate posterior of a batch, ``(D, D)`` in squared latent units.

    .. math:: \mathrm{Cov}[z] = \mathrm{Cov}[\mu] + \mathbb{E}[\mathrm{diag}\, \sigma^2]

    Args:
        means: Posterior means, shape ``(B, D)``.
        log_variances: Log-variances of the posteriors, shape ``(B, D)``.
    """
    return covariance_of_means(means) + torch.diag(log_variances.exp().mean(dim=0))


def covariance_penalties(covariance: Tensor) -> CovariancePenalties:
    r"""Return :math:`\sum_{i \neq j} C_{ij}^2` and :math:`\sum_i (C_{ii} - 1)^2`, in latent units to the fourth power.

    Args:
        covariance: Covariance matrix, shape ``(D, D)``.

    References:
        Kumar et al., Variational Inference of Disentangled Latent Concepts from Unlabeled Observations, ICLR 2018,
        arXiv:1711.00848.
    """
    variances = covariance.diagonal()
    off_diagonal = covariance - torch.diag(variances)
    return CovariancePenalties(off_diagonal.square().sum(), (variances - 1).square().sum())
