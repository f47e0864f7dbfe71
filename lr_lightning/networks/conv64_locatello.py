"""The convolutional network of the 12,600-model study for 64 x 64 images."""

from torch import nn

from lr_lightning.networks.base import AutoencoderNetwork, check_channels, check_latent_dim, decoder_channels
from lr_lightning.networks.doubling_convolution import DoublingConvolution
from lr_lightning.networks.initialization import initialize_for_relu
from lr_lightning.networks.strided import double, halve


class Conv64Locatello(AutoencoderNetwork):
    """Four strided convolutions of 32, 32, 64 and 64 channels and a layer of 256 units; a decoder of similar size.

    The third and fourth kernels are 2 x 2 as in the study's code, not 4 x 4 as in the table of its paper. For even
    sides and stride 2, TensorFlow's ``SAME`` padding is one pixel on each side for a 4 x 4 kernel and none for a 2 x 2
    kernel. The layers are therefore identical to the study's, up to the order in which the 4 x 4 x 64 features are
    flattened. With 10 latents and 1 channel, the network has 690,517 parameters. They are initialized as
    recommended for ReLU, whereas the study used the initialization of Glorot and Bengio.

    Args:
        latent_dim: Number of latents ``D``; 10 in the study.
        channels: Image channels ``C``; images are ``(C, 64, 64)``.
        variational: Whether the encoder outputs means and log-variances ``(B, 2 D)`` or codes ``(B, D)``. If ``None``,
            a config uses what its model needs; elsewhere, the default is ``True``.
        parameters_per_value: Number of parameters of the likelihood for each value of an image; the decoder outputs
            ``(B, parameters_per_value * C, H, W)``. If ``None``, a config uses what its likelihood needs; elsewhere,
            the default is 1.

    Raises:
        ValueError: If ``latent_dim``, ``channels`` or ``parameters_per_value`` is below 1.

    References:
        Locatello et al., Challenging Common Assumptions in the Unsupervised Learning of Disentangled
        Representations, ICML 2019, arXiv:1811.12359, and its code, disentanglement_lib.
    """

    def __init__(
        self,
        latent_dim: int = 10,
        channels: int = 3,
        variational: bool | None = None,
        parameters_per_value: int | None = None,
    ) -> None:
        check_latent_dim(latent_dim)
        check_channels(channels)
        variational = True if variational is None else variational
        outputs = decoder_channels(channels, parameters_per_value)
        encoder = nn.Sequential(
            *halve(channels, 32),  # (B, 32, 32, 32)
            *halve(32, 32),
            *halve(32, 64, kernel_size=2),
            *halve(64, 64, kernel_size=2),  # (B, 64, 4, 4)
            nn.Flatten(),
            nn.Linear(1024, 256),
            nn.ReLU(),
            nn.Linear(256, 2 * latent_dim if variational else latent_dim),
        )
        decoder = nn.Sequential(
            nn.Linear(latent_dim, 256),
            nn.ReLU(),
            nn.Linear(256, 1024),
            nn.ReLU(),
            nn.Unflatten(1, (64, 4, 4)),
            *double(64, 64),
            *double(64, 32),
            *double(32, 32),
            DoublingConvolution(32, outputs),  # (B, C, 64, 64)
        )
        super().__init__(
            encoder,
            decoder,
            latent_dim,
            (channels, 64, 64),
            variational,
            parameters_per_value=parameters_per_value,
        )
        initialize_for_relu(self)
