"""Training, validation, logging and checkpoints of the base of all models."""

import math
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import Logger
from torch import Tensor, nn
from torch.distributions import Normal
from typing_extensions import override

from lr_lightning.data import FactorDataModule, FactorDataset, FactorSpace
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.losses import Bernoulli, DiscretizedLogisticMixture, Gaussian, Likelihood
from lr_lightning.models import VAE, Autoencoder, AutoencoderModule, BetaVAE, SeedEnsemble
from lr_lightning.networks import MLP, AutoencoderNetwork, Conv64Burgess
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer, weights


class Recorder(Logger):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int | None, dict[str, float]]] = []

    @property
    @override
    def name(self) -> str:
        return "recorder"

    @property
    @override
    def version(self) -> str:
        return "0"

    @override
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        pass

    @override
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rows.append((step, dict(metrics)))

    def training(self) -> list[tuple[int | None, dict[str, float]]]:
        """Rows of training losses."""
        return [(step, row) for step, row in self.rows if "train/loss" in row]


class Losses(Callback):
    """Keeps the loss of each training batch, as the model returned it."""

    def __init__(self) -> None:
        self.values: list[float] = []

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.values.append(outputs["loss"].item())


class Draws(Losses):
    """Draws from the global generator after each batch."""

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        torch.rand(7)


def fit(
    folder: Path, dataset: FactorDataset, *callbacks: Callback, model: LightningModule | None = None, **options: Any
) -> Trainer:
    """Train a tiny model for one epoch of four batches, without validation."""
    trainer = tiny_trainer(folder, *callbacks, **({"max_epochs": 1, "limit_val_batches": 0} | options))
    trainer.fit(tiny_model() if model is None else model, datamodule=tiny_data(dataset))
    return trainer


def losses(folder: Path, dataset: FactorDataset, model: LightningModule | None = None) -> list[float]:
    callback = Losses()
    fit(folder, dataset, callback, model=model)
    return callback.values


def all_images(dataset: FactorDataset, indices: Tensor) -> Tensor:
    return dataset.images(indices).float() / 255


def deterministic() -> Autoencoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Autoencoder(MLP(3, (3, 8, 8), widths=(16,), variational=False))


# Noise


def test_noise_is_not_disturbed_by_other_users_of_the_global_generator(tmp_path: Path, bars: FactorDataset) -> None:
    disturbed = Draws()
    fit(tmp_path, bars, disturbed)
    torch.rand(11)
    assert disturbed.values == losses(tmp_path, bars)


def test_noise_depends_on_the_seed_at_construction(tmp_path: Path, bars: FactorDataset) -> None:
    def with_seed(seed: int) -> list[float]:
        model = tiny_model()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model.noise_seed = BetaVAE(model.network).noise_seed
        return losses(tmp_path, bars, model)

    assert with_seed(0) == losses(tmp_path, bars)
    assert with_seed(1) != with_seed(0)


def test_each_batch_of_each_process_has_its_own_noise() -> None:
    model = tiny_model()
    draws = []
    for rank in range(3):
        model._trainer = cast(Any, SimpleNamespace(world_size=3, global_rank=rank))
        draws += [torch.randn(4, generator=model.noise(batch)) for batch in range(1, 6)]
    assert not any(torch.equal(a, b) for a, b in combinations(draws, 2))


def test_same_images_are_given_new_noise_at_each_step(tmp_path: Path) -> None:
    space = FactorSpace(["nothing"], [1])
    twins = TensorFactorDataset("twins", torch.full((12, 3, 8, 8), 0.5), torch.zeros(12, 1, dtype=torch.int64), space)
    model, callback = tiny_model(), Losses()
    model.optimizer = lambda parameters: torch.optim.SGD(parameters, lr=0.0)
    trainer = tiny_trainer(tmp_path, callback, max_epochs=1, limit_val_batches=0)
    trainer.fit(model, datamodule=tiny_data(twins, val_size=1))  # all batches are equal, and so are all weights
    assert len(set(callback.values)) == 4


