"""The data of each update, the step count, and the discriminator's results."""

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins import MixedPrecision
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import StepLR
from typing_extensions import override

from lr_lightning.data import FactorDataset, FactorSpace
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.losses import Gaussian
from lr_lightning.models import FactorVAE, LinearSchedule
from lr_lightning.networks import MLP, AutoencoderNetwork
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer, weights
from lr_lightning.training.noise import step_seed
from tests.models.test_base import Recorder

RATE = 1e-2  # of the VAE; the discriminator keeps the default


def make(**options: Any) -> FactorVAE:
    """Return a small model with the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        defaults: dict[str, Any] = {"optimizer": lambda p: Adam(p, lr=RATE), "discriminator_widths": (16, 16)}
        return FactorVAE(MLP(3, (3, 8, 8), widths=(16,)), **(defaults | options))


def fit(folder: Path, dataset: FactorDataset, model: FactorVAE, *callbacks: Callback, **options: Any) -> Trainer:
    """Train on batches of 8 for some steps, 5 by default, without validation."""
    defaults: dict[str, Any] = {"max_epochs": -1, "max_steps": 5, "limit_val_batches": 0}
    checkpoint = options.pop("ckpt_path", None)
    trainer = tiny_trainer(folder, *callbacks, **(defaults | options))
    trainer.fit(model, datamodule=tiny_data(dataset), ckpt_path=checkpoint, weights_only=True)
    return trainer


class Spy(Callback):
    """Keeps batches, terms and, before each update of either optimizer, gradients and weights of both parts."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []
        self.terms: list[dict[str, Tensor]] = []
        self.updates: list[dict[str, Any]] = []
        self.outputs: list[Any] = []

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.images.append(batch[0])

    @override
    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        model = cast(FactorVAE, pl_module)
        parts = {"vae": model.network, "discriminator": model.discriminator}
        update: dict[str, Any] = {"optimizer": trainer.optimizers.index(optimizer)}
        for name, part in parts.items():
            grads = [None if p.grad is None else p.grad.clone() for p in part.parameters()]
            update |= {f"{name}_gradients": grads, f"{name}_weights": weights(cast(LightningModule, part)).clone()}
        self.updates.append(update)

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.terms.append(dict(cast(FactorVAE, pl_module).train_terms))
        self.outputs.append(outputs)


# Loss


def noise_and_keys(generator: torch.Generator, count: int) -> tuple[Tensor, Tensor]:
    return torch.randn(count, 3, generator=generator), torch.rand(count, 3, generator=generator)


def shuffled(codes: Tensor, keys: Tensor) -> Tensor:
    """Order each latent by its own keys, one latent at a time."""
    return torch.stack([codes[keys[:, j].argsort(), j] for j in range(codes.shape[1])], dim=1)


def sampled(network: AutoencoderNetwork, images: Tensor, noise: Tensor) -> tuple[Normal, Tensor]:
    means, log_variances = network.encoder(images).chunk(2, dim=1)
    posterior = Normal(means, (log_variances / 2).exp())
    return posterior, posterior.mean + posterior.stddev * noise


def cross_entropy(logits: Tensor, label: int) -> Tensor:
    return F.cross_entropy(logits, torch.full((len(logits),), label))


