"""Objective and codes of the deterministic autoencoder."""

import pytest
import torch
from torch.nn import functional as F

from lr_lightning.assays import Autoencoder as AssayedAutoencoder
from lr_lightning.losses import Gaussian
from lr_lightning.models import Autoencoder
from lr_lightning.networks import MLP


def make() -> Autoencoder:
    """Return a small model with the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Autoencoder(MLP(3, (3, 8, 8), widths=(16,), variational=False))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_objective_sums_over_pixels_and_averages_over_the_batch(images: torch.Tensor) -> None:
    model = make()
    codes = model.network.encoder(images)
    expected = F.binary_cross_entropy_with_logits(model.network.decoder(codes), images, reduction="sum") / 5
    objective = model.objective(images, torch.Generator())
    # Relative, for sums of 960 float32 terms.
    torch.testing.assert_close(objective.loss, expected, rtol=1e-5, atol=0)
    assert objective.terms == {"reconstruction": objective.loss}
    assert torch.equal(objective.codes, codes)
    assert objective.log_variances is None


def test_likelihood_can_be_chosen(images: torch.Tensor) -> None:
    model = Autoencoder(make().network, likelihood=Gaussian(0.5))
    raw = model.network.decoder(model.network.encoder(images))
    loss = model.objective(images, torch.Generator()).loss
    torch.testing.assert_close(loss, (raw - images).square().sum() / 5 / 2 / 0.25, rtol=1e-5, atol=0)
    assert torch.equal(model.decode(model.encode(images)), raw)


def test_does_not_draw(images: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(0)
    state = generator.get_state()
    make().objective(images, generator)
    assert torch.equal(generator.get_state(), state)


def test_keeps_no_gradients_in_what_it_reports(images: torch.Tensor) -> None:
    objective = make().objective(images, torch.Generator())
    assert objective.loss.requires_grad
    assert not objective.codes.requires_grad
    assert not objective.terms["reconstruction"].requires_grad


def test_is_an_autoencoder_to_the_assays(images: torch.Tensor) -> None:
    model = make()
    codes = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))
    decoded = model.decode(codes)
    assert isinstance(model, AssayedAutoencoder)
    assert model.latent_dim == 3
    assert decoded.shape == (4, 3, 8, 8)
    assert ((decoded >= 0) & (decoded <= 1)).all()
    assert torch.equal(model.response(codes), model.network.encoder(model.network.decoder(codes).sigmoid()))
    assert torch.equal(model(images), model.network.decoder(model.network.encoder(images)).sigmoid())


def test_rejects_a_variational_network() -> None:
    with pytest.raises(ValueError, match=r"Autoencoder.*variational=False"):
        Autoencoder(MLP(3, (3, 8, 8)))