def test_training_goes_on_after_a_resume_as_without_one(tmp_path: Path, bars: FactorDataset) -> None:
    whole, half, rest = tiny_model(), tiny_model(), tiny_model()
    fit(tmp_path, bars, model=whole, max_epochs=4)
    fit(tmp_path, bars, model=half, max_epochs=2).save_checkpoint(tmp_path / "half.ckpt")
    rest.noise_seed = 123  # comes from the checkpoint
    trainer = tiny_trainer(tmp_path, max_epochs=4, limit_val_batches=0)
    trainer.fit(rest, datamodule=tiny_data(bars), ckpt_path=tmp_path / "half.ckpt")
    assert torch.equal(weights(rest), weights(whole))
    assert not torch.equal(weights(half), weights(whole))


def test_networks_that_draw_themselves_go_on_after_a_resume_too(tmp_path: Path, bars: FactorDataset) -> None:
    def with_dropout() -> BetaVAE:
        model = tiny_model()
        model.network.encoder = nn.Sequential(model.network.encoder, nn.Dropout(0.5))
        return model

    whole, half, rest = with_dropout(), with_dropout(), with_dropout()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        fit(tmp_path, bars, model=whole, max_epochs=4)
        torch.manual_seed(0)
        fit(tmp_path, bars, model=half, max_epochs=2).save_checkpoint(tmp_path / "half.ckpt")
        torch.manual_seed(1)
        trainer = tiny_trainer(tmp_path, max_epochs=4, limit_val_batches=0)
        trainer.fit(rest, datamodule=tiny_data(bars), ckpt_path=tmp_path / "half.ckpt")
    assert torch.equal(weights(rest), weights(whole))


# Logging


def test_training_scalars_reach_loggers_every_n_steps(tmp_path: Path, bars: FactorDataset) -> None:
    first, second, callback = Recorder(), Recorder(), Losses()
    fit(tmp_path, bars, callback, max_epochs=2, logger=[first, second], log_every_n_steps=3)
    # 8 batches with steps 0 to 7, of which the third and the sixth are logged
    assert [(step, row["train/loss"]) for step, row in first.training()] == [
        (2, callback.values[2]),
        (5, callback.values[5]),
    ]
    assert first.training() == second.training()


def test_training_scalars_are_the_terms_of_the_objective(tmp_path: Path, bars: FactorDataset) -> None:
    recorder = Recorder()
    fit(tmp_path, bars, logger=recorder, log_every_n_steps=1)
    for _, row in recorder.training():
        assert row.keys() == {"train/loss", "train/reconstruction", "train/kl"}
        expected = row["train/reconstruction"] + 0.1 * row["train/kl"]  # beta of the tiny model
        assert row["train/loss"] == pytest.approx(expected, rel=1e-6)  # float32


def test_accumulated_batches_are_logged_once_per_step(tmp_path: Path, bars: FactorDataset) -> None:
    recorder = Recorder()
    fit(tmp_path, bars, logger=recorder, log_every_n_steps=1, accumulate_grad_batches=2)
    assert [step for step, _ in recorder.training()] == [0, 1]


@pytest.mark.parametrize("stage", ["val", "test"])
def test_evaluation_logs_the_mean_over_samples(tmp_path: Path, bars: FactorDataset, stage: str) -> None:
    model = deterministic()
    data = FactorDataModule(bars, val_size=10, test_size=10, eval_batch_size=4)  # batches of 4, 4 and 2
    trainer = tiny_trainer(tmp_path)
    evaluate = trainer.validate if stage == "val" else trainer.test
    [logged] = evaluate(model, datamodule=data, verbose=False)
    images = all_images(bars, data.val_indices)
    expected = model.objective(images, torch.Generator()).loss.item()
    # Sums of 192 float32 terms; the mean of batch means differs by far more.
    assert logged == pytest.approx({f"{stage}/loss": expected, f"{stage}/reconstruction": expected}, rel=1e-5)
    batch_means = [model.objective(part, torch.Generator()).loss.item() for part in torch.split(images, 4)]
    assert sum(batch_means) / 3 != pytest.approx(expected, rel=1e-5)


