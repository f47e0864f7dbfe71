"""An autoencoder whose latents have the mean 0 and the variance 1, whatever their units were."""

from dataclasses import dataclass

from torch import Tensor
from torch.distributions import Normal

from lr_lightning.assays.checks import check_codes
from lr_lightning.assays.protocol import Autoencoder, Posterior, posterior_mean, posterior_std

_SMALLEST_UNIT = 0.01


@dataclass(eq=False)
class StandardizedAutoencoder:
    """An autoencoder in other units, as returned by :func:`standardized`.

    Attributes:
        autoencoder: The model itself.
        mean: ``(D,)`` the code of the model that is 0 here.
        unit: ``(D,)`` the change of each latent of the model that is 1 here.
    """

    autoencoder: Autoencoder
    mean: Tensor
    unit: Tensor

    @property
    def latent_dim(self) -> int:
        """Number of latents ``D``."""
        return self.autoencoder.latent_dim

    def encode(self, images: Tensor, /) -> Normal | Tensor:
        """Return the posterior, or the codes, of images ``(B, C, H, W)`` in the new units."""
        posterior: Posterior = self.autoencoder.encode(images)
        codes = posterior_mean(posterior)
        mean, unit = self.mean.to(codes), self.unit.to(codes)
        if isinstance(posterior, Tensor):
            return (codes - mean) / unit
        return Normal((codes - mean) / unit, posterior_std(posterior) / unit, validate_args=False)

    def decode(self, codes: Tensor, /) -> Tensor:
        """Return the observations ``(B, C, H, W)`` of codes ``(B, D)`` in the new units."""
        return self.autoencoder.decode(codes * self.unit.to(codes) + self.mean.to(codes))


def standardized(autoencoder: Autoencoder, codes: Tensor) -> StandardizedAutoencoder:
    """Return the same model with latents in multiples of their standard deviation over ``codes``, with mean 0.

    The latents of a deterministic autoencoder have no natural unit: a model with one latent multiplied by 100, and
    divided by 100 in its decoder, reconstructs the same. But sums over latents, such as independence, CDS and CCS,
    depend on units. Standardize such a model before any assay, and its scores no longer do. The latents of a VAE have
    the unit of the prior; leave them as they are, or unused latents, whose codes hardly vary, would count in full.

    Args:
        autoencoder: The model; left unchanged.
        codes: Its codes of many observations, shape ``(N, D)``. The unit of latents that vary less than a hundredth of
            the one that varies most is that hundredth.

    Raises:
        ValueError: If ``codes`` have the wrong shape or are not finite, or no latent varies.

    Example:
        >>> import torch
        >>> from lr_lightning.assays import wrap
        >>> identity = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=2)
        >>> codes = torch.tensor([[1.0, 0.0], [3.0, 200.0]])
        >>> standardized(identity, codes).encode(codes)
        tensor([[-1., -1.],
                [ 1.,  1.]])
    """
    codes = check_codes("codes", codes, autoencoder.latent_dim, minimum=2).detach()
    spread = codes.std(dim=0, correction=0)
    if not spread.any():
        raise ValueError(f"codes must vary, but all {len(codes)} rows are the same")
    return StandardizedAutoencoder(autoencoder, codes.mean(dim=0), spread.clamp(min=_SMALLEST_UNIT * spread.max()))
