"""Models small enough for the exact results of assays to be known."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.distributions import Normal

from lr_lightning.assays import WrappedAutoencoder, wrap


def responding_by(h: Callable[[Tensor], Tensor], latent_dim: int) -> WrappedAutoencoder:
    """Make an autoencoder with the response map ``h``: it decodes by ``h`` and encodes by the identity."""
    return wrap(encode=lambda x: x, decode=h, latent_dim=latent_dim)


class ConvVAE(nn.Module):
    """VAE on 1x8x8 images with everything that tells training from evaluation: batch norm and dropout.

    Counts the samples it decodes and encodes.
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 4, 4, stride=4), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten(), nn.Linear(16, 2 * latent_dim)
        )
        self.decoder = nn.Sequential(nn.Linear(latent_dim, 32), nn.Dropout(0.5), nn.Tanh(), nn.Linear(32, 64))
        self.decoded = self.encoded = 0

    def encode(self, images: Tensor, /) -> Normal:
        """Return the posterior of images (B, 1, 8, 8)."""
        self.encoded += len(images)
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        return Normal(mean, (0.5 * log_variance).exp())

    def decode(self, codes: Tensor, /) -> Tensor:
        """Return images (B, 1, 8, 8) in [0, 1]."""
        self.decoded += len(codes)
        images: Tensor = self.decoder(codes).sigmoid().view(-1, 1, 8, 8)
        return images
