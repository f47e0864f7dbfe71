"""Deterministic autoencoder."""

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.models.base import AutoencoderModule, Objective, Penalty
from lr_lightning.networks import AutoencoderNetwork


class Autoencoder(AutoencoderModule):
    """Autoencoder trained on the reconstruction alone.

    Regularized autoencoders add a penalty to the reconstruction loss by overriding :meth:`penalty`.

    Args:
        network: Encoder and decoder; the encoder must not be variational.
        kwargs: Passed to :class:`AutoencoderModule`.

    Raises:
        ValueError: If the network is variational.
    """

    needs_variational = False

    def __init__(self, network: AutoencoderNetwork, **kwargs: Any) -> None:
        super().__init__(network, **kwargs)
        if network.variational:
            raise ValueError(f"{type(self).__name__} needs a network with variational=False")

    @override
    def encode(self, observations: Tensor) -> Tensor:
        """Return the codes ``(B, D)`` of ``observations``, float32."""
        return self.network.codes(observations).float()

    @override
    def objective(self, observations: Tensor, generator: torch.Generator) -> Objective:
        """Return reconstruction and penalty of a batch."""
        codes = self.encode(observations)
        reconstruction = self.reconstruction(codes, observations)
        penalty = self.penalty(codes, generator)
        terms = {"reconstruction": reconstruction} | penalty.terms
        return Objective.of(reconstruction + penalty.value, terms, codes)

    def reconstruction(self, codes: Tensor, observations: Tensor) -> Tensor:
        """Return the reconstruction loss of ``observations`` decoded from ``codes`` (B, D), in nats per observation."""
        return self.likelihood.negative_log_likelihood(self.network.decode(codes), observations).mean()

    def penalty(self, codes: Tensor, generator: torch.Generator) -> Penalty:
        """Return the penalty added to the reconstruction loss: none here.

        Args:
            codes: Codes ``(B, D)`` of the batch.
            generator: Source of noise.
        """
        return Penalty(codes.new_zeros(()), {})
