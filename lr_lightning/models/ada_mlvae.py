"""Ada-ML-VAE."""

from torch import Tensor
from typing_extensions import override

from lr_lightning.models.ada_vae import AdaVAE


class AdaMLVAE(AdaVAE):
    r"""Adaptive multi-level VAE: shared latents get the normalized product of the two Gaussians.

    Precisions add up, and means are weighted by precision:
    :math:`1 / \sigma^2 = 1 / \sigma_1^2 + 1 / \sigma_2^2`, :math:`\mu = \sigma^2 (\mu_1 / \sigma_1^2 + \mu_2 /
    \sigma_2^2)`. The released code of Locatello et al. has the same mean and twice this variance.

    References:
        Locatello et al., Weakly-Supervised Disentanglement Without Compromises, ICML 2020, arXiv:2002.02886.
        Bouchacourt et al., Multi-Level Variational Autoencoder, AAAI 2018, arXiv:1705.08841, for the product.
    """

    @override
    def average(self, means: Tensor, log_variances: Tensor) -> tuple[Tensor, Tensor]:
        log_precisions = -log_variances
        return (log_precisions.softmax(dim=0) * means).sum(dim=0), -log_precisions.logsumexp(dim=0)
