"""The convolutional network of Burgess et al. for 64 x 64 images."""

from lr_lightning.networks.burgess import BurgessNetwork


class Conv64Burgess(BurgessNetwork):
    """Four strided convolutions of 32 channels and two layers of 256 units, mirrored in the decoder.

    Args:
        latent_dim: Number of latents ``D``.
        channels: Image channels ``C``; images are ``(C, 64, 64)``.
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
        latent_dim: int = 10,
        channels: int = 3,
        variational: bool | None = None,
        parameters_per_value: int | None = None,
    ) -> None:
        super().__init__(4, latent_dim, channels, variational, parameters_per_value)
