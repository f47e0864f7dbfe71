"""An encoder and a matching decoder, combined in one module that models are built from."""

from typing import Literal

import torch
from torch import Tensor, nn

from lr_lightning.common.checks import check_at_least
from lr_lightning.networks.passes import evaluate_in_passes


class AutoencoderNetwork(nn.Module):
    """An encoder and a decoder for the same latents and observations.

    Args:
        encoder: Maps observations ``(B, *observation_shape)`` to ``(B, 2 D)``, the means followed by the scales of the
            posterior, or to codes ``(B, D)`` if not ``variational``.
        decoder: Maps codes ``(B, D)`` to the parameters of the likelihood: ``(B, *observation_shape)`` if there is one
            for each value of an observation (logits for a Bernoulli likelihood, means for a Gaussian one). Otherwise,
            the first dimension of an observation is repeated: ``(B, parameters_per_value * C, H, W)`` for images.
        latent_dim: Number of latents ``D``.
        observation_shape: Shape of one observation, ``(C, H, W)`` for images.
        variational: Whether the encoder outputs a posterior; must be ``False`` for a plain autoencoder.
        scale: Meaning of the second half of the encoder's output.
        parameters_per_value: Number of parameters of the likelihood for each value of an observation; 1 if ``None``.

    Raises:
        ValueError: If ``latent_dim`` or ``parameters_per_value`` is below 1.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        latent_dim: int,
        observation_shape: tuple[int, ...],
        variational: bool = True,
        scale: Literal["log_variance", "log_std"] = "log_variance",
        parameters_per_value: int | None = None,
    ) -> None:
        super().__init__()
        check_latent_dim(latent_dim)
        self.parameters_per_value = decoder_channels(1, parameters_per_value)
        self.encoder = encoder
        self.decoder = decoder
        self.latent_dim = latent_dim
        self.observation_shape = observation_shape
        self.variational = variational
        self.scale = scale

    def check(self, observations: Tensor) -> None:
        """Raise ``ValueError`` if a batch of ``observations`` does not have the shape that this network accepts."""
        if tuple(observations.shape[1:]) != self.observation_shape:
            raise ValueError(
                f"{type(self).__name__} reads observations of shape {self.observation_shape}, "
                f"got {tuple(observations.shape[1:])}; {self.fix_for(tuple(observations.shape[1:]))}"
            )

    def fix_for(self, observation_shape: tuple[int, ...]) -> str:
        """Return what to change so that the network reads observations of another shape, for error messages."""
        return "choose a network (or its 'channels') that fits the data set"

    def posterior_parameters(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """Return posterior means and log-variances, each ``(B, D)``; only if ``variational``."""
        mean, scale = self.codes(observations).chunk(2, dim=1)
        return mean, scale if self.scale == "log_variance" else 2 * scale

    def codes(self, observations: Tensor) -> Tensor:
        """Return the encoder's output for ``observations``, which is the codes ``(B, D)`` if not ``variational``."""
        self.check(observations)
        return evaluate_in_passes(self.encoder, observations.to(self._dtype), self.observation_shape)

    def decode(self, codes: Tensor) -> Tensor:
        """Return the parameters of the likelihood for ``codes`` (B, D), see :class:`AutoencoderNetwork`."""
        return evaluate_in_passes(self.decoder, codes.to(self._dtype), self.observation_shape)

    @property
    def _dtype(self) -> torch.dtype:
        """Dtype of the weights, to which inputs are converted."""
        weights = next(self.parameters(), None)
        return torch.get_default_dtype() if weights is None else weights.dtype


def check_latent_dim(latent_dim: int) -> None:
    """Raise ``ValueError`` if ``latent_dim`` is below 1."""
    check_at_least("latent_dim", latent_dim, 1)


def check_channels(channels: int) -> None:
    """Raise ``ValueError`` if ``channels`` is below 1."""
    check_at_least("channels", channels, 1)


def decoder_channels(channels: int, parameters_per_value: int | None) -> int:
    """Return the number of channels that a decoder outputs for images of ``channels`` channels.

    Args:
        channels: Image channels ``C``.
        parameters_per_value: Number of parameters of the likelihood for each value of an image; 1 if ``None``.

    Raises:
        ValueError: If ``parameters_per_value`` is below 1.
    """
    if parameters_per_value is None:
        return channels
    check_at_least("parameters_per_value", parameters_per_value, 1)
    return parameters_per_value * channels
