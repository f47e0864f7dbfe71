"""The examples of docs/foreign_models.md, on models that do not use this package."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lr_lightning.assays import WrappedAutoencoder, encode_means, posterior_std, response
from lr_lightning.assays.protocol import modules_of

TEXT = (Path(__file__).parents[2] / "docs" / "foreign_models.md").read_text()
PLAIN, STANDARDIZED, ADAPTER, ROWS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


class AutoencoderKL(nn.Module):
    """The interface of the class of that name in diffusers: spatial latents, and outputs inside objects."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 4, stride=4)  # 4 channels of means, 4 of log-variances
        self.up = nn.ConvTranspose2d(4, 3, 4, stride=4)
        self.drop = nn.Dropout(0.5)

    def encode(self, x: Tensor) -> SimpleNamespace:
        """Return the posterior of images in [-1, 1]."""
        assert x.min() >= -1
        mean, logvar = self.down(self.drop(x)).chunk(2, dim=1)
        return SimpleNamespace(latent_dist=SimpleNamespace(mean=mean, logvar=logvar, sample=mean.clone))

    def decode(self, z: Tensor) -> SimpleNamespace:
        """Return images in [-1, 1] of latents (B, 4, H, W)."""
        assert z.ndim == 4
        return SimpleNamespace(sample=self.up(z).tanh())


def built(make: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(12, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def vae() -> AutoencoderKL:
    model: AutoencoderKL = built(AutoencoderKL)
    return model


def wrapped(vae: AutoencoderKL) -> WrappedAutoencoder:
    names: dict[str, Any] = {}
    exec(ADAPTER, names)
    model = names["wrap_autoencoder_kl"](vae, (4, 4, 4))
    assert isinstance(model, WrappedAutoencoder)
    return model


@pytest.mark.filterwarnings("ignore:independence is undefined")  # untrained
def test_plain_model() -> None:
    net = built(
        lambda: nn.ModuleDict(
            {
                "encoder": nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(784, 16)),
                "decoder": nn.Sequential(nn.Linear(8, 784), nn.Unflatten(1, (1, 28, 28))),
            }
        )
    )
    images = torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    names: dict[str, Any] = {"net": SimpleNamespace(encoder=net["encoder"], decoder=net["decoder"]), "images": images}
    exec(PLAIN, names)
    assert net.training
    net.eval()
    torch.testing.assert_close(names["codes"], net["encoder"](images)[:, :8].detach())
    assert names["result"].matrix.shape == (8, 8)
    assert names["scores"].activity.shape == (8,)
    exec(STANDARDIZED, names)
    torch.testing.assert_close(names["codes"].mean(dim=0), torch.zeros(8), rtol=0, atol=1e-5)
    torch.testing.assert_close(names["codes"].std(dim=0, correction=0), torch.ones(8))


def test_spatial_latents_are_flattened_and_given_their_shape_back(vae: AutoencoderKL, images: Tensor) -> None:
    model = wrapped(vae)
    assert model.latent_dim == 4 * 4 * 4
    assert modules_of(model) == [vae]
    codes = encode_means(model, images, chunk_size=5)
    assert vae.training  # it was in evaluation mode, without dropout, only while the assay ran
    vae.eval()
    posterior = vae.encode(2 * images - 1).latent_dist
    torch.testing.assert_close(codes.view(12, 4, 4, 4), posterior.mean.detach())
    torch.testing.assert_close(posterior_std(model.encode(images)), (0.5 * posterior.logvar).exp().flatten(1))
    again = vae.encode(vae.decode(posterior.mean).sample).latent_dist.mean
    torch.testing.assert_close(response(model, codes).view(12, 4, 4, 4), again.detach(), rtol=1e-4, atol=1e-6)


def test_rows_of_a_large_response_matrix(vae: AutoencoderKL, images: Tensor) -> None:
    names: dict[str, Any] = {"vae": vae, "images": images, "latent_shape": (4, 4, 4)}
    exec(ADAPTER, names)
    exec(ROWS, names)
    assert names["result"].latents == (10, 26, 42, 58)  # row 2, column 2 of each channel
    responses = names["responses"]
    assert responses.shape == (4, 4, 4, 4)
    # both convolutions have strides as wide as their kernels: an intervention is felt at its own place only
    elsewhere = torch.ones(4, 4, dtype=torch.bool)
    elsewhere[2, 2] = False
    assert responses[:, :, elsewhere].abs().max().item() < 1e-6
    assert responses[:, :, 2, 2].min().item() > 1e-6