def test_objective_is_the_loss_of_the_paper() -> None:
    model = make(gamma=7.0)
    images = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    noise, keys = noise_and_keys(torch.Generator().manual_seed(7), 5)
    posterior, codes = sampled(model.network, images, noise)
    logits, permuted = model.discriminator(codes), model.discriminator(shuffled(codes, keys))
    expected = {
        "reconstruction": F.binary_cross_entropy_with_logits(model.network.decoder(codes), images, reduction="sum") / 5,
        "kl": kl_divergence(posterior, Normal(0.0, 1.0)).sum() / 5,
        "total_correlation": (logits[:, 0] - logits[:, 1]).mean(),
        "discriminator_loss": (cross_entropy(logits, 0) + cross_entropy(permuted, 1)) / 2,
        "discriminator_accuracy": ((logits.argmax(1) == 0).float().mean() + permuted.argmax(1).float().mean()) / 2,
    }
    objective = model.objective(images, torch.Generator().manual_seed(7))
    assert objective.terms.keys() == expected.keys()
    for name, value in expected.items():
        # Relative, for sums of 960 float32 terms; the others are of order 0.1.
        torch.testing.assert_close(objective.terms[name], value.detach(), rtol=1e-5, atol=1e-6)
    total = expected["reconstruction"] + expected["kl"] + 7 * expected["total_correlation"]
    torch.testing.assert_close(objective.loss, total, rtol=1e-5, atol=0)
    assert not any(term.requires_grad for term in objective.terms.values())


def test_gamma_can_follow_the_step(tmp_path: Path, bars: FactorDataset) -> None:
    recorder = Recorder()
    fit(tmp_path, bars, make(gamma=LinearSchedule(0.0, 8.0, 4)), logger=recorder, log_every_n_steps=1)
    rows = [row for _, row in recorder.training()]
    assert [row["train/gamma"] for row in rows] == [0, 2, 4, 6, 8]
    for row in rows:
        vae = row["train/reconstruction"] + row["train/kl"]
        assert row["train/loss"] - vae == pytest.approx(row["train/gamma"] * row["train/total_correlation"], abs=1e-4)


def test_gamma_is_that_of_the_steps_trained_outside_of_training_too() -> None:
    model = make(gamma=LinearSchedule(0.0, 8.0, 4))
    model.steps_trained = 3  # as from a checkpoint
    objective = model.objective(torch.zeros(2, 3, 8, 8), torch.Generator().manual_seed(7))
    vae = objective.terms["reconstruction"] + objective.terms["kl"]
    torch.testing.assert_close(objective.loss - vae, 6 * objective.terms["total_correlation"], rtol=0, atol=1e-4)


def replay(model: FactorVAE, batches: list[Tensor], encode_first: bool = False) -> None:
    """Train ``model`` by algorithm 2 of the paper, written out; ``encode_first``: the second half by the VAE before."""
    vae = Adam(model.network.parameters(), lr=RATE)
    discriminator = Adam(model.discriminator.requires_grad_(True).parameters(), lr=1e-4, betas=(0.5, 0.9))
    for step, images in enumerate(batches, start=1):
        generator = torch.Generator().manual_seed(step_seed(model.noise_seed, step))
        first, second = images[:4], images[4:]
        posterior, codes = sampled(model.network, first, torch.randn(4, 3, generator=generator))
        noise, keys = noise_and_keys(generator, 4)
        early = sampled(model.network, second, noise)[1]
        logits = model.discriminator(codes)
        reconstruction = F.binary_cross_entropy_with_logits(model.network.decoder(codes), first, reduction="sum") / 4
        kl = kl_divergence(posterior, Normal(0.0, 1.0)).sum() / 4
        loss = reconstruction + kl + 10 * (logits[:, 0] - logits[:, 1]).mean()
        vae.zero_grad()
        torch.autograd.backward(loss)
        vae.step()
        late = sampled(model.network, second, noise)[1]
        permuted = shuffled(early if encode_first else late, keys).detach()
        loss = (
            cross_entropy(model.discriminator(codes.detach()), 0) + cross_entropy(model.discriminator(permuted), 1)
        ) / 2
        discriminator.zero_grad()
        torch.autograd.backward(loss)
        discriminator.step()
    model.discriminator.requires_grad_(False)


def test_training_is_algorithm_2_of_the_paper(tmp_path: Path, bars: FactorDataset) -> None:
    model, spy = make(), Spy()
    fit(tmp_path, bars, model, spy)
    expected, other = make(), make()
    replay(expected, spy.images)
    replay(other, spy.images, encode_first=True)
    # Adam divides gradients by their size: of five steps of RATE, float32 round-off leaves a small part.
    torch.testing.assert_close(weights(model), weights(expected), rtol=0, atol=1e-6)
    # the second half encoded by the VAE before its update, as by other implementations, leads elsewhere
    assert (weights(model) - weights(other)).abs().max() > 5e-5
    assert (weights(model) - weights(make())).abs().max() > RATE


