"""The network of the variational ladder autoencoder for 64 x 64 images."""

import torch
from torch import Tensor, nn

from lr_lightning.networks.base import decoder_channels
from lr_lightning.networks.grouped import (
    NUM_FEATURES,
    GroupedDecoder,
    GroupedNetwork,
    check_grouped,
    encoding_stages,
)

_NUM_ADDED = 16


class LadderEncoder(nn.Module):
    """Twelve convolutions in equal stages; the features after each stage determine the parameters of one latent group.

    Args:
        latent_dim: Number of latents ``D``.
        num_groups: Number of groups; the deepest features determine group 0.
        channels: Image channels ``C``.
        num_parameters: Number of parameters per latent, 2 for mean and scale.
    """

    def __init__(self, latent_dim: int, num_groups: int, channels: int, num_parameters: int) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.stages = nn.ModuleList(encoding_stages(channels, num_groups))
        self.rungs = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveMaxPool2d(1),
                nn.Flatten(),
                nn.Linear(NUM_FEATURES, 128),
                nn.ELU(),
                nn.Linear(128, 64),
                nn.ELU(),
                nn.Linear(64, num_parameters * latent_dim // num_groups),
            )
            for _ in range(num_groups)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return parameters ``(B, num_parameters D)`` for ``images`` (B, C, 64, 64): all means, then all scales."""
        features, groups = images, []
        for stage, rung in zip(self.stages, self.rungs, strict=True):
            features = stage(features)
            groups.append(rung(features).unflatten(1, (self.num_parameters, -1)))
        return torch.cat(groups[::-1], dim=2).flatten(1)


class GenerativeRung(nn.Module):
    """Append 16 channels, computed from a group of latents and constant over the image, to the features.

    Args:
        group_size: Number of latents in the group.
    """

    def __init__(self, group_size: int) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(group_size, 64), nn.ELU(), nn.Linear(64, 128), nn.ELU(), nn.Linear(128, _NUM_ADDED)
        )

    def forward(self, features: Tensor, latents: Tensor) -> Tensor:
        """Return features ``(B, F + 16, H, W)``, given ``features`` (B, F, H, W) and ``latents`` (B, L)."""
        added = self.network(latents)[:, :, None, None].expand(-1, -1, *features.shape[2:])
        return torch.cat([features, added], dim=1)


class LadderConv64(GroupedNetwork):
    """A ladder: groups of latents that are inferred from deeper features enter the decoder earlier.

    Encoder and decoder have twelve convolutions of 64 channels each. After every ``12 / num_groups`` convolutions of
    the encoder, the features are max-pooled over the image and fed to a network of 128 and 64 units, which outputs the
    posterior of one group; the deepest features determine group 0. The decoder begins with a learned constant of
    64 x 2 x 2; group ``g`` enters before convolution ``12 g / num_groups``, counted from 0, as 16 additional channels.

    Args:
        latent_dim: Number of latents ``D``; 12 in the comparison of Leeb et al.
        num_groups: Number of groups, a divisor of ``latent_dim`` and of 12; 2, 3, 4, 6 or 12 in the comparison.
        channels: Image channels ``C``; images are ``(C, 64, 64)``.
        variational: Whether the encoder outputs means and log standard deviations ``(B, 2 D)`` or codes ``(B, D)``. If
            ``None``, a config uses what its model needs; elsewhere, the default is ``True``.
        parameters_per_value: Number of parameters of the likelihood for each value of an image; the decoder outputs
            ``(B, parameters_per_value * C, H, W)``. If ``None``, a config uses what its likelihood needs; elsewhere,
            the default is 1.

    Raises:
        ValueError: If ``latent_dim``, ``channels`` or ``parameters_per_value`` is below 1, or ``num_groups`` is not
            such a divisor.

    References:
        Zhao et al., Learning Hierarchical Features from Generative Models, ICML 2017, arXiv:1702.08396. Layer sizes and
        positions are those of the code of Leeb et al., Structure by Architecture, arXiv:2006.07796.
    """

    def __init__(
        self,
        latent_dim: int = 12,
        num_groups: int = 4,
        channels: int = 3,
        variational: bool | None = None,
        parameters_per_value: int | None = None,
    ) -> None:
        check_grouped(latent_dim, num_groups, channels)
        variational = True if variational is None else variational
        encoder = LadderEncoder(latent_dim, num_groups, channels, num_parameters=2 if variational else 1)
        rungs = [GenerativeRung(latent_dim // num_groups) for _ in range(num_groups)]
        decoder = GroupedDecoder(rungs, decoder_channels(channels, parameters_per_value), added_features=_NUM_ADDED)
        super().__init__(
            encoder,
            decoder,
            latent_dim,
            num_groups,
            (channels, 64, 64),
            variational=variational,
            scale="log_std",
            parameters_per_value=parameters_per_value,
        )
