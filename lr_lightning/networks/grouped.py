"""Networks with groups of latents that act at successive depths, and the twelve layers that they share."""

from collections.abc import Sequence
from itertools import chain
from typing import Literal

import torch
from torch import Tensor, nn

from lr_lightning.networks.base import AutoencoderNetwork, check_channels, check_latent_dim
from lr_lightning.networks.group_norm_layers import decoding_layer, encoding_layer, upsample

NUM_LAYERS = 12
"""Number of convolutions in encoder and decoder each; the groups are distributed evenly over them."""

NUM_FEATURES = 64
"""Number of channels between them."""

_HALVING = (0, 3, 6, 9, 11)
_DOUBLING = (1, 3, 6, 9, 11)


class GroupedNetwork(AutoencoderNetwork):
    """An encoder and a decoder whose latents form ``num_groups`` groups of equal size.

    Group 0, the first ``latent_dim / num_groups`` latents, acts first in the decoder, on the coarsest features, and the
    last group acts last.

    Args:
        encoder: As in :class:`AutoencoderNetwork`.
        decoder: As in :class:`AutoencoderNetwork`.
        latent_dim: Number of latents ``D``.
        num_groups: Number of groups ``G``.
        observation_shape: Shape of one observation.
        variational: Whether the encoder outputs a posterior.
        scale: Meaning of the second half of the encoder's output.
        parameters_per_value: Number of parameters of the likelihood for each value of an observation; 1 if ``None``.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        latent_dim: int,
        num_groups: int,
        observation_shape: tuple[int, ...],
        variational: bool = True,
        scale: Literal["log_variance", "log_std"] = "log_variance",
        parameters_per_value: int | None = None,
    ) -> None:
        super().__init__(encoder, decoder, latent_dim, observation_shape, variational, scale, parameters_per_value)
        self.num_groups = num_groups


class GroupedDecoder(nn.Module):
    """Twelve convolutions applied to a learned constant; each group of latents enters before its share of them.

    Args:
        injections: One module per group, from the coarsest features to the finest, that maps features
            ``(B, 64, H, W)`` and latents ``(B, D / G)`` to new features.
        channels: Number of output channels.
        added_features: Number of channels that an injection adds to the features.
    """

    def __init__(self, injections: Sequence[nn.Module], channels: int, added_features: int = 0) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, NUM_FEATURES, 2, 2))
        self.injections = nn.ModuleList(injections)
        share = NUM_LAYERS // len(injections)
        inputs = [NUM_FEATURES + (added_features if i % share == 0 else 0) for i in range(NUM_LAYERS)]
        layers = [decoding_layer(inputs[i], NUM_FEATURES, double=i in _DOUBLING) for i in range(NUM_LAYERS - 1)]
        layers.append((upsample(), nn.Conv2d(inputs[-1], channels, kernel_size=3, padding=1)))
        self.stages = nn.ModuleList(_stages(layers, len(injections)))

    def forward(self, codes: Tensor) -> Tensor:
        """Return the parameters ``(B, channels, 64, 64)`` of the likelihood for ``codes`` (B, D)."""
        # shape[0] instead of len, which would fix the batch size of an exported model
        features = self.constant.expand(codes.shape[0], -1, -1, -1)
        groups = codes.chunk(len(self.stages), dim=1)
        for inject, stage, latents in zip(self.injections, self.stages, groups, strict=True):
            features = stage(inject(features, latents))
        return features


def encoding_stages(channels: int, num_stages: int) -> list[nn.Sequential]:
    """Return twelve convolutions from images ``(B, C, 64, 64)`` to features ``(B, 64, 2, 2)``, in equal parts.

    Args:
        channels: Image channels ``C``.
        num_stages: Number of parts, a divisor of 12.
    """
    layers = [
        encoding_layer(channels if i == 0 else NUM_FEATURES, NUM_FEATURES, 5 if i == 0 else 3, halve=i in _HALVING)
        for i in range(NUM_LAYERS)
    ]
    return _stages(layers, num_stages)


def check_grouped(latent_dim: int, num_groups: int, channels: int) -> None:
    """Raise ``ValueError`` unless all are positive and ``num_groups`` divides ``latent_dim`` and the twelve layers."""
    check_latent_dim(latent_dim)
    check_channels(channels)
    if num_groups < 1 or latent_dim % num_groups or NUM_LAYERS % num_groups:
        raise ValueError(
            f"num_groups must divide latent_dim, {latent_dim}, and the {NUM_LAYERS} convolutions, got {num_groups}"
        )


def check_grouped_network(model: str, network: AutoencoderNetwork) -> None:
    """Raise ``TypeError``, naming the ``model``, if the latents of a ``network`` are not in groups."""
    if not isinstance(network, GroupedNetwork):
        raise TypeError(
            f"{model} needs a network whose latents are in groups, such as StructuralConv64 or LadderConv64, "
            f"got {type(network).__name__}"
        )


def _stages(layers: Sequence[Sequence[nn.Module]], num_stages: int) -> list[nn.Sequential]:
    share = len(layers) // num_stages
    return [nn.Sequential(*chain(*layers[i : i + share])) for i in range(0, len(layers), share)]
