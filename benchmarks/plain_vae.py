"""Plain implementations of the benchmarks' networks, for bare loops and peers; requires only torch."""

from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset


def burgess_layers(latent_dim: int = 10, channels: int = 1) -> tuple[nn.Sequential, nn.Sequential]:
    """Return encoder (B, C, 64, 64) to (B, 2 D) and decoder (B, D) to logits, as in Burgess et al. 2018."""
    down: list[nn.Module] = []
    for inputs in (channels, 32, 32, 32):
        down += [nn.Conv2d(inputs, 32, 4, stride=2, padding=1), nn.ReLU()]
    narrow = [nn.Flatten(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU()]
    widen = [nn.Linear(latent_dim, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU()]
    up: list[nn.Module] = [nn.Unflatten(1, (32, 4, 4))]
    for _ in range(3):
        up += [nn.ConvTranspose2d(32, 32, 4, stride=2, padding=1), nn.ReLU()]
    up.append(nn.ConvTranspose2d(32, channels, 4, stride=2, padding=1))
    return nn.Sequential(*down, *narrow, nn.Linear(256, 2 * latent_dim)), nn.Sequential(*widen, *up)


def helix_layers() -> tuple[nn.Sequential, nn.Sequential]:
    """Return encoder (B, 3) to (B, 4) and decoder (B, 2) to (B, 3): five layers each, of 32 units."""

    def layers(sizes: list[int]) -> nn.Sequential:
        found: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            found += [nn.Linear(inputs, outputs), nn.ELU()]
        return nn.Sequential(*found[:-1])

    return layers([3, 32, 32, 32, 32, 4]), layers([2, 32, 32, 32, 32, 3])


class PlainVAE(nn.Module):
    """A beta-VAE in a few lines.

    Args:
        encoder: Returns means and log-variances, concatenated.
        decoder: Returns logits of images, or points.
        beta: Weight of the KL term.
        images: Whether observations are images in [0, 1]; otherwise they are points with Gaussian errors.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, beta: float, images: bool) -> None:
        super().__init__()
        self.encoder, self.decoder, self.beta, self.images = encoder, decoder, beta, images

    def forward(self, observations: Tensor) -> Tensor:
        """Return the loss of ``observations``, summed over pixels and latents, a scalar."""
        means, log_variances = self.encoder(observations).float().chunk(2, dim=1)
        codes = means + (0.5 * log_variances).exp() * torch.randn_like(means)
        decoded = self.decoder(codes).float()
        if self.images:
            errors = F.binary_cross_entropy_with_logits(decoded, observations, reduction="sum")
        else:
            errors = 0.5 * (decoded - observations).square().sum()
        kl = 0.5 * (means.square() + log_variances.exp() - 1 - log_variances).sum()
        loss: Tensor = (errors + self.beta * kl) / len(observations)
        return loss


class Task(NamedTuple):
    """A network and its training data.

    Attributes:
        model: The network.
        observations: ``(N, *observation_shape)``, uint8 images or float points.
        learning_rate: Learning rate of Adam.
    """

    model: PlainVAE
    observations: Tensor
    learning_rate: float


def make_task(name: str, images: str | None = None) -> Task:
    """Return a task; ``"dsprites"`` and ``"shapes3d"`` use a file of uint8 pixels, ``"helix"`` uses random points."""
    if name == "helix":
        return Task(PlainVAE(*helix_layers(), beta=0.05, images=False), torch.randn(1024, 3), 1e-2)
    channels = 3 if name == "shapes3d" else 1
    model = PlainVAE(*burgess_layers(channels=channels), beta=4.0, images=True)
    return Task(model, open_images(str(images), channels), 1e-4)


def open_images(path: str, channels: int = 1) -> Tensor:
    """Return the images (N, C, 64, 64) uint8 of a file, memory-mapped and shared between processes."""
    size = Path(path).stat().st_size
    return torch.from_file(path, shared=True, size=size, dtype=torch.uint8).view(-1, channels, 64, 64)


class Items(Dataset[Tensor]):
    """Single observations, as commonly implemented.

    Args:
        observations: ``(N, *observation_shape)``.
        repeats: Number of passes over them per epoch.
    """

    def __init__(self, observations: Tensor, repeats: int = 1) -> None:
        self.observations, self.repeats = observations, repeats

    def __len__(self) -> int:
        return self.repeats * len(self.observations)

    def __getitem__(self, index: int) -> Tensor:
        return as_float(self.observations[index % len(self.observations)])


def as_float(batch: Tensor) -> Tensor:
    """Return images as floats in [0, 1], and points as they are."""
    return batch.float().div_(255) if batch.dtype == torch.uint8 else batch
