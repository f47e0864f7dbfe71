"""Quantization, gradients and weight decay of the quantized-latent autoencoder."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback
from torch import Tensor
from torch.nn import functional as F
from typing_extensions import override

from lr_lightning.assays import Autoencoder as AssayedAutoencoder
from lr_lightning.data import FactorDataset
from lr_lightning.losses import Gaussian
from lr_lightning.models import QLAE, LinearSchedule
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer


def make(**options: Any) -> QLAE:
    """Return a small model with the same weights each time, and values that differ from latent to latent."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = QLAE(MLP(3, (3, 8, 8), widths=(16,), variational=False), **({"num_values": 4} | options))
    with torch.no_grad():
        model.codebook.add_(torch.randn(model.codebook.shape, generator=torch.Generator().manual_seed(5)), alpha=0.1)
    return model


@pytest.fixture
def images() -> Tensor:
    return torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def brute_force(model: QLAE, codes: Tensor) -> Tensor:
    """Return the nearest value of each latent, one number at a time."""
    values = model.codebook.tolist()
    return torch.tensor(
        [[min(values[d], key=lambda v: abs(v - code)) for d, code in enumerate(row)] for row in codes.tolist()]
    )


def test_values_start_evenly_spaced_around_zero() -> None:
    codebook = QLAE(MLP(3, (3,), variational=False)).codebook
    assert codebook.shape == (3, 10)
    for values in codebook:
        torch.testing.assert_close(values.detach(), torch.arange(10) / 9 - 0.5)


def test_encodes_to_the_nearest_values_to_the_bit(images: Tensor) -> None:
    model = make()
    codes = model.encode(images)
    assert torch.equal(codes, brute_force(model, model.network.encoder(images)))
    assert all(set(codes[:, d].tolist()) <= set(model.codebook[d].tolist()) for d in range(3))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_codes_are_float32_whatever_the_precision_of_the_weights(dtype: torch.dtype, images: Tensor) -> None:
    model = make().to(dtype)
    objective = model.objective(images, torch.Generator())
    assert model.encode(images).dtype == objective.codes.dtype == objective.terms["quantization"].dtype == torch.float32
    torch.testing.assert_close(objective.codes, brute_force(model, model.network.codes(images)))


def test_objective_is_the_reconstruction_and_both_gaps(images: Tensor) -> None:
    model = make(quantization_weight=3.0, commitment_weight=0.5)
    codes = model.network.encoder(images)
    values = brute_force(model, codes)
    logits = model.network.decoder(values)
    reconstruction = F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / 5
    gap = ((codes - values) ** 2).sum() / 5
    objective = model.objective(images, torch.Generator())
    # Relative, for sums of 960 float32 terms.
    torch.testing.assert_close(objective.loss, reconstruction + 3.5 * gap, rtol=1e-5, atol=0)
    expected = {"reconstruction": reconstruction, "quantization": gap, "commitment": gap}
    assert objective.terms.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(objective.terms[name], value.detach(), rtol=1e-5, atol=0)
    # The authors' code averages over 192 pixels and 3 latents; 192 times its loss with weights of 0.01 is this one.
    authors = 192 * (F.binary_cross_entropy_with_logits(logits, images) + 2 * 0.01 * ((codes - values) ** 2).mean())
    scaled = make(quantization_weight=0.01 * 192 / 3, commitment_weight=0.01 * 192 / 3)
    torch.testing.assert_close(scaled.objective(images, torch.Generator()).loss, authors, rtol=1e-5, atol=0)
    assert torch.equal(objective.codes, values)
    assert objective.log_variances is None


def test_gradient_of_the_reconstruction_reaches_the_encoder_as_if_nothing_was_quantised(images: Tensor) -> None:
    model = make(quantization_weight=0.0, commitment_weight=0.0)
    given: list[Tensor] = []
    model.network.encoder.register_forward_hook(lambda *call: given.append(call[-1]))
    loss = model.objective(images, torch.Generator()).loss
    values = brute_force(model, given[0]).requires_grad_()
    direct = F.binary_cross_entropy_with_logits(model.network.decoder(values), images, reduction="sum") / 5
    (expected,) = torch.autograd.grad(direct, values)
    (found,) = torch.autograd.grad(loss, given[0], retain_graph=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)  # float32
    assert found.abs().min() > 0
    (codebook,) = torch.autograd.grad(loss, model.codebook, allow_unused=True, materialize_grads=True)
    assert codebook.abs().max() == 0


def test_quantisation_alone_moves_the_values(images: Tensor) -> None:
    first, second = make(quantization_weight=2.0, commitment_weight=0.0), make(quantization_weight=0.0)
    for model in (first, second):
        model.objective(images, torch.Generator()).loss.backward()  # type: ignore[no-untyped-call]
    codes = first.network.encoder(images).detach()
    expected = torch.zeros(3, 4)
    for row, chosen in zip(codes, brute_force(first, codes), strict=True):
        for d in range(3):
            index = first.codebook[d].tolist().index(chosen[d].item())
            expected[d, index] += 2.0 * 2 * (chosen[d] - row[d]) / 5
    assert first.codebook.grad is not None
    torch.testing.assert_close(first.codebook.grad, expected, rtol=1e-5, atol=1e-6)
    assert second.codebook.grad is not None
    assert second.codebook.grad.abs().max() == 0


