"""The network of the structural autoencoder for 64 x 64 images."""

from torch import Tensor, nn

from lr_lightning.networks.base import decoder_channels
from lr_lightning.networks.grouped import (
    NUM_FEATURES,
    GroupedDecoder,
    GroupedNetwork,
    check_grouped,
    encoding_stages,
)


class StructuralTransform(nn.Module):
    r"""Scale and shift each feature channel by amounts that a small network computes from a group of latents.

    .. math:: h_c' = e^{a_c(z)}\, h_c + b_c(z)

    Unlike in adaptive instance normalization, features are not normalized first. For :math:`a = b = 0` this is the
    identity.

    Args:
        group_size: Number of latents in the group.
        num_features: Number of feature channels.
    """

    def __init__(self, group_size: int, num_features: int) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(group_size, 64),
            nn.ELU(),
            nn.Linear(64, 128),
            nn.ELU(),
            nn.Linear(128, 2 * num_features),
        )

    def forward(self, features: Tensor, latents: Tensor) -> Tensor:
        """Return ``features`` (B, F, H, W) transformed according to the ``latents`` (B, L) of the group."""
        parameters: Tensor = self.network(latents)
        shift, log_scale = parameters[:, :, None, None].chunk(2, dim=1)
        return log_scale.exp() * features + shift


class StructuralConv64(GroupedNetwork):
    """A plain encoder, and a decoder in which each group of latents transforms the features at its own depth.

    The encoder has twelve convolutions of 64 channels (the first 5 x 5, the others 3 x 3) with group norm and ELU, five
    of them followed by pooling, and fully connected layers of 256 and 128 units. The decoder begins with a learned
    constant of 64 x 2 x 2 and has twelve convolutions. Group ``g`` enters through a structural transform before
    convolution ``12 g / num_groups``, counted from 0, so group 0, the first latents, acts on the coarsest features.

    Args:
        latent_dim: Number of latents ``D``; 12 in the paper.
        num_groups: Number of groups, a divisor of ``latent_dim`` and of 12; 2, 3, 4, 6 or 12 in the paper.
        channels: Image channels ``C``; images are ``(C, 64, 64)``.
        variational: Whether the encoder outputs means and log standard deviations ``(B, 2 D)`` or codes ``(B, D)``. If
            ``None``, a config uses what its model needs; elsewhere, the default is ``False``.
        parameters_per_value: Number of parameters of the likelihood for each value of an image; the decoder outputs
            ``(B, parameters_per_value * C, H, W)``. If ``None``, a config uses what its likelihood needs; elsewhere,
            the default is 1.

    Raises:
        ValueError: If ``latent_dim``, ``channels`` or ``parameters_per_value`` is below 1, or ``num_groups`` is not
            such a divisor.

    References:
        Leeb et al., Structure by Architecture: Structured Representations without Regularization, ICLR 2023,
        arXiv:2006.07796. Layer sizes and positions are those of the authors' code.
    """

    def __init__(
        self,
        latent_dim: int = 12,
        num_groups: int = 12,
        channels: int = 3,
        variational: bool | None = None,
        parameters_per_value: int | None = None,
    ) -> None:
        check_grouped(latent_dim, num_groups, channels)
        variational = bool(variational)
        encoder = nn.Sequential(
            *encoding_stages(channels, num_stages=1),  # (B, 64, 2, 2)
            nn.Flatten(),
            nn.Linear(256, 256),
            nn.ELU(),
            nn.Linear(256, 128),
            nn.ELU(),
            nn.Linear(128, 2 * latent_dim if variational else latent_dim),
        )
        transforms = [StructuralTransform(latent_dim // num_groups, NUM_FEATURES) for _ in range(num_groups)]
        decoder = GroupedDecoder(transforms, decoder_channels(channels, parameters_per_value))
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
