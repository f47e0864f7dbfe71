"""Bits per dimension of VAEs: closed forms, a numeric bound, and when they are logged."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm
from torch import Tensor, nn
from typing_extensions import override

from lr_lightning.data import FactorDataset, FactorSpace
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.losses import Bernoulli, DiscretizedLogisticMixture, Gaussian, Laplace, Likelihood
from lr_lightning.models import VAE, Autoencoder, AutoencoderModule, BetaVAE, SeedEnsemble
from lr_lightning.networks import MLP, AutoencoderNetwork
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer
from tests.models.test_base import Recorder

KEY = "bits_per_dimension"
CALIBRATED = [Gaussian(), Gaussian(optimal_std=True), Laplace(0.3), DiscretizedLogisticMixture(2)]


class Flat(Likelihood):
    """All 256 values have the same probability."""

    @override
    def mean(self, raw: Tensor) -> Tensor:
        return torch.full_like(raw, 0.5)

    @override
    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        return 0 * raw.flatten(1).sum(dim=1)

    @override
    def negative_log_probability(self, raw: Tensor, observations: Tensor) -> Tensor:
        return torch.full((len(raw),), observations[0].numel() * math.log(256))


class Outputs(nn.Module):
    """Returns the same output for each input."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = nn.Parameter(output)

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        return self.output.expand(len(inputs), *self.output.shape)


def model(likelihood: Likelihood, kind: type[VAE] = VAE, **options: Any) -> VAE:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MLP(3, (3, 8, 8), widths=(16,), parameters_per_value=likelihood.parameters_per_value)
        return kind(network, likelihood=likelihood, **options)


def linear(likelihood: Likelihood, mean: float, log_variance: float) -> VAE:
    """Return a VAE with one latent whose posterior is the same for all images, and a linear decoder of four pixels."""
    layer = nn.Linear(1, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.1], [0.2], [-0.1], [0.0]]))
        layer.bias.copy_(torch.tensor([0.5, 0.2, 0.4, 0.9]))
    decoder = nn.Sequential(layer, nn.Unflatten(1, (1, 2, 2)))
    encoder = Outputs(torch.tensor([mean, log_variance]))
    return VAE(AutoencoderNetwork(encoder, decoder, 1, (1, 2, 2)), likelihood=likelihood).eval()


def bits(model: VAE, images: Tensor) -> float:
    with torch.no_grad():
        return float(model.objective(images, torch.Generator().manual_seed(0)).terms[KEY])


def test_a_flat_distribution_of_values_costs_eight_bits(bars: FactorDataset) -> None:
    network = AutoencoderNetwork(Outputs(torch.zeros(6)), Outputs(torch.zeros(3, 8, 8)), 3, (3, 8, 8))
    images = torch.randint(256, (16, 3, 8, 8), generator=torch.Generator().manual_seed(0)) / 255
    assert bits(VAE(network, likelihood=Flat()).eval(), images) == pytest.approx(8, rel=1e-6)


def test_two_values_cost_one_bit_and_the_divergence_of_the_codes() -> None:
    output = torch.tensor([[0.0, 0.0], [2 * 51 / 255 - 0.5, 2 * 204 / 255 - 1.5], [-9.0, -9.0]]).view(6, 1, 1)
    encoder = Outputs(torch.tensor([2.0, 0.0]))  # KL of 2 nats
    network = AutoencoderNetwork(encoder, Outputs(output), 1, (1, 1, 1), parameters_per_value=6)
    images = torch.tensor([51, 204, 204]).view(3, 1, 1, 1) / 255
    found = bits(VAE(network, likelihood=DiscretizedLogisticMixture(2)).eval(), images)
    assert found == pytest.approx(1 + 2 / math.log(2), abs=0.06)  # 3.6% of each component are in other bins


@pytest.mark.parametrize(("scale", "mean", "log_variance"), [(0.1, 0.3, -1.0), (0.01, -0.2, -3.0), (1.0, 0.0, 0.0)])
def test_is_the_numerically_integrated_bound(scale: float, mean: float, log_variance: float) -> None:
    """Quadrature over the code gives the negative ELBO of an image; that over the prior is the probability itself."""
    image = np.array([130, 60, 95, 255]) / 255
    weights, biases = np.array([0.1, 0.2, -0.1, 0.0]), np.array([0.5, 0.2, 0.4, 0.9])
    codes = np.linspace(-8, 8, 1601)
    density = norm.pdf(codes) / norm.pdf(codes).sum()
    inside = (np.arange(100) + 0.5) / 100 - 0.5  # of a bin

    def log_probability(codes: Any) -> Any:
        means = (codes[:, None] * weights + biases)[..., None]
        bins = norm.logpdf(image[:3, None] + inside / 255, means[:, :3], scale)
        last = norm.logsf(image[3] - 0.5 / 255, means[:, 3, 0], scale)  # the last bin is open
        return (logsumexp(bins, axis=2) - math.log(100 * 255)).sum(axis=1) + last

    std = math.exp(0.5 * log_variance)
    kl = 0.5 * (std**2 + mean**2 - 1 - log_variance)
    bound = (kl - (density * log_probability(mean + std * codes)).sum()) / (4 * math.log(2))
    batch = torch.tensor(image, dtype=torch.float32).view(1, 1, 2, 2).expand(20_000, -1, -1, -1)
    found = bits(linear(Gaussian(scale), mean, log_variance), batch)
    samples = -log_probability(mean + std * np.random.default_rng(0).standard_normal(2_000)) / (4 * math.log(2))
    assert found == pytest.approx(bound, abs=5 * samples.std() / math.sqrt(20_000) + 1e-5)
    probability = (density * np.exp(log_probability(codes))).sum()
    assert bound >= -math.log2(probability) / 4