def test_each_validation_starts_its_sums_afresh(tmp_path: Path, bars: FactorDataset) -> None:
    trainer, model, data = tiny_trainer(tmp_path), deterministic(), tiny_data(bars)
    trainer.validate(model, datamodule=data, verbose=False)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    [logged] = trainer.validate(model, datamodule=data, verbose=False)
    # Logits of 0 cost log 2 a pixel whatever the image; relative for sums of 192 float32 terms.
    assert logged["val/loss"] == pytest.approx(192 * math.log(2), rel=1e-5)


def test_evaluation_hands_codes_and_factors_to_callbacks(tmp_path: Path, bars: FactorDataset) -> None:
    seen: list[dict[str, Tensor]] = []

    class Collector(Callback):
        @override
        def on_validation_batch_end(self, *args: Any, **kwargs: Any) -> None:
            seen.append(args[2] if len(args) > 2 else kwargs["outputs"])

    model, data = tiny_model(), tiny_data(bars)
    tiny_trainer(tmp_path, Collector()).validate(model, datamodule=data, verbose=False)
    images = all_images(bars, data.val_indices)
    means, log_variances = model.network.encoder(images).chunk(2, dim=1)
    collected = {key: torch.cat([outputs[key] for outputs in seen]) for key in ("codes", "log_variances", "factors")}
    # Batches of other sizes may be summed in another order: round-off of order 1.
    torch.testing.assert_close(collected["codes"], means.detach(), rtol=0, atol=1e-5)
    torch.testing.assert_close(collected["log_variances"], log_variances.detach(), rtol=0, atol=1e-5)
    assert torch.equal(collected["factors"], bars.factors(data.val_indices))


@pytest.mark.parametrize("model", [tiny_model(), deterministic()], ids=["variational", "deterministic"])
def test_prediction_gives_mean_codes_and_log_variances(
    tmp_path: Path, bars: FactorDataset, model: AutoencoderModule
) -> None:
    data = tiny_data(bars)
    predicted = tiny_trainer(tmp_path).predict(model, datamodule=data)
    codes = model.encode(all_images(bars, torch.arange(48)))
    expected = codes.mean if isinstance(codes, Normal) else codes
    batches = cast(list[dict[str, Tensor]], predicted)
    found = torch.cat([batch["codes"] for batch in batches])
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-5)  # as above
    if isinstance(codes, Normal):
        log_variances = torch.cat([batch["log_variances"] for batch in batches])
        torch.testing.assert_close(log_variances, codes.variance.log().detach(), rtol=0, atol=1e-5)
    else:
        assert all(batch["log_variances"] is None for batch in batches)


@pytest.mark.parametrize("stage", ["validate", "test", "predict"])
def test_measures_in_full_precision_whatever_training_computes_in(
    tmp_path: Path, bars: FactorDataset, stage: str
) -> None:
    def measure(precision: Any) -> Any:
        trainer = tiny_trainer(tmp_path, precision=precision)
        if stage == "predict":
            batches = trainer.predict(tiny_model(), datamodule=tiny_data(bars))
            return torch.cat([batch["codes"] for batch in cast(list[dict[str, Tensor]], batches)])
        return getattr(trainer, stage)(tiny_model(), datamodule=tiny_data(bars), verbose=False)

    full, mixed = measure("32-true"), measure("bf16-mixed")
    assert torch.equal(full, mixed) if stage == "predict" else full == mixed


# Failures


class Broken(nn.Module):
    """Decoder that gives NaN."""

    def forward(self, codes: Tensor) -> Tensor:
        """Return images (B, 3, 8, 8) of NaN that depend on ``codes``."""
        return (codes.sum() * torch.nan).expand(len(codes), 3, 8, 8)


