"""The common base of the networks of Burgess et al. for different image sizes."""

from torch import nn

from lr_lightning.networks.base import AutoencoderNetwork, check_channels, check_latent_dim, decoder_channels
from lr_lightning.networks.doubling_convolution import DoublingConvolution
from lr_lightning.networks.initialization import initialize_for_relu
from lr_lightning.networks.strided import double, halve


class BurgessNetwork(AutoencoderNetwork):
    """Strided convolutions of 32 channels down to 4 x 4 and two layers of 256 units, mirrored in the decoder.

    Weights are initialized by :func:`~lr_lightning.networks.initialization.initialize_for_relu`.

    Args:
        num_convolutions: Number of convolutions in encoder and decoder each; the image side is
            ``4 * 2 ** num_convolutions`` pixels.
        latent_dim: Number of latents ``D``.
        channels: Image channels ``C``.
        variational: Whether the encoder outputs means and log-variances ``(B, 2 D)`` or codes ``(B, D)``. If ``None``,
            a config uses what its model needs; elsewhere, the default is ``True``.
        parameters_per_value: Number of parameters of the likelihood for each value of an image; the decoder outputs
            ``(B, parameters_per_value * C, H, W)``. If ``None``, a config uses what its likelihood needs; elsewhere,
            the default is 1.

    Raises:
        ValueError: If ``latent_dim``, ``channels`` or ``parameters_per_value`` is below 1.

    References:
        Burgess et al., Understanding disentangling in beta-VAE, 2018, arXiv:1804.03599.
    """

    def __init__(
        self,
        num_convolutions: int,
        latent_dim: int,
        channels: int,
        variational: bool | None,
        parameters_per_value: int | None = None,
    ) -> None:
        check_latent_dim(latent_dim)
        check_channels(channels)
        variational = True if variational is None else variational
        inner = range(num_convolutions - 1)
        encoder = nn.Sequential(
            *halve(channels, 32),
            *(layer for _ in inner for layer in halve(32, 32)),  # (B, 32, 4, 4)
            nn.Flatten(),
            nn.Linear(512, 256),
            nn.ReLU(),
            nn.Linear(256, 256),
            nn.ReLU(),
            nn.Linear(256, 2 * latent_dim if variational else latent_dim),
        )
        decoder = nn.Sequential(
            nn.Linear(latent_dim, 256),
            nn.ReLU(),
            nn.Linear(256, 256),
            nn.ReLU(),
            nn.Linear(256, 512),
            nn.ReLU(),
            nn.Unflatten(1, (32, 4, 4)),
            *(layer for _ in inner for layer in double(32, 32)),
            DoublingConvolution(32, decoder_channels(channels, parameters_per_value)),
        )
        side = 4 * 2**num_convolutions
        super().__init__(
            encoder,
            decoder,
            latent_dim,
            (channels, side, side),
            variational,
            parameters_per_value=parameters_per_value,
        )
        initialize_for_relu(self)
