"""Beta-VAE."""

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.models.base import Penalty
from lr_lightning.models.vae import VAE, Posterior
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.training.schedules import Schedule, check_weight


class BetaVAE(VAE):
    """VAE whose KL term is weighted by ``beta``.

    As in the papers, the reconstruction loss is summed over pixels and channels and the KL over latents, so ``beta``
    has the same meaning. With a mean over pixels, the same trade-off would need ``beta`` divided by their number.

    Args:
        network: Encoder and decoder; the encoder must be variational.
        beta: Weight of the KL term, a number or a schedule; 1 is the plain VAE.
        kwargs: Passed to :class:`VAE`.

    Raises:
        ValueError: If ``beta`` is negative or not finite.

    References:
        Higgins et al., beta-VAE, ICLR 2017, https://openreview.net/forum?id=Sy2fzU9gl.
    """

    def __init__(self, network: AutoencoderNetwork, beta: float | Schedule = 4.0, **kwargs: Any) -> None:
        super().__init__(network, **kwargs)
        self.beta = check_weight("beta", beta)

    @override
    def penalty(self, posterior: Posterior, kl: Tensor, generator: torch.Generator) -> Penalty:
        """Return ``beta`` times the KL term."""
        return Penalty(self.current_value(self.beta) * kl, {})