def broken() -> BetaVAE:
    network = tiny_model().network
    return BetaVAE(AutoencoderNetwork(network.encoder, Broken(), 3, (3, 8, 8)))


def test_stops_training_when_the_loss_is_not_finite(tmp_path: Path, bars: FactorDataset) -> None:
    with pytest.raises(FloatingPointError, match=r"nan.*step 2\b"):
        fit(tmp_path, bars, model=broken(), log_every_n_steps=2)


def test_stops_when_the_validation_loss_is_not_finite(tmp_path: Path, bars: FactorDataset) -> None:
    with pytest.raises(FloatingPointError, match=r"nan.*step 0\b"):
        tiny_trainer(tmp_path).validate(broken(), datamodule=tiny_data(bars), verbose=False)


# Construction and optimization


def test_schedule_is_stepped_after_every_batch(tmp_path: Path, bars: FactorDataset) -> None:
    model = tiny_model()
    model.lr_scheduler = lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    trainer = fit(tmp_path, bars, model=model)
    [group] = trainer.optimizers[0].param_groups
    assert group["lr"] == 1e-2 * 0.5**4  # powers of two are exact


def test_optimizer_is_adam_unless_another_is_given() -> None:
    network = MLP(3, (3, 8, 8), widths=(16,))
    default = VAE(network).configure_optimizers()
    assert isinstance(default, torch.optim.Adam)
    assert default.defaults["lr"] == 1e-4
    given = VAE(network, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.3)).configure_optimizers()
    assert isinstance(given, torch.optim.SGD)


@pytest.mark.parametrize(("learn_std", "extra"), [(True, 1), (False, 0)])
def test_optimizer_has_all_parameters_that_are_trained(learn_std: bool, extra: int) -> None:
    network = MLP(3, (3, 8, 8), widths=(16,))
    optimizer = VAE(network, likelihood=Gaussian(learn_std=learn_std)).configure_optimizers()
    [group] = optimizer.param_groups
    assert len(group["params"]) == len(list(network.parameters())) + extra


@pytest.mark.parametrize("channels_last", [True, False])
def test_convolution_weights_are_channels_last_unless_refused(channels_last: bool) -> None:
    model = VAE(Conv64Burgess(), channels_last=channels_last)
    kernels = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(kernels) == 8
    for kernel in kernels:
        assert kernel.is_contiguous(memory_format=torch.channels_last) is channels_last
        assert kernel.is_contiguous() is not channels_last


def test_compiles_encoder_and_decoder_only_when_asked() -> None:
    for asked in (False, True):
        model = VAE(MLP(3, (3, 8, 8), widths=(16,)), compile_network=asked)
        compiled = [m._compiled_call_impl is not None for m in (model.network.encoder, model.network.decoder)]
        assert compiled == [asked, asked]
        assert model.state_dict().keys() == tiny_model().state_dict().keys()  # checkpoints do not depend on it


def test_assays_of_the_model_join_the_trainer(tmp_path: Path, bars: FactorDataset) -> None:
    assay = Losses()
    model = VAE(MLP(3, (3, 8, 8), widths=(16,)), assays=[assay])
    assert assay in fit(tmp_path, bars, model=model).callbacks  # type: ignore[attr-defined]
    assert len(assay.values) == 4


def test_loss_falls(tmp_path: Path, bars: FactorDataset) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MLP(4, (3, 8, 8), widths=(32,))
        model = BetaVAE(network, beta=1.0, optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-2))
    images = all_images(bars, torch.arange(48))
    trainer = tiny_trainer(tmp_path, max_epochs=1, limit_val_batches=0)
    trainer.fit(model, datamodule=tiny_data(bars, val_size=1, batch_size=16, batches_per_epoch=400))
    loss = model.objective(images, torch.Generator().manual_seed(0)).terms["reconstruction"]
    # An untrained decoder costs 192 log 2 = 133 nats. The best constant image, each of its 96 possible pixels lit
    # with probability 1/24 or so, still costs 96 * 0.17 = 17; less needs codes that tell images apart.
    assert loss < 12


