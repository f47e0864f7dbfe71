"""Kullback-Leibler divergence of a diagonal Gaussian posterior from the standard normal prior."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor

KLForm = Literal["gaussian", "leeb2022"]


def gaussian_kl(means: Tensor, log_variances: Tensor) -> Tensor:
    r"""Return the KL divergence of each latent, ``(B, D)`` in nats.

    .. math:: \mathrm{KL} = \tfrac12 (\mu^2 + \sigma^2 - \log \sigma^2 - 1)

    Args:
        means: Posterior means, shape ``(B, D)``.
        log_variances: Log-variances of the posteriors, shape ``(B, D)``.
    """
    return 0.5 * (means.square() + log_variances.exp() - log_variances - 1)


def leeb2022_kl(means: Tensor, log_variances: Tensor) -> Tensor:
    r"""Return the term that the released code of Leeb et al. (arXiv:2106.16091) uses as KL divergence, ``(B, D)``.

    It has the standard deviation in place of the variance:

    .. math:: \tfrac12 (\mu^2 + \sigma - \log \sigma - 1)

    This is not a divergence between Gaussians; use it only to reproduce their runs.

    Args:
        means: Posterior means, shape ``(B, D)``.
        log_variances: Log-variances of the posteriors, shape ``(B, D)``.
    """
    return gaussian_kl(means, 0.5 * log_variances)


KL_FORMS: dict[KLForm, Callable[[Tensor, Tensor], Tensor]] = {"gaussian": gaussian_kl, "leeb2022": leeb2022_kl}
"""Forms of the KL term by name."""