def test_fine_bins_are_the_density() -> None:
    """For scales far above a level, the mass of a bin is its width times the density."""
    images = torch.randint(40, 200, (8, 1, 2, 2), generator=torch.Generator().manual_seed(0)) / 255
    vae = linear(Gaussian(0.5, learn_std=True), 0.0, -20.0)
    density = vae.objective(images, torch.Generator().manual_seed(0))
    nats = density.terms["reconstruction"] + 4 * (0.5 * math.log(2 * math.pi) + math.log(255)) + density.terms["kl"]
    assert bits(vae, images) == pytest.approx(nats.item() / (4 * math.log(2)), abs=1e-4)


@pytest.mark.parametrize("kind", [{"beta": 4.0}, {"kl": "leeb2022", "beta": 0.0}])
def test_is_a_bound_whatever_the_loss(bars: FactorDataset, kind: dict[str, Any]) -> None:
    images = bars.images(torch.arange(8)) / 255
    plain = bits(model(Gaussian(0.2)).eval(), images)
    assert bits(model(Gaussian(0.2), BetaVAE, **kind).eval(), images) == plain


@pytest.mark.parametrize("stage", ["val", "test"])
@pytest.mark.parametrize("likelihood", CALIBRATED, ids=lambda x: type(x).__name__)
def test_is_logged_for_eight_bit_images(
    tmp_path: Path, bars: FactorDataset, likelihood: Likelihood, stage: str
) -> None:
    trainer, data, vae = tiny_trainer(tmp_path), tiny_data(bars, test_size=12), model(likelihood)
    evaluate = trainer.validate if stage == "val" else trainer.test
    [logged] = evaluate(vae, datamodule=data, verbose=False)
    assert {*logged} == {f"{stage}/{term}" for term in ("loss", "reconstruction", "kl", KEY)}
    if isinstance(likelihood, DiscretizedLogisticMixture):
        nats = logged[f"{stage}/reconstruction"] + logged[f"{stage}/kl"]
        assert logged[f"{stage}/{KEY}"] == pytest.approx(nats / (192 * math.log(2)), rel=1e-6)


def test_is_logged_for_each_seed(tmp_path: Path, bars: FactorDataset) -> None:
    together = SeedEnsemble([model(Gaussian(0.2)), model(Gaussian(0.1))], (0, 1))
    [logged] = tiny_trainer(tmp_path).validate(together, datamodule=tiny_data(bars), verbose=False)
    values = [logged[f"seed_{seed}/val/{KEY}"] for seed in (0, 1)]
    assert logged[f"val/{KEY}"] == pytest.approx(sum(values) / 2, rel=1e-6)
    [logged] = tiny_trainer(tmp_path).test(together, datamodule=tiny_data(points()), verbose=False)
    assert not any(KEY in key for key in logged)


def points() -> TensorFactorDataset:
    """Return images of floats, of which only the last is not one of the 256 values."""
    images = torch.zeros(24, 3, 8, 8)
    images[-1, 0, 0, 0] = 0.5
    return TensorFactorDataset("floats", images, torch.zeros(24, 1, dtype=torch.int64), FactorSpace(["nothing"], [1]))


@pytest.mark.parametrize("likelihood", CALIBRATED, ids=lambda x: type(x).__name__)
def test_is_not_logged_for_other_observations(tmp_path: Path, likelihood: Likelihood) -> None:
    """A single pixel in the last batch is enough."""
    [logged] = tiny_trainer(tmp_path).test(model(likelihood), datamodule=tiny_data(points()), verbose=False)
    assert {*logged} == {"test/loss", "test/reconstruction", "test/kl"}


def deterministic() -> Autoencoder:
    return Autoencoder(MLP(3, (3, 8, 8), widths=(16,), variational=False), likelihood=Gaussian())


@pytest.mark.parametrize("without", [model(Bernoulli()), deterministic()], ids=["Bernoulli", "Autoencoder"])
def test_is_not_logged_without_a_bound(tmp_path: Path, bars: FactorDataset, without: AutoencoderModule) -> None:
    assert KEY not in without.term_names()
    [logged] = tiny_trainer(tmp_path).validate(without, datamodule=tiny_data(bars), verbose=False)
    assert f"val/{KEY}" not in logged


def test_is_no_term_of_training(tmp_path: Path, bars: FactorDataset) -> None:
    recorder = Recorder()
    trainer = tiny_trainer(tmp_path, logger=recorder, log_every_n_steps=1, max_epochs=1)
    trainer.fit(model(Gaussian(0.2)), datamodule=tiny_data(bars))
    assert not any(f"train/{KEY}" in row for _, row in recorder.rows)
    assert any(f"val/{KEY}" in row for _, row in recorder.rows)
