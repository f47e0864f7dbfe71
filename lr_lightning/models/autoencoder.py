"""Deterministic autoencoder."""

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.models.base import AutoencoderModule, Objective
from lr_lightning.networks import AutoencoderNetwork


class Autoencoder(AutoencoderModule):
    """Autoencoder trained on the reconstruction alone.

    Args:
        network: Encoder and decoder; the encoder must not be variational.
        kwargs: Passed to :class:`AutoencoderModule`.

    Raises:
        ValueError: If the network is variational.
    """

    def __init__(self, network: AutoencoderNetwork, **kwargs: Any) -> None:
        super().__init__(network, **kwargs)
        if network.variational:
            raise ValueError("Autoencoder needs a network with variational=False")

    @override
    def encode(self, observations: Tensor) -> Tensor:
        """Return the codes ``(B, D)`` of ``observations``, float32."""
        return self.network.codes(observations).float()

    @override
    def objective(self, observations: Tensor, generator: torch.Generator) -> Objective:
        """Return the reconstruction loss; ``generator`` is not used."""
        codes = self.encode(observations)
        raw = self.network.decode(codes)
        reconstruction = self.likelihood.negative_log_likelihood(raw, observations).mean()
        return Objective(reconstruction, {"reconstruction": reconstruction.detach()}, codes.detach(), None)