@pytest.mark.parametrize(("weights", "pull"), [((0.0, 2.0), 2.0), ((2.0, 0.0), 0.0)])
def test_commitment_alone_pulls_codes_to_their_values(
    images: Tensor, weights: tuple[float, float], pull: float
) -> None:
    def gradient(model: QLAE) -> Tensor:
        given: list[Tensor] = []
        model.network.encoder.register_forward_hook(lambda *call: given.append(call[-1]))
        (found,) = torch.autograd.grad(model.objective(images, torch.Generator()).loss, given[0])
        return found

    model = make(quantization_weight=weights[0], commitment_weight=weights[1])
    codes = model.network.encoder(images).detach()
    found = gradient(model) - gradient(make(quantization_weight=0.0, commitment_weight=0.0))
    expected = pull * 2 * (codes - brute_force(model, codes)) / 5
    assert (codes - brute_force(model, codes)).abs().max() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)  # a difference, float32


def test_decodes_codes_as_they_are_and_quantises_the_response() -> None:
    model = make()
    between = torch.full((1, 3), 0.123)
    assert torch.equal(model.decode(between), model.network.decoder(between).sigmoid())
    response = model.response(between)
    assert torch.equal(response, brute_force(model, model.network.encoder(model.decode(between))))


def test_is_an_autoencoder_to_the_assays_whose_gradients_pass_straight_through(images: Tensor) -> None:
    model = make()
    assert isinstance(model, AssayedAutoencoder)
    inputs = images.clone().requires_grad_()
    (through,) = torch.autograd.grad(model.encode(inputs).sum(), inputs)
    (direct,) = torch.autograd.grad(model.network.encoder(inputs).sum(), inputs)
    assert torch.equal(through, direct)


def test_callbacks_see_discrete_codes(tmp_path: Path, bars: FactorDataset) -> None:
    seen: list[dict[str, Tensor | None]] = []

    class Collector(Callback):
        @override
        def on_validation_batch_end(self, *args: Any, **kwargs: Any) -> None:
            seen.append(args[2] if len(args) > 2 else kwargs["outputs"])

    model = make()
    tiny_trainer(tmp_path, Collector()).validate(model, datamodule=tiny_data(bars), verbose=False)
    codes = torch.cat([outputs["codes"] for outputs in seen if outputs["codes"] is not None])
    assert codes.shape == (12, 3)
    assert all(set(codes[:, d].tolist()) <= set(model.codebook[d].tolist()) for d in range(3))
    assert all(outputs["log_variances"] is None for outputs in seen)


def test_checkpoint_holds_the_values(tmp_path: Path, bars: FactorDataset) -> None:
    model = make(optimizer=lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1))
    before = model.codebook.detach().clone()
    trainer = tiny_trainer(tmp_path, max_epochs=2, limit_val_batches=0)
    trainer.fit(model, datamodule=tiny_data(bars))
    trainer.save_checkpoint(tmp_path / "qlae.ckpt")
    network = MLP(3, (3, 8, 8), widths=(16,), variational=False)
    loaded = QLAE.load_from_checkpoint(tmp_path / "qlae.ckpt", network=network, weights_only=True)
    assert torch.equal(loaded.codebook, model.codebook)
    assert not torch.equal(loaded.codebook, before)
    assert loaded.codebook.shape == (3, 4)


def test_weight_decay_spares_biases_values_and_likelihood() -> None:
    model = make(
        likelihood=Gaussian(learn_std=True), optimizer=lambda p: torch.optim.AdamW(p, lr=0.5, weight_decay=0.1)
    )
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = model.configure_optimizers()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        factor = 1 - 0.5 * 0.1 if name.endswith("weight") else 1.0
        torch.testing.assert_close(parameter.detach(), factor * before[name])
    assert {name.rsplit(".", 1)[-1] for name in before} == {"weight", "bias", "codebook", "log_scale"}


def test_parameters_that_are_not_trained_are_left_out() -> None:
    model = make()
    for parameter in model.network.encoder.parameters():
        parameter.requires_grad_(False)
    groups = model.configure_optimizers().param_groups
    assert sum(len(group["params"]) for group in groups) == len(list(model.network.decoder.parameters())) + 1


def test_weights_can_follow_the_step(images: Tensor) -> None:
    model = make(quantization_weight=LinearSchedule(0.0, 2.0, 2), commitment_weight=LinearSchedule(1.0, 5.0, 2))
    losses = []
    for model.steps_trained in range(3):
        objective = model.objective(images, torch.Generator())
        losses.append(((objective.loss - objective.terms["reconstruction"]) / objective.terms["commitment"]).item())
    assert losses == pytest.approx([1, 4, 7], rel=1e-3)  # differences of float32 losses of some 130


def test_default_weights() -> None:
    model = QLAE(MLP(3, (3,), variational=False))
    assert (model.quantization_weight, model.commitment_weight) == (4.0, 4.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_values": 1}, r"num_values.*\b1"),
        ({"quantization_weight": -1.0}, r"quantization_weight.*-1\.0"),
        ({"commitment_weight": float("nan")}, r"commitment_weight.*nan"),
    ],
)
def test_rejects(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_rejects_a_variational_network() -> None:
    with pytest.raises(ValueError, match=r"QLAE.*variational=False"):
        QLAE(MLP(3, (3, 8, 8)))
