"""A convolutional network for 32 x 32 images."""

from lr_lightning.networks.burgess import BurgessNetwork


class Conv32(BurgessNetwork):
    """The network of Burgess et al. with one convolution fewer in encoder and decoder, for digits padded to 32 x 32.

    Args:
        latent_dim: Number of latents ``D``.
        channels: Image channels ``C``; images are ``(C, 32, 32)``.
        variational: Whether the encoder outputs means and log-variances ``(B, 2 D)`` or codes ``(B, D)``. If ``None``,
            a config uses what its model needs; elsewhere, the default is ``True``.
        parameters_per_value: Number of parameters of the likelihood for each value of an image; the decoder outputs
            ``(B, parameters_per_value * C, H, W)``. If ``None``, a config uses what its likelihood needs; elsewhere,
            the default is 1.

    Raises:
        ValueError: If ``latent_dim``, ``channels`` or ``parameters_per_value`` is below 1.
    """

    def __init__(
        self,
        latent_dim: int = 10,
        channels: int = 1,
        variational: bool | None = None,
        parameters_per_value: int | None = None,
    ) -> None:
        super().__init__(3, latent_dim, channels, variational, parameters_per_value)
