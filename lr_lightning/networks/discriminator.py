"""A classifier of latent codes, for objectives that compare two distributions of codes."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from lr_lightning.networks.base import check_latent_dim
from lr_lightning.networks.mlp import linear_layers


class Discriminator(nn.Module):
    """Fully connected layers with leaky ReLU (slope 0.2) and two output logits.

    Args:
        latent_dim: Number of latents ``D``.
        widths: Number of units of each hidden layer; six layers of 1,000 in the papers.

    Raises:
        ValueError: If ``latent_dim`` or a width is below 1.

    References:
        Kim and Mnih, Disentangling by Factorising, ICML 2018, arXiv:1802.05983.
        Locatello et al., Challenging Common Assumptions, ICML 2019, arXiv:1811.12359, whose code has this architecture.
    """

    def __init__(self, latent_dim: int, widths: Sequence[int] = (1000,) * 6) -> None:
        super().__init__()
        check_latent_dim(latent_dim)
        if min(widths, default=1) < 1:
            raise ValueError(f"widths must be positive, got {tuple(widths)}")
        self.layers = nn.Sequential(*linear_layers([latent_dim, *widths, 2], partial(nn.LeakyReLU, 0.2)))

    def forward(self, codes: Tensor) -> Tensor:
        """Return logits ``(N, 2)`` of ``codes`` (N, D)."""
        logits: Tensor = self.layers(codes.to(next(self.parameters()).dtype))
        return logits
