"""Ada-GVAE."""

import math

from torch import Tensor
from typing_extensions import override

from lr_lightning.models.ada_vae import AdaVAE


class AdaGVAE(AdaVAE):
    """Adaptive group VAE: shared latents get the mean of the two means and the mean of the two variances.

    References:
        Locatello et al., Weakly-Supervised Disentanglement Without Compromises, ICML 2020, arXiv:2002.02886.
        Hosoya, Group-based Learning of Disentangled Representations with Generalizability for Novel Contents, IJCAI
        2019, arXiv:1809.02383, for the average.
    """

    @override
    def average(self, means: Tensor, log_variances: Tensor) -> tuple[Tensor, Tensor]:
        return means.mean(dim=0), log_variances.logsumexp(dim=0) - math.log(2)