# Two updates


def test_each_update_leaves_the_other_part_alone(tmp_path: Path, bars: FactorDataset) -> None:
    model, spy = make(), Spy()
    fit(tmp_path, bars, model, spy)
    assert [update["optimizer"] for update in spy.updates] == [0, 1] * 5
    gradients: list[Any] = [None] * 6  # of the discriminator, before its first update
    for vae, discriminator in zip(spy.updates[::2], spy.updates[1::2], strict=True):
        # The VAE's backward pass and update leave the discriminator's gradients and weights as they were,
        found = vae["discriminator_gradients"]
        assert all(f is g is None or torch.equal(f, g) for f, g in zip(found, gradients, strict=True))
        assert torch.equal(vae["discriminator_weights"], discriminator["discriminator_weights"])
        # the discriminator's those of the VAE,
        pairs = zip(vae["vae_gradients"], discriminator["vae_gradients"], strict=True)
        assert all(torch.equal(f, g) for f, g in pairs)
        # and both have gradients of their own.
        gradients = discriminator["discriminator_gradients"]
        assert all(g.abs().sum() > 0 for g in vae["vae_gradients"] + gradients)
        assert not torch.equal(vae["vae_weights"], discriminator["vae_weights"])
    for discriminator, vae in zip(spy.updates[1::2], spy.updates[2::2], strict=False):
        assert torch.equal(discriminator["vae_weights"], vae["vae_weights"])
        assert not torch.equal(discriminator["discriminator_weights"], vae["discriminator_weights"])


def test_optimizers_share_no_parameter() -> None:
    model = make()
    vae, discriminator = model.configure_optimizers()
    groups = [{id(p) for group in x["optimizer"].param_groups for p in group["params"]} for x in (vae, discriminator)]
    assert groups[0] == {id(p) for p in model.network.parameters()}
    assert groups[1] == {id(p) for p in model.discriminator.parameters()}
    assert isinstance(discriminator["optimizer"], Adam)
    assert discriminator["optimizer"].defaults["lr"] == 1e-4
    assert discriminator["optimizer"].defaults["betas"] == (0.5, 0.9)


def test_discriminator_can_have_another_optimizer(tmp_path: Path, bars: FactorDataset) -> None:
    trainer = fit(tmp_path, bars, make(discriminator_optimizer=lambda p: SGD(p, lr=0.3)))
    assert [type(optimizer) for optimizer in trainer.optimizers] == [Adam, SGD]


def test_each_half_is_encoded_once_and_the_first_decoded(tmp_path: Path, bars: FactorDataset) -> None:
    model, sizes = make(), {"encoder": [], "decoder": []}  # type: tuple[FactorVAE, dict[str, list[int]]]
    for name, seen in sizes.items():
        getattr(model.network, name).register_forward_hook(lambda _, given, __, seen=seen: seen.append(len(given[0])))
    fit(tmp_path, bars, model, max_steps=2)
    assert sizes == {"encoder": [4, 4] * 2, "decoder": [4] * 2}


def test_nothing_kept_holds_a_graph(tmp_path: Path, bars: FactorDataset) -> None:
    model, spy = make(), Spy()
    fit(tmp_path, bars, model, spy)
    assert not any(term.requires_grad for terms in spy.terms for term in terms.values())
    assert not any(outputs["loss"].requires_grad for outputs in spy.outputs)
    assert not any(p.requires_grad for p in model.discriminator.parameters())


# What counts as a step


