"""Loss of the regularized autoencoder, and its gradient penalty in validation."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.data import FactorDataset
from lr_lightning.losses import Gaussian
from lr_lightning.models import RAE, Autoencoder, LinearSchedule
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer


@pytest.fixture
def network() -> MLP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(3, (3, 8, 8), widths=(16,), variational=False)


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_objective_with_the_norm_of_the_weights(network: MLP, images: Tensor) -> None:
    codes = network.encoder(images)
    reconstruction = F.binary_cross_entropy_with_logits(network.decoder(codes), images, reduction="sum") / 5
    code_norm = (codes**2).sum() / 5 / 2
    weights = torch.cat([parameter.flatten() for parameter in network.decoder.parameters()]).norm() ** 2
    objective = RAE(network, beta=3.0, decoder_weight=0.5).objective(images, torch.Generator())
    # Relative, for sums of 960 float32 terms.
    torch.testing.assert_close(objective.loss, reconstruction + 3 * code_norm + 0.5 * weights, rtol=1e-5, atol=0)
    expected = {"reconstruction": reconstruction, "code_norm": code_norm, "decoder_weight_norm": weights}
    assert objective.terms.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(objective.terms[name], value.detach(), rtol=1e-5, atol=0)
    assert torch.equal(objective.codes, codes)
    assert objective.log_variances is None


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_objective_with_the_gradient_of_decoded_observations(network: MLP, images: Tensor, likelihood: str) -> None:
    options: dict[str, Any] = {} if likelihood == "bernoulli" else {"likelihood": Gaussian()}
    model = RAE(network, beta=3.0, decoder_penalty="gradient", decoder_weight=0.5, **options)
    objective = model.objective(images, torch.Generator().manual_seed(4))
    codes = model.encode(images).detach().requires_grad_()
    raw = network.decoder(codes)
    decoded = raw.sigmoid() if likelihood == "bernoulli" else raw
    signs = 2 * torch.randint(2, (5, 3, 8, 8), generator=torch.Generator().manual_seed(4), dtype=torch.float32) - 1
    (pulled,) = torch.autograd.grad((decoded * signs).sum(), codes)
    expected = pulled.square().sum() / 5
    torch.testing.assert_close(objective.terms["decoder_gradient_norm"], expected, rtol=1e-5, atol=0)
    rest = Autoencoder(network, **options).objective(images, torch.Generator()).loss + 3 * (codes**2).sum() / 5 / 2
    torch.testing.assert_close(objective.loss, (rest + 0.5 * expected).detach(), rtol=1e-5, atol=0, check_stride=False)
    assert objective.terms.keys() == {"reconstruction", "code_norm", "decoder_gradient_norm"}


def test_gradient_penalty_flattens_the_decoder(network: MLP, images: Tensor) -> None:
    model = RAE(network, beta=0.0, decoder_penalty="gradient", decoder_weight=100.0)
    optimizer, norms = torch.optim.Adam(network.decoder.parameters(), lr=1e-2), []
    for _ in range(30):
        optimizer.zero_grad()
        objective = model.objective(images, torch.Generator().manual_seed(0))
        objective.loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        norms.append(objective.terms["decoder_gradient_norm"].item())
    assert norms[-1] < 0.5 * norms[0]


def test_weight_penalty_is_part_of_the_gradient(network: MLP) -> None:
    model = RAE(network, beta=0.0, decoder_weight=0.5)
    model.penalty(torch.zeros(2, 3), torch.Generator()).value.backward()  # type: ignore[no-untyped-call]
    for parameter in network.decoder.parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, parameter.detach())  # 0.5 * 2 theta
    assert all(parameter.grad is None for parameter in network.encoder.parameters())


@pytest.mark.parametrize("inference_mode", [True, False])
def test_gradient_norm_is_logged_in_validation(
    tmp_path: Path, bars: FactorDataset, network: MLP, inference_mode: bool
) -> None:
    model = RAE(network, decoder_penalty="gradient", decoder_weight=2.0)
    trainer = tiny_trainer(tmp_path, inference_mode=inference_mode)
    [logged] = trainer.validate(model, datamodule=tiny_data(bars), verbose=False)
    assert logged["val/decoder_gradient_norm"] > 0
    expected = logged["val/reconstruction"] + 0.01 * logged["val/code_norm"] + 2 * logged["val/decoder_gradient_norm"]
    assert logged["val/loss"] == pytest.approx(expected, rel=1e-5)  # float32


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # torch's compiler looks at it
def test_trains_a_compiled_network_with_the_gradient_penalty(network: MLP, images: Tensor) -> None:
    losses = []
    for compiled in (False, True):
        model = RAE(network, decoder_penalty="gradient")
        if compiled:
            network.decoder.compile(backend="aot_eager")  # graphs that cannot be differentiated twice
        network.zero_grad()
        loss = model.objective(images, torch.Generator().manual_seed(0)).loss
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append((loss.detach(), [parameter.grad for parameter in network.parameters()]))
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=1e-5)  # float32, in another order


def test_weights_have_defaults_and_can_follow_the_step(network: MLP) -> None:
    default = RAE(network)
    assert (default.beta, default.decoder_penalty, default.decoder_weight) == (0.01, "weight", 1e-4)
    model, values = RAE(network, LinearSchedule(0.0, 4.0, 2), decoder_weight=LinearSchedule(1.0, 0.0, 2)), []
    for model.steps_trained in range(3):
        penalty = model.penalty(torch.ones(4, 3), torch.Generator())
        values.append(penalty.value.item())
    norm = penalty.terms["decoder_weight_norm"].item()
    assert values == pytest.approx([norm, 2 * 1.5 + 0.5 * norm, 4 * 1.5], rel=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": -1.0}, r"beta.*-1\.0"),
        ({"decoder_weight": float("inf")}, r"decoder_weight.*inf"),
        ({"decoder_penalty": "spectral_norm"}, r"decoder_penalty.*'spectral_norm'"),
    ],
)
def test_rejects(network: MLP, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RAE(network, **options)


def test_rejects_a_variational_network() -> None:
    with pytest.raises(ValueError, match=r"RAE.*variational=False"):
        RAE(MLP(3, (3, 8, 8)))
