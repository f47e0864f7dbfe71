"""The convolutional network of the latent-response paper for 64 x 64 images."""

from torch import nn

from lr_lightning.networks.base import AutoencoderNetwork, check_channels, check_latent_dim, decoder_channels
from lr_lightning.networks.group_norm_layers import decoding_layer, encoding_layer, upsample


class Conv64Leeb(AutoencoderNetwork):
    """Five convolutions of 64 channels, each followed by pooling, group norm and ELU; bilinear upsampling to decode.

    The encoder outputs means and log *standard deviations*. With 24 latents and 3 channels, the network has 510,067
    parameters.

    Args:
        latent_dim: Number of latents ``D``; 12 or 24 in the paper.
        channels: Image channels ``C``; images are ``(C, 64, 64)``.
        variational: Whether the encoder outputs means and scales ``(B, 2 D)`` or codes ``(B, D)``. If ``None``, a
            config uses what its model needs; elsewhere, the default is ``True``.
        parameters_per_value: Number of parameters of the likelihood for each value of an image; the decoder outputs
            ``(B, parameters_per_value * C, H, W)``. If ``None``, a config uses what its likelihood needs; elsewhere,
            the default is 1.

    Raises:
        ValueError: If ``latent_dim``, ``channels`` or ``parameters_per_value`` is below 1.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091, and its released code.
    """

    def __init__(
        self,
        latent_dim: int = 12,
        channels: int = 3,
        variational: bool | None = None,
        parameters_per_value: int | None = None,
    ) -> None:
        check_latent_dim(latent_dim)
        check_channels(channels)
        variational = True if variational is None else variational
        outputs = decoder_channels(channels, parameters_per_value)
        encoder = nn.Sequential(
            *encoding_layer(channels, 64, kernel_size=5),  # (B, 64, 32, 32)
            *encoding_layer(64, 64),
            *encoding_layer(64, 64),
            *encoding_layer(64, 64),
            *encoding_layer(64, 64),  # (B, 64, 2, 2)
            nn.Flatten(),
            nn.Linear(256, 256),
            nn.ELU(),
            nn.Linear(256, 128),
            nn.ELU(),
            nn.Linear(128, 2 * latent_dim if variational else latent_dim),
        )
        decoder = nn.Sequential(
            nn.Linear(latent_dim, 128),
            nn.ELU(),
            nn.Linear(128, 256),
            nn.ELU(),
            nn.Linear(256, 256),
            nn.Unflatten(1, (64, 2, 2)),
            *decoding_layer(64, 64),
            *decoding_layer(64, 64),
            *decoding_layer(64, 64),
            *decoding_layer(64, 64),  # (B, 64, 32, 32)
            upsample(),
            nn.Conv2d(64, outputs, kernel_size=3, padding=1),  # (B, C, 64, 64)
        )
        super().__init__(
            encoder,
            decoder,
            latent_dim,
            (channels, 64, 64),
            variational,
            scale="log_std",
            parameters_per_value=parameters_per_value,
        )
