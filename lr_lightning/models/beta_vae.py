"""Beta-VAE."""

from typing import Any

from torch import Tensor
from typing_extensions import override

from lr_lightning.models.vae import VAE
from lr_lightning.networks import AutoencoderNetwork


class BetaVAE(VAE):
    """VAE whose KL term is weighted by ``beta``.

    ``beta`` means what it means in the papers because the reconstruction is summed over pixels and channels
    and the KL over latents; with a mean over pixels the same trade-off would need ``beta`` divided by their
    number.

    Args:
        network: Encoder and decoder; the encoder must be variational.
        beta: Weight of the KL term; 1 is the plain VAE.
        kwargs: Passed to :class:`VAE`.

    Raises:
        ValueError: If ``beta`` is negative.

    References:
        Higgins et al., beta-VAE, ICLR 2017, https://openreview.net/forum?id=Sy2fzU9gl.
    """

    def __init__(self, network: AutoencoderNetwork, beta: float = 4.0, **kwargs: Any) -> None:
        super().__init__(network, **kwargs)
        if beta < 0:
            raise ValueError(f"beta must not be negative, got {beta}")
        self.beta = beta

    @override
    def combine(self, reconstruction: Tensor, kl: Tensor) -> Tensor:
        """Return the reconstruction plus ``beta`` times the KL term."""
        return reconstruction + self.beta * kl
