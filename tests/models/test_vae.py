"""Negative ELBO compared with torch.distributions, and the model's interface to assays."""

from typing import Any, cast

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from lr_lightning.assays import Autoencoder
from lr_lightning.losses import Gaussian
from lr_lightning.models import VAE
from lr_lightning.networks import MLP


def make(**options: Any) -> VAE:
    """Return a small model with the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VAE(MLP(3, (3, 8, 8), widths=(16,)), **options)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def posterior(model: VAE, images: Tensor) -> Normal:
    means, log_variances = model.network.encoder(images).chunk(2, dim=1)
    return Normal(means, log_variances.exp().sqrt())


def noise(seed: int) -> Tensor:
    """The noise that an objective on five images draws from a generator with this seed."""
    return torch.randn(5, 3, generator=torch.Generator().manual_seed(seed))


def test_objective_is_the_negative_elbo(images: Tensor) -> None:
    model = make()
    q = posterior(model, images)
    logits = model.network.decoder(q.mean + q.stddev * noise(7))
    reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / 5
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum() / 5
    objective = model.objective(images, torch.Generator().manual_seed(7))
    # Relative, for sums of 960 float32 terms.
    torch.testing.assert_close(objective.loss, reconstruction + kl, rtol=1e-5, atol=0)
    torch.testing.assert_close(objective.terms["reconstruction"], reconstruction.detach(), rtol=1e-5, atol=0)
    torch.testing.assert_close(objective.terms["kl"], kl.detach(), rtol=1e-5, atol=0)
    assert objective.terms.keys() == {"reconstruction", "kl"}


def test_leeb2022_replaces_the_kl_by_that_of_the_released_code(images: Tensor) -> None:
    model = make(kl="leeb2022")
    q = posterior(model, images)
    expected = (q.mean**2 + q.stddev - q.stddev.log() - 1).sum() / 2 / 5
    objective = model.objective(images, torch.Generator().manual_seed(7))
    gaussian = make().objective(images, torch.Generator().manual_seed(7))
    torch.testing.assert_close(objective.terms["kl"], expected.detach(), rtol=1e-5, atol=0)
    assert objective.terms["reconstruction"] == gaussian.terms["reconstruction"]
    assert objective.terms["kl"] != gaussian.terms["kl"]


def test_likelihood_can_be_chosen(images: Tensor) -> None:
    model = make(likelihood=Gaussian(0.5))
    q = posterior(model, images)
    raw = model.network.decoder(q.mean + q.stddev * noise(7))
    terms = model.objective(images, torch.Generator().manual_seed(7)).terms
    expected = (raw - images).square().sum().detach() / 5 / 2 / 0.25
    torch.testing.assert_close(terms["reconstruction"], expected, rtol=1e-5, atol=0)


def test_copies_of_a_batch_do_not_change_the_kl(images: Tensor) -> None:
    model = make()
    once = model.objective(images, torch.Generator()).terms["kl"]
    thrice = model.objective(images.repeat(3, 1, 1, 1), torch.Generator()).terms["kl"]
    torch.testing.assert_close(thrice, once, rtol=1e-5, atol=0)


def test_objective_reports_the_posterior_without_gradients(images: Tensor) -> None:
    model = make()
    q = posterior(model, images)
    objective = model.objective(images, torch.Generator())
    assert torch.equal(objective.codes, q.mean)
    # Round-off of numbers of order 1.
    torch.testing.assert_close(objective.log_variances, 2 * q.stddev.log().detach(), rtol=0, atol=1e-6)
    reported = [objective.codes, cast(Tensor, objective.log_variances), *objective.terms.values()]
    assert not any(x.requires_grad for x in reported)
    assert objective.loss.requires_grad


def test_encode_gives_the_posterior(images: Tensor) -> None:
    model = make()
    q, expected = model.encode(images), posterior(model, images)
    assert isinstance(q, Normal)
    assert torch.equal(q.mean, expected.mean)
    torch.testing.assert_close(q.stddev, expected.stddev, rtol=1e-6, atol=0)  # exp(v / 2) against sqrt(exp(v))


def test_is_an_autoencoder_to_the_assays(images: Tensor) -> None:
    model = make()
    codes = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))
    decoded = model.decode(codes)
    assert isinstance(model, Autoencoder)
    assert model.latent_dim == 3
    assert decoded.shape == (4, 3, 8, 8)
    assert ((decoded >= 0) & (decoded <= 1)).all()
    assert torch.equal(model.response(codes), posterior(model, model.network.decoder(codes).sigmoid()).mean)
    assert torch.equal(model(images), model.network.decoder(posterior(model, images).mean).sigmoid())


def test_posterior_and_loss_are_float32_under_mixed_precision(images: Tensor) -> None:
    model = make()
    with torch.autocast("cpu", torch.bfloat16):
        q = model.encode(images)
        objective = model.objective(images, torch.Generator())
        decoded = model.decode(q.mean)
    tensors = [q.mean, q.stddev, decoded, objective.loss, objective.codes, *objective.terms.values()]
    assert {x.dtype for x in tensors} == {torch.float32}


def test_rejects_a_deterministic_network() -> None:
    with pytest.raises(ValueError, match=r"VAE.*variational=False"):
        VAE(MLP(3, (3, 8, 8), variational=False))


def test_rejects_an_unknown_kl() -> None:
    with pytest.raises(ValueError, match=r"kl.*'reverse'"):
        make(kl="reverse")