def test_steps_are_updates_of_the_vae(tmp_path: Path, bars: FactorDataset) -> None:
    model, recorder, spy = make(), Recorder(), Spy()
    every = ModelCheckpoint(tmp_path / "every", "{step}", every_n_train_steps=2, save_top_k=-1)
    # What the warning tells, that a checkpoint has the weights after the update, is so with one optimizer too.
    options: dict[str, Any] = {"logger": recorder, "log_every_n_steps": 3, "enable_checkpointing": True}
    with pytest.warns(UserWarning, match="will contain the model state AFTER optimization"):
        trainer = fit(tmp_path, bars, model, spy, every, max_steps=7, **options)
    assert trainer.global_step == model.steps_trained == len(spy.terms) == 7
    assert [update["optimizer"] for update in spy.updates] == [0, 1] * 7
    counts = [{int(state["step"]) for state in optimizer.state.values()} for optimizer in trainer.optimizers]
    assert counts == [{7}, {7}]
    assert [step for step, _ in recorder.training()] == [2, 5]
    for step in (2, 4, 6):
        content = torch.load(tmp_path / "every" / f"step={step}.ckpt", weights_only=True)
        assert content["global_step"] == step
        assert {int(state["step"]) for part in content["optimizer_states"] for state in part["state"].values()} == {
            step
        }
    assert len(list((tmp_path / "every").iterdir())) == 3