# Checkpoints


def plain(value: Any) -> bool:
    """Whether ``value`` is made of tensors and plain values alone."""
    if isinstance(value, dict):
        return all(plain(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(map(plain, value))
    return value is None or isinstance(value, bool | int | float | str | Tensor)


@pytest.fixture
def checkpoint(tmp_path: Path, bars: FactorDataset) -> Path:
    """Checkpoint of a model built by hand, after training."""
    path = tmp_path / "tiny.ckpt"
    fit(tmp_path, bars).save_checkpoint(path)
    return path


def test_checkpoint_holds_tensors_and_plain_values_only(checkpoint: Path) -> None:
    content = torch.load(checkpoint, weights_only=True)
    assert plain({**content, "state_dict": dict(content["state_dict"])})
    assert content["hyper_parameters"] == {
        "beta": 0.1,
        "channels_last": True,
        "compile_network": False,
        "kl": "gaussian",
        "updates_per_batch": 1,
    }


def test_checkpoint_loads_with_a_network_built_by_hand(checkpoint: Path, bars: FactorDataset) -> None:
    network = MLP(3, (3, 8, 8), widths=(16,))
    model = BetaVAE.load_from_checkpoint(checkpoint, network=network, weights_only=True)
    assert model.beta == 0.1
    assert model.noise_seed == tiny_model().noise_seed
    trained = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(value, trained[key]) for key, value in model.state_dict().items())


def test_network_must_output_the_parameters_of_the_likelihood() -> None:
    with pytest.raises(ValueError, match=r"DiscretizedLogisticMixture .*\b6\b.* MLP .*\b1\b.*parameters_per_value=6"):
        VAE(MLP(3, (3, 8, 8)), likelihood=DiscretizedLogisticMixture(2))
    with pytest.raises(ValueError, match=r"Bernoulli .*\b1\b.* MLP .*\b6\b.*parameters_per_value=1"):
        VAE(MLP(3, (3, 8, 8), parameters_per_value=6))


@pytest.mark.parametrize("updates_per_batch", [1, 2])
@pytest.mark.parametrize("limit_val_batches", [0, 1])
@pytest.mark.parametrize("likelihood", [Bernoulli(), DiscretizedLogisticMixture(1)], ids=lambda x: type(x).__name__)
@pytest.mark.filterwarnings("ignore:The number of training batches")  # Lightning counts lists
def test_observations_outside_the_unit_interval_are_refused_at_the_start(
    tmp_path: Path, likelihood: Likelihood, limit_val_batches: int, updates_per_batch: int
) -> None:
    space = FactorSpace(["nothing"], [1])
    points = TensorFactorDataset("points", torch.full((24, 3), -1.5), torch.zeros(24, 1, dtype=torch.int64), space)

    def model() -> BetaVAE:
        network = MLP(2, (3,), widths=(4,), parameters_per_value=likelihood.parameters_per_value)
        return BetaVAE(network, likelihood=likelihood, updates_per_batch=updates_per_batch)

    for trained in (model(), SeedEnsemble([model(), model()], (0, 1))):
        before = weights(trained)
        trainer = tiny_trainer(tmp_path, limit_val_batches=limit_val_batches, num_sanity_val_steps=0)
        with pytest.raises(ValueError, match=rf"{type(likelihood).__name__} .*-1\.5.*Gaussian"):
            trainer.fit(trained, datamodule=tiny_data(points))
        assert torch.equal(weights(trained), before)


def test_base_cannot_be_trained_itself() -> None:
    with pytest.raises(TypeError, match=r"abstract class AutoencoderModule .*encode.*objective"):
        AutoencoderModule(MLP(3, (3, 8, 8)))  # type: ignore[abstract]
