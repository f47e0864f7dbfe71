"""A convolutional network for 32 x 32 images."""

from lr_lightning.networks.burgess import BurgessNetwork


class Conv32(BurgessNetwork):
    """The network of Burgess et al. with one convolution fewer in encoder and decoder, for digits padded to 32 x 32.

    Args:
        latent_dim: Number of latents ``D``.
        channels: Image channels ``C``; images are ``(C, 32, 32)``.
        variational: Whether the encoder outputs means and log-variances ``(B, 2 D)`` or codes ``(B, D)``. If ``None``,
            a config uses what its model needs; elsewhere, the default is ``True``.

    Raises:
        ValueError: If ``latent_dim`` or ``channels`` is below 1.
    """

    def __init__(self, latent_dim: int = 10, channels: int = 1, variational: bool | None = None) -> None:
        super().__init__(3, latent_dim, channels, variational)
