"""Fully connected encoder and decoder, for observations of any shape."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

from torch import nn

from lr_lightning.networks.base import AutoencoderNetwork, check_latent_dim, decoder_channels


class MLP(AutoencoderNetwork):
    """Fully connected layers.

    Defaults are those of the double-helix experiment of Leeb et al. (arXiv:2106.16091). For the fully connected network
    of the 12,600-model study (Locatello et al., arXiv:1811.12359), use ``widths`` of (1200, 1200) with ``nn.ReLU``,
    ``decoder_widths`` of (1200, 1200, 1200) with ``nn.Tanh``, and 10 latents.

    Args:
        latent_dim: Number of latents ``D``.
        observation_shape: Shape of one observation, such as ``(3,)`` or ``(1, 64, 64)``.
        widths: Number of units of each hidden layer of the encoder.
        activation: Class of the activation function between layers.
        decoder_widths: Number of units of each hidden layer of the decoder; by default the encoder's in reverse order.
        decoder_activation: Class of the activation function in the decoder; by default the encoder's.
        variational: Whether the encoder outputs means and log-variances ``(B, 2 D)`` or codes ``(B, D)``. If ``None``,
            a config uses what its model needs; elsewhere, the default is ``True``.
        parameters_per_value: Number of parameters of the likelihood for each value of an observation. If above 1, the
            decoder repeats the first dimension of an observation: ``(B, parameters_per_value * C, H, W)`` for images.
            If ``None``, a config uses what its likelihood needs; elsewhere, the default is 1.

    Raises:
        ValueError: If ``latent_dim``, a width, a dimension of the observation or ``parameters_per_value`` is below 1.
    """

    def __init__(
        self,
        latent_dim: int = 2,
        observation_shape: Sequence[int] = (3,),
        widths: Sequence[int] = (32, 32, 32, 32),
        activation: type[nn.Module] = nn.ELU,
        decoder_widths: Sequence[int] | None = None,
        decoder_activation: type[nn.Module] | None = None,
        variational: bool | None = None,
        parameters_per_value: int | None = None,
    ) -> None:
        check_latent_dim(latent_dim)
        decoder_widths = list(reversed(widths)) if decoder_widths is None else decoder_widths
        for name, sizes in (
            ("widths", widths),
            ("decoder_widths", decoder_widths),
            ("observation_shape", observation_shape),
        ):
            if min(sizes, default=1) < 1:
                raise ValueError(f"{name} must be positive, got {tuple(sizes)}")
        variational = True if variational is None else variational
        first, *others = observation_shape
        output_shape = (decoder_channels(first, parameters_per_value), *others)
        outputs = 2 * latent_dim if variational else latent_dim
        encoder = nn.Sequential(nn.Flatten(), *linear_layers([prod(observation_shape), *widths, outputs], activation))
        decoder = nn.Sequential(
            *linear_layers([latent_dim, *decoder_widths, prod(output_shape)], decoder_activation or activation),
            nn.Unflatten(1, output_shape),
        )
        super().__init__(
            encoder,
            decoder,
            latent_dim,
            tuple(observation_shape),
            variational,
            parameters_per_value=parameters_per_value,
        )


def linear_layers(sizes: Sequence[int], activation: Callable[[], nn.Module]) -> list[nn.Module]:
    """Return linear layers between consecutive ``sizes``, with ``activation`` after each but the last."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation()]
    return layers[:-1]