def test_learning_rate_schedule_is_stepped_once_a_batch(tmp_path: Path, bars: FactorDataset) -> None:
    trainer = fit(tmp_path, bars, make(lr_scheduler=lambda optimizer: StepLR(optimizer, step_size=1, gamma=0.5)))
    rates = [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers]
    assert rates == [RATE * 0.5**5, 1e-4]  # powers of two are exact


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gradient_clip_val": 0.5}, r"clipping is not supported .* Remove `Trainer\(gradient_clip_val=0\.5\)`"),
        (
            {"accumulate_grad_batches": 2},
            r"accumulation is not supported .* Remove `Trainer\(accumulate_grad_batches=2\)",
        ),
    ],
)
def test_trainer_refuses_what_one_optimizer_allows(
    tmp_path: Path, bars: FactorDataset, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(MisconfigurationException, match=message):
        fit(tmp_path, bars, make(), **options)


# Batches


@pytest.mark.parametrize("size", [1, 2, 3])
def test_rejects_batches_too_small_to_permute_half_of(tmp_path: Path, bars: FactorDataset, size: int) -> None:
    trainer = tiny_trainer(tmp_path, max_steps=1, limit_val_batches=0)
    with pytest.raises(ValueError, match=rf"data\.batch_size.*\b4\b.*\b{size}"):
        trainer.fit(make(), datamodule=tiny_data(bars, batch_size=size))


def test_takes_odd_batches(tmp_path: Path, bars: FactorDataset) -> None:
    model, sizes = make(), list[int]()
    model.network.encoder.register_forward_hook(lambda _, given, __: sizes.append(len(given[0])))
    tiny_trainer(tmp_path, max_steps=1, limit_val_batches=0).fit(model, datamodule=tiny_data(bars, batch_size=7))
    assert sizes == [4, 3]


@pytest.mark.parametrize("size", [1, 5, 12])
def test_evaluation_reports_whole_batches_of_any_size_and_updates_nothing(
    tmp_path: Path, bars: FactorDataset, size: int
) -> None:
    model, data = make(gamma=2.0), tiny_data(bars, eval_batch_size=size)
    before, trainer = weights(model).clone(), tiny_trainer(tmp_path)
    [logged] = trainer.validate(model, datamodule=data, verbose=False)
    assert torch.equal(weights(model), before)
    names = ["loss", "reconstruction", "kl", "total_correlation", "discriminator_loss", "discriminator_accuracy"]
    assert list(logged) == [f"val/{name}" for name in names]
    images = bars.images(data.val_indices).float() / 255
    expected = dict.fromkeys(names[1:], 0.0)
    for batch, part in enumerate(torch.split(images, size)):
        objective = model.objective(part, model.noise(batch))
        for name, term in objective.terms.items():
            expected[name] += term.item() * len(part) / 12
    for name, value in expected.items():
        assert logged[f"val/{name}"] == pytest.approx(value, rel=1e-5, abs=1e-6)  # sums of float32 terms
    total = expected["reconstruction"] + expected["kl"] + 2 * expected["total_correlation"]
    assert logged["val/loss"] == pytest.approx(total, rel=1e-5)


# Checkpoints


def test_training_goes_on_after_a_resume_as_without_one(tmp_path: Path, bars: FactorDataset) -> None:
    def fresh() -> FactorVAE:
        return make(gamma=LinearSchedule(0.0, 5.0, 8), lr_scheduler=lambda optimizer: StepLR(optimizer, 1, gamma=0.9))

    whole, half, rest = fresh(), fresh(), fresh()
    rest.noise_seed = 123  # comes from the checkpoint
    spies = Spy(), Spy()
    at_once = fit(tmp_path, bars, whole, spies[0], max_steps=10)
    fit(tmp_path, bars, half).save_checkpoint(tmp_path / "half.ckpt")
    # Bars are 36 samples in batches of 8, four to an epoch: the checkpoint lies inside the second epoch.
    resumed = fit(tmp_path, bars, rest, spies[1], max_steps=10, ckpt_path=tmp_path / "half.ckpt")
    assert resumed.global_step == rest.steps_trained == 10
    assert all(torch.equal(rest.state_dict()[name], value) for name, value in whole.state_dict().items())
    assert not torch.equal(weights(half.discriminator), weights(whole.discriminator))  # type: ignore[arg-type]
    for one, other in zip(at_once.optimizers, resumed.optimizers, strict=True):
        assert one.param_groups[0]["lr"] == other.param_groups[0]["lr"]
        for mine, theirs in zip(one.state.values(), other.state.values(), strict=True):
            assert all(torch.equal(mine[name], theirs[name]) for name in ("step", "exp_avg", "exp_avg_sq"))
    assert spies[0].terms[5:] == spies[1].terms


def test_checkpoint_holds_the_discriminator_and_loads_by_hand(tmp_path: Path, bars: FactorDataset) -> None:
    model = make(gamma=3.0, discriminator_optimizer=lambda p: SGD(p, lr=0.3))
    fit(tmp_path, bars, model).save_checkpoint(tmp_path / "tiny.ckpt")
    content = torch.load(tmp_path / "tiny.ckpt", weights_only=True)
    assert sum(name.startswith("discriminator.") for name in content["state_dict"]) == 6
    assert content["hyper_parameters"]["gamma"] == 3.0
    assert "discriminator_optimizer" not in content["hyper_parameters"]
    network = MLP(3, (3, 8, 8), widths=(16,))
    loaded = FactorVAE.load_from_checkpoint(tmp_path / "tiny.ckpt", network=network, weights_only=True)
    assert torch.equal(weights(loaded), weights(model))
    assert not any(p.requires_grad for p in loaded.discriminator.parameters())


# Precision


def test_sixteen_bits_give_nearly_the_updates_of_thirty_two(tmp_path: Path, bars: FactorDataset) -> None:
    start = weights(make())

    def change(**options: Any) -> Tensor:
        model = make(optimizer=lambda p: SGD(p, lr=1e-3), discriminator_optimizer=lambda p: SGD(p, lr=1e-1))
        fit(tmp_path, bars, model, max_steps=2, **options)
        return weights(model) - start

    full, vae = change(precision="32-true"), len(weights(cast(LightningModule, make().network)))
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    for options in ({"precision": "bf16-mixed"}, {"plugins": MixedPrecision("16-mixed", "cpu", scaler)}):
        mixed = change(**cast(dict[str, Any], options))
        for part in (slice(None, vae), slice(vae, None)):
            # Directions agree to a few of the 8 bits; unscaled or twice scaled gradients would be 1000 times as long.
            assert F.cosine_similarity(mixed[part], full[part], dim=0) > 0.99
            assert mixed[part].norm() / full[part].norm() == pytest.approx(1, abs=0.05)


# What the discriminator finds


class Fixed(nn.Module):
    """Encoder whose posteriors are narrow around the observations themselves."""

    def forward(self, observations: Tensor) -> Tensor:
        """Return means and log-variances ``(B, 2 D)``."""
        return torch.cat([observations, torch.full_like(observations, -20.0)], dim=1)


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_total_correlation_of_gaussian_codes_is_found(tmp_path: Path, correlation: float) -> None:
    source = torch.Generator().manual_seed(0)
    first, second, third = torch.randn(3, 40_000, generator=source)
    codes = torch.stack([first, correlation * first + (1 - correlation**2) ** 0.5 * second, third], dim=1)
    space = FactorSpace(["nothing"], [1])
    data = TensorFactorDataset("gaussian", codes, torch.zeros(len(codes), 1, dtype=torch.int64), space)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = FactorVAE(
            AutoencoderNetwork(Fixed(), nn.Linear(3, 3), 3, (3,)),
            likelihood=Gaussian(),
            discriminator_widths=(64, 64),
            optimizer=lambda parameters: SGD(parameters, lr=0.0),
            discriminator_optimizer=lambda parameters: Adam(parameters, lr=3e-3, betas=(0.5, 0.9)),
        )
    module = tiny_data(data, batch_size=1024, batches_per_epoch=300, val_size=8000, eval_batch_size=8000)
    trainer = tiny_trainer(tmp_path, max_epochs=1)
    trainer.fit(model, datamodule=module)
    closed_form = -0.5 * math.log(1 - correlation**2)  # -1/2 log det R; 0.511 nats for a correlation of 0.8
    found = {name: value.item() for name, value in trainer.callback_metrics.items()}
    # The log ratio has a standard deviation of |correlation|, .009 over 8,000 codes; the rest is what the discriminator
    # has not learnt yet.
    assert found["val/total_correlation"] == pytest.approx(closed_form, abs=0.05)
    assert (found["val/discriminator_accuracy"] > 0.6) == (correlation > 0)


# Construction


@pytest.mark.parametrize("gamma", [-1.0, math.inf, math.nan])
def test_rejects_a_gamma_that_is_no_weight(gamma: float) -> None:
    with pytest.raises(ValueError, match="gamma"):
        make(gamma=gamma)


def test_rejects_what_its_parts_reject() -> None:
    with pytest.raises(ValueError, match=r"widths.*\(0,\)"):
        make(discriminator_widths=(0,))
    with pytest.raises(ValueError, match=r"FactorVAE.*variational=False"):
        FactorVAE(MLP(3, (3, 8, 8), variational=False))


def test_default_gamma_is_the_least_of_the_study() -> None:
    assert make().gamma == 10.0


# Several processes


def train_on(devices: int, folder: Path) -> list[dict[str, tuple[Tensor, Tensor]]]:
    """Return what each process of ``factor_vae_run`` found."""
    folder.mkdir()
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1", "PL_DISABLE_FORK": "1"}
    script = Path(__file__).with_name("factor_vae_run.py")
    with (folder / "log.txt").open("w") as log:  # a file: a pipe could be held open by a process left behind
        command = [sys.executable, str(script), str(devices), str(folder)]
        code = subprocess.run(command, env=environment, stdout=log, stderr=log, timeout=240).returncode
    assert code == 0, (folder / "log.txt").read_text()
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(devices)]


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path: Path) -> None:
    [one] = train_on(1, tmp_path / "one")
    two = train_on(2, tmp_path / "two")
    for part in (0, 1):  # network and discriminator
        # Gradients of two equal batches have the mean of one; 1e-6 is round-off of weights and steps below 1.
        torch.testing.assert_close(two[0]["same"][part], one["same"][part], rtol=0, atol=1e-6)
        # Of different batches, and discriminators that differed at first, both processes have the same mean.
        assert torch.equal(two[0]["own"][part], two[1]["own"][part])
        assert not torch.equal(two[0]["own"][part], one["own"][part])
