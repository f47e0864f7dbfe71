"""Objective of the ladder autoencoder compared with torch.distributions, for each group."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from lr_lightning.assays import Autoencoder
from lr_lightning.data import FactorDataset
from lr_lightning.models import VLAE, BetaVAE, LinearSchedule, Posterior
from lr_lightning.networks import MLP, GroupedNetwork, LadderConv64, StructuralConv64
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer, weights


def small_network(seed: int = 0, num_groups: int = 3) -> GroupedNetwork:
    """Return a network for images (3, 8, 8) with six latents."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        parts = MLP(6, (3, 8, 8), widths=(16,))
        return GroupedNetwork(parts.encoder, parts.decoder, 6, num_groups, (3, 8, 8))


def make(seed: int = 0, **options: Any) -> VLAE:
    return VLAE(small_network(seed), optimizer=lambda p: torch.optim.Adam(p, lr=1e-2), **options)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_objective_is_the_negative_elbo_with_a_kl_for_each_group(images: Tensor, beta: float) -> None:
    model = make(beta=beta)
    means, log_variances = model.network.encoder(images).chunk(2, dim=1)
    q = Normal(means, log_variances.exp().sqrt())
    codes = means + q.stddev * torch.randn(5, 6, generator=torch.Generator().manual_seed(7))
    reconstruction = F.binary_cross_entropy_with_logits(model.network.decoder(codes), images, reduction="sum") / 5
    kl = (kl_divergence(q, Normal(0.0, 1.0)).sum(dim=0) / 5).detach()  # of each latent, averaged over the batch
    objective = model.objective(images, torch.Generator().manual_seed(7))
    expected = {"kl": kl.sum(), "kl_0": kl[0] + kl[1], "kl_1": kl[2] + kl[3], "kl_2": kl[4] + kl[5]}
    # Relative, for sums of 960 float32 terms. The loss is some 130 nats, the KL 0.2, so the terms are compared too.
    torch.testing.assert_close(objective.loss, reconstruction + beta * expected["kl"], rtol=1e-5, atol=0)
    terms = {name: term for name, term in objective.terms.items() if name != "reconstruction"}
    torch.testing.assert_close(terms, expected, rtol=1e-5, atol=0)


def test_group_0_has_the_first_latents() -> None:
    means = torch.tensor([[2.0, 4.0, 0.0, 0.0, 0.0, 6.0], [0.0] * 6])
    penalty = make().penalty(Posterior(means, torch.zeros(2, 6), means), torch.tensor(14.0), torch.Generator())
    # Half the squared means, averaged over two observations.
    assert {name: term.item() for name, term in penalty.terms.items()} == {"kl_0": 5.0, "kl_1": 0.0, "kl_2": 9.0}
    assert penalty.value.item() == 14.0


def test_number_of_groups_is_that_of_the_network(images: Tensor) -> None:
    for num_groups in (1, 2, 6):
        terms = VLAE(small_network(num_groups=num_groups)).objective(images, torch.Generator()).terms
        assert [name for name in terms if name.startswith("kl_")] == [f"kl_{group}" for group in range(num_groups)]


def test_groups_follow_the_form_of_the_kl(images: Tensor) -> None:
    model = make(kl="leeb2022")
    means, log_variances = model.network.encoder(images).chunk(2, dim=1)
    stds = log_variances.exp().sqrt()
    expected = (means**2 + stds - stds.log() - 1)[:, :2].sum() / 2 / 5
    terms = model.objective(images, torch.Generator()).terms
    torch.testing.assert_close(terms["kl_0"], expected.detach(), rtol=1e-5, atol=0)
    assert terms["kl_0"] != make().objective(images, torch.Generator()).terms["kl_0"]


def test_is_trained_as_the_beta_vae_with_its_network(images: Tensor) -> None:
    models = [VLAE(small_network(), 2.0), BetaVAE(small_network(), 2.0)]
    losses = [model.objective(images, torch.Generator().manual_seed(7)).loss for model in models]
    assert losses[0] == losses[1]


def test_default_beta_is_one_and_can_follow_the_step() -> None:
    assert make().beta == 1.0
    model = make(beta=LinearSchedule(0.0, 8.0, num_steps=4))
    model.steps_trained = 3
    assert model.penalty(Posterior(*torch.zeros(3, 2, 6)), torch.tensor(2.0), torch.Generator()).value == 12.0


def test_reports_without_gradients_and_trains_every_parameter() -> None:
    model = VLAE(LadderConv64(12, 4))
    objective = model.objective(torch.rand(2, 3, 64, 64), torch.Generator().manual_seed(0))
    assert not any(term.requires_grad for term in objective.terms.values())
    objective.loss.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.any() for p in model.network.parameters())


def test_is_an_autoencoder_to_the_assays() -> None:
    model = VLAE(LadderConv64(12, 3))
    assert isinstance(model, Autoencoder)
    images = torch.rand(2, 3, 64, 64)
    q = model.encode(images)
    assert isinstance(q, Normal)
    assert (model.latent_dim, q.mean.shape, model.decode(q.mean).shape) == (12, (2, 12), images.shape)
    # The encoder gives logarithms of standard deviations.
    torch.testing.assert_close(q.stddev, model.network.encoder(images)[:, 12:].exp(), rtol=1e-5, atol=0)


def test_training_goes_on_after_a_resume_as_without_one(tmp_path: Path, bars: FactorDataset) -> None:
    whole, half, rest = make(), make(), make(seed=1)
    rest.noise_seed = 123  # comes from the checkpoint
    tiny_trainer(tmp_path, max_epochs=4, limit_val_batches=0).fit(whole, datamodule=tiny_data(bars))
    trainer = tiny_trainer(tmp_path, max_epochs=2, limit_val_batches=0)
    trainer.fit(half, datamodule=tiny_data(bars))
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    trainer = tiny_trainer(tmp_path, max_epochs=4, limit_val_batches=0)
    trainer.fit(rest, datamodule=tiny_data(bars), ckpt_path=tmp_path / "half.ckpt")
    assert torch.equal(weights(rest), weights(whole))
    loaded = VLAE.load_from_checkpoint(tmp_path / "half.ckpt", network=small_network(seed=1))
    assert torch.equal(weights(loaded), weights(half))


def test_rejects_networks_without_groups_or_posterior_and_a_negative_beta() -> None:
    with pytest.raises(TypeError, match=r"VLAE.*MLP"):
        VLAE(MLP())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"VLAE.*variational=False"):
        VLAE(StructuralConv64())
    with pytest.raises(ValueError, match=r"beta.*-1\.0"):
        VLAE(small_network(), beta=-1.0)
