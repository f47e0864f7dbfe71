"""Each member of an ensemble ends with the same weights as a separate run."""

import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

from lr_lightning.models import (
    AutoencoderModule,
    BetaVAE,
    CyclicSchedule,
    LinearSchedule,
    Schedule,
    ScheduledLearningRate,
    SeedEnsemble,
)
from lr_lightning.models.base import Objective
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer
from tests.conftest import Bars
from tests.models.test_base import Recorder
from tests.models.zoo import MODELS, data_module, make

# Lightning counts lists, and their logging by the Trainer
pytestmark = pytest.mark.filterwarnings("ignore:The number of training batches")

SEEDS = (3, 0, 7)


class Draws(Callback):
    """Draws from the global generator after each batch."""

    @override
    def on_train_batch_end(self, *args: Any, **kwargs: Any) -> None:
        torch.rand(7)


def scheduled(
    seed: int,
    updates_per_batch: int = 1,
    lr: float = 1e-2,
    kind: type[BetaVAE] = BetaVAE,
    beta: float | Schedule | None = None,
) -> BetaVAE:
    """Return a beta-VAE of a seed, whose beta and learning rate follow the step."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return kind(
            MLP(3, (3, 8, 8), widths=(16,)),
            beta=LinearSchedule(0.0, 2.0, 9) if beta is None else beta,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=lr),
            lr_scheduler=lambda optimizer: ScheduledLearningRate(optimizer, LinearSchedule(1.0, 0.1, 9)),
            updates_per_batch=updates_per_batch,
        )


def ensemble(**options: Any) -> SeedEnsemble:
    return SeedEnsemble([scheduled(seed, **options) for seed in SEEDS], SEEDS)


def fit(folder: Path, model: LightningModule, checkpoint: Path | None = None, **options: Any) -> tuple[Trainer, Any]:
    """Train on the bars; return the Trainer and what was logged."""
    recorder = Recorder()
    defaults: dict[str, Any] = {"max_epochs": -1, "max_steps": 8, "logger": recorder, "log_every_n_steps": 2}
    trainer = tiny_trainer(folder, **(defaults | options))
    data = tiny_data(Bars(), batches_per_epoch=4, val_size=12)
    trainer.fit(model, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return trainer, recorder.rows


def same(first: LightningModule, second: LightningModule) -> bool:
    states = [model.state_dict() for model in (first, second)]
    return all(torch.equal(states[1][name], value) for name, value in states[0].items())


def train(folder: Path, name: str, model: LightningModule, **options: Any) -> dict[str, Tensor]:
    """Train a model of the zoo for four steps and validate it; return what was logged of that."""
    trainer = tiny_trainer(folder, max_epochs=1, num_sanity_val_steps=0, **options)
    data = data_module(name)
    data.batches_per_epoch = 4
    trainer.fit(model, datamodule=data)
    return dict(trainer.callback_metrics)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("name", ["scheduled_beta_vae", "factor_vae", "beta_tc_vae", "ada_gvae", "qlae"])
def test_members_end_as_each_seed_alone_to_the_bit(tmp_path: Path, name: str, precision: Any) -> None:
    together = SeedEnsemble([make(name, seed) for seed in (0, 5)], (0, 5))
    metrics = train(tmp_path, name, together, precision=precision)
    assert not same(*together.members)
    for seed, member in zip((0, 5), together.members, strict=True):
        alone = make(name, seed)
        own = train(tmp_path, name, alone, precision=precision)
        assert same(alone, member)
        assert alone.steps_trained == member.steps_trained == 4
        assert own
        for key, value in own.items():
            assert torch.equal(metrics[f"seed_{seed}/{key}"], value)


CHANGES: dict[str, dict[str, Any]] = {
    "wae": {"discrepancy_weight": 3.0},
    "rae_weight": {"beta": 0.3, "decoder_weight": 1e-2},
    "rae_gradient": {"beta": 0.3, "decoder_weight": 1e-2},
    "qlae": {"quantization_weight": 1.0, "commitment_weight": 0.5},
    "beta_vae": {"beta": 16.0},
    "scheduled_beta_vae": {"beta": CyclicSchedule(1.0, 2.0, 3)},
    "annealed_vae": {"gamma": 50.0, "c_max": 5.0, "threshold": 7},
    "factor_vae": {"gamma": 50.0, "discriminator_optimizer": partial(torch.optim.Adam, lr=3e-3)},
    "beta_tc_vae": {"beta": 2.0, "alpha": 0.5, "gamma": 3.0},
    "dip_vae_i": {"lambda_od": 2.0, "lambda_d": 7.0},
    "dip_vae_ii": {"lambda_od": 2.0, "lambda_d": 7.0},
    "info_vae": {"alpha": 0.5, "discrepancy_weight": 3.0},
    "vlae": {"beta": 8.0},
    "ada_gvae": {"beta": 8.0},
    "ada_mlvae": {"beta": 8.0},
}
"""Weights of objectives that are not the defaults; all others differ in the learning rate alone."""


@pytest.mark.parametrize("updates", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_members_with_other_weights_and_learning_rates_end_as_alone_to_the_bit(
    tmp_path: Path, name: str, updates: int
) -> None:
    def models() -> list[AutoencoderModule]:
        slow = {"optimizer": partial(torch.optim.Adam, lr=1e-4), "updates_per_batch": updates}
        changes = CHANGES.get(name, {})
        return [make(name, 3, updates_per_batch=updates), make(name, 3, **changes, **slow), make(name, 4, **slow)]

    names = ["plain", "other", "plain_2"]
    together = SeedEnsemble(models(), [3, 3, 4], names=names)
    metrics = train(tmp_path, name, together)
    assert not same(together.members[0], together.members[1])
    for own_name, member, alone in zip(names, together.members, models(), strict=True):
        own = train(tmp_path, name, alone)
        assert same(alone, member)
        assert own
        for key, value in own.items():
            assert torch.equal(metrics[f"{own_name}/{key}"], value)


def test_schedules_of_members_are_logged_apart_where_they_differ(tmp_path: Path) -> None:
    def models() -> list[BetaVAE]:
        return [scheduled(3), scheduled(3, beta=LinearSchedule(0.0, 8.0, 3)), scheduled(3, beta=5.0)]

    together = SeedEnsemble(models()[:2], [3, 3], names=["a", "b"])
    _, rows = fit(tmp_path, together)
    found = {step: row for step, row in rows if "train/loss" in row}
    for name, member, alone in zip(["a", "b"], together.members, models(), strict=False):
        _, own_rows = fit(tmp_path, alone)
        assert same(alone, member)
        for step, own in own_rows:
            if "train/loss" in own:
                assert found[step][f"{name}/train/beta"] == own["train/beta"]
    assert found[7]["train/beta"] == pytest.approx((2 * 7 / 9 + 8) / 2)
    # a member whose beta is a number logs none, alone or together
    _, rows = fit(tmp_path, SeedEnsemble(models()[1:], [3, 3], names=["b", "c"]))
    [last] = [row for step, row in rows if step == 7 and "train/loss" in row]
    assert (last["b/train/beta"], "c/train/beta" in last) == (8, False)


@pytest.mark.parametrize("updates", [1, 3])
def test_schedules_learning_rates_and_rows_are_those_of_each_seed_alone(tmp_path: Path, updates: int) -> None:
    together = ensemble(updates_per_batch=updates)
    trainer, rows = fit(tmp_path, together)
    assert trainer.global_step == 8
    assert trainer.optimizers[2].param_groups[0]["lr"] == pytest.approx(1e-2 * (1 - 0.9 * 8 / 9))
    found = [(step, row) for step, row in rows if "train/loss" in row]
    alone = []
    for seed, member in zip(SEEDS, together.members, strict=True):
        single = scheduled(seed, updates)
        _, own_rows = fit(tmp_path, single)
        assert same(single, member)
        alone.append([(step, row) for step, row in own_rows if "train/loss" in row])
    for number, (step, row) in enumerate(found):
        for seed, rows_of_seed in zip(SEEDS, alone, strict=True):
            own_step, own = rows_of_seed[number]
            assert own_step == step
            assert {key: row[f"seed_{seed}/{key}"] for key in ("train/loss", "train/reconstruction", "train/kl")} == {
                key: own[key] for key in ("train/loss", "train/reconstruction", "train/kl")
            }
            assert row["train/beta"] == own["train/beta"] == pytest.approx(2.0 * step / 9)
        losses = np.array([rows_of_seed[number][1]["train/loss"] for rows_of_seed in alone])
        assert row["train/loss"] == pytest.approx(losses.mean(), rel=1e-12)
        assert row["train/loss_sd"] == pytest.approx(losses.std(ddof=1), rel=1e-12)


def test_validation_and_test_log_mean_and_deviation(tmp_path: Path) -> None:
    together = ensemble()
    trainer, _ = fit(tmp_path, together)
    validated = dict(trainer.callback_metrics)
    tested = trainer.test(together, datamodule=trainer.datamodule, verbose=False)[0]  # type: ignore[attr-defined]
    for stage, metrics in (("val", validated), ("test", tested)):
        for term in ("loss", "reconstruction", "kl"):
            values = np.array([float(metrics[f"seed_{seed}/{stage}/{term}"]) for seed in SEEDS])
            assert len(set(values)) == 3
            # logged in float32
            assert float(metrics[f"{stage}/{term}"]) == pytest.approx(values.mean(), rel=1e-6)
            assert float(metrics[f"{stage}/{term}_sd"]) == pytest.approx(values.std(ddof=1), rel=1e-6)


def test_a_test_of_each_member_is_that_of_its_seed_alone(tmp_path: Path) -> None:
    data: dict[str, Any] = {"datamodule": tiny_data(Bars()), "verbose": False}
    found = tiny_trainer(tmp_path).test(ensemble(), **data)[0]
    for seed in SEEDS:
        alone = tiny_trainer(tmp_path).test(scheduled(seed), **data)[0]
        assert {key: found[f"seed_{seed}/{key}"] for key in alone} == alone


def test_an_ensemble_of_one_logs_no_deviation(tmp_path: Path) -> None:
    trainer, rows = fit(tmp_path, SeedEnsemble([scheduled(3)], [3]))
    assert torch.equal(trainer.callback_metrics["val/loss"], trainer.callback_metrics["seed_3/val/loss"])
    assert not [key for _, row in rows for key in row if key.endswith("_sd")]


def test_a_resumed_run_equals_one_that_was_not_interrupted(tmp_path: Path) -> None:
    trainer, _ = fit(tmp_path, ensemble(), max_steps=5)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    resumed, whole = ensemble(), ensemble()
    for member in resumed.members:
        member.noise_seed = 123  # comes from the checkpoint
    resumed_trainer, _ = fit(tmp_path, resumed, tmp_path / "half.ckpt")
    fit(tmp_path, whole)
    assert same(whole, resumed)
    assert resumed_trainer.global_step == resumed.members[2].steps_trained == 8


def test_the_global_random_state_goes_on_after_a_resume(tmp_path: Path) -> None:
    def state_after(checkpoint: Path | None, max_steps: int) -> Tensor:
        trainer = tiny_trainer(tmp_path, Draws(), max_epochs=-1, max_steps=max_steps, limit_val_batches=0)
        trainer.fit(ensemble(), datamodule=tiny_data(Bars()), ckpt_path=checkpoint, weights_only=True)
        trainer.save_checkpoint(tmp_path / "last.ckpt")
        return torch.get_rng_state()

    with torch.random.fork_rng():
        torch.manual_seed(0)
        whole = state_after(None, 6)
        torch.manual_seed(0)
        state_after(None, 3)
        torch.rand(11)
        assert torch.equal(state_after(tmp_path / "last.ckpt", 6), whole)


def test_a_member_keeps_what_only_its_kind_keeps(tmp_path: Path) -> None:
    together = SeedEnsemble([make("beta_tc_vae", seed) for seed in (0, 1)], (0, 1))
    trainer = tiny_trainer(tmp_path, max_steps=1, limit_val_batches=0)
    trainer.fit(together, datamodule=data_module("beta_tc_vae"))
    trainer.save_checkpoint(tmp_path / "whole.ckpt")
    kept = torch.load(tmp_path / "whole.ckpt", weights_only=True)["members"]
    assert [own["dataset_size"] for own in kept] == [737280 - 48] * 2
    assert [own["noise_seed"] for own in kept] == [0, 1]
    assert together.member_checkpoint(1)["dataset_size"] == 737280 - 48


def test_a_member_s_checkpoint_is_that_of_a_single_model(tmp_path: Path) -> None:
    together, alone = ensemble(), scheduled(0)
    fit(tmp_path, together)
    fit(tmp_path, alone)[0].save_checkpoint(tmp_path / "alone.ckpt")
    torch.save(together.member_checkpoint(1), tmp_path / "member.ckpt")
    single = torch.load(tmp_path / "alone.ckpt", weights_only=True)
    member = torch.load(tmp_path / "member.ckpt", weights_only=True)
    for key in ("global_step", "noise_seed", "hyper_parameters", "pytorch-lightning_version"):
        assert member[key] == single[key]
    network = MLP(3, (3, 8, 8), widths=(16,))
    loaded = BetaVAE.load_from_checkpoint(tmp_path / "member.ckpt", network=network, weights_only=True)
    assert same(alone, loaded)
    assert loaded.steps_trained == 8


def test_predictions_are_those_of_each_member(tmp_path: Path) -> None:
    together = ensemble()
    trainer, _ = fit(tmp_path, together)
    batches = cast(list[Any], trainer.predict(together, datamodule=trainer.datamodule))  # type: ignore[attr-defined]
    images = torch.cat([batch[0] for batch in trainer.datamodule.predict_dataloader()])  # type: ignore[attr-defined]
    for index, member in enumerate(together.members):
        codes = torch.cat([batch[index]["codes"] for batch in batches])
        with torch.no_grad():
            expected = member.encode(images.float() / 255).mean
        torch.testing.assert_close(codes, expected)  # other batch sizes, other round-off


def test_the_progress_bar_shows_means(tmp_path: Path) -> None:
    together = ensemble()
    assert together.train_terms == {}
    _, rows = fit(tmp_path, together)
    last = [row for _, row in rows if "train/loss" in row][-1]
    assert together.train_terms["loss"].item() == pytest.approx(last["train/loss"], rel=1e-6)


class Diverging(BetaVAE):
    """A beta-VAE whose loss is NaN in training from step 4 on, if its seed is among ``unstable``."""

    unstable: tuple[int, ...] = (0,)

    @override
    def objective(self, observations: Tensor, generator: torch.Generator) -> Objective:
        objective = super().objective(observations, generator)
        if self.noise_seed in self.unstable and self.training and self.steps_trained >= 4:
            return objective._replace(loss=objective.loss * torch.nan)
        return objective


def diverging(monkeypatch: pytest.MonkeyPatch, seeds: tuple[int, ...]) -> SeedEnsemble:
    monkeypatch.setattr(Diverging, "unstable", seeds)
    return SeedEnsemble([scheduled(seed, kind=Diverging) for seed in SEEDS], SEEDS)


@pytest.mark.filterwarnings("ignore:seed 0 ended")
def test_a_member_that_diverges_ends_alone(tmp_path: Path) -> None:
    together, alone = (
        SeedEnsemble([scheduled(seed, kind=Diverging) for seed in SEEDS], SEEDS),
        scheduled(0, kind=Diverging),
    )
    with pytest.raises(FloatingPointError) as error:
        fit(tmp_path, alone)
    _, rows = fit(tmp_path, together)
    assert together.diverged == {"seed_0": str(error.value)}
    assert "step 6" in str(error.value)  # logged every two steps
    for seed, member in ((3, together.members[0]), (7, together.members[2])):
        other = scheduled(seed)
        fit(tmp_path, other)
        assert same(other, member)
    losses = [(step, row) for step, row in rows if "train/loss" in row]
    assert [step for step, row in losses if "seed_0/train/loss" in row] == [1, 3]
    last = losses[-1][1]
    assert last["train/loss"] == pytest.approx((last["seed_3/train/loss"] + last["seed_7/train/loss"]) / 2, rel=1e-12)
    assert "seed_0/val/loss" not in [row for _, row in rows if "val/loss" in row][-1]
    assert together.train_terms["loss"].isfinite()
    assert together.members[1].steps_trained == 6


@pytest.mark.filterwarnings("ignore:strong ended")
def test_of_members_with_one_seed_one_alone_ends(tmp_path: Path) -> None:
    models = [scheduled(0, kind=Diverging), scheduled(0, kind=Diverging)]
    models[0].noise_seed = 1  # which is stable
    together = SeedEnsemble(models, [0, 0], names=["weak", "strong"])
    fit(tmp_path, together)
    assert list(together.diverged) == ["strong"]
    assert (together.members[0].steps_trained, together.members[1].steps_trained) == (8, 6)


@pytest.mark.filterwarnings("ignore:seed 0 ended")
def test_a_resumed_run_knows_who_diverged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = diverging(monkeypatch, (0,))
    fit(tmp_path, whole)
    fit(tmp_path, diverging(monkeypatch, (0,)), max_steps=7)[0].save_checkpoint(tmp_path / "half.ckpt")
    resumed = diverging(monkeypatch, ())  # a member that has diverged does not come back
    fit(tmp_path, resumed, tmp_path / "half.ckpt")
    assert resumed.diverged == whole.diverged
    assert same(resumed.members[0], whole.members[0])


@pytest.mark.filterwarnings("ignore:seed .* ended")
def test_an_ensemble_ends_with_its_last_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = diverging(monkeypatch, SEEDS)
    with pytest.raises(FloatingPointError, match=r"seed.*\b7\b.*nan at step 6"):
        fit(tmp_path, together)
    assert list(together.diverged) == ["seed_3", "seed_0", "seed_7"]


def test_a_loss_that_is_not_finite_names_its_seed(tmp_path: Path) -> None:
    together = ensemble()
    with torch.no_grad():
        next(together.members[1].parameters()).fill_(torch.nan)
    with pytest.warns(UserWarning, match=r"seed 0.*nan.*step 0"):
        fit(tmp_path, together)
    assert list(together.diverged) == ["seed_0"]


class Noisy(BetaVAE):
    """A beta-VAE whose training draws from the global generator, as dropout does."""

    @override
    def training_objective(self, batch: Any, generator: torch.Generator) -> Objective:
        noise = torch.rand(batch[0].shape)
        return self.objective((batch[0] * 0.9 + noise * 0.1), generator)


def noisy(seed: int) -> tuple[Noisy, Tensor]:
    """Return a model and the random state after its construction."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Noisy(MLP(3, (3, 8, 8), widths=(16,)))
        return model, torch.get_rng_state()


@pytest.mark.parametrize("max_steps", [[8], [3, 8]])
def test_members_may_draw_from_random_states_of_their_own(tmp_path: Path, max_steps: list[int]) -> None:
    checkpoint = None
    for steps in max_steps:  # in one go, or with a resume
        pairs = [noisy(seed) for seed in SEEDS]
        models, states = [model for model, _ in pairs], [state for _, state in pairs]
        together = SeedEnsemble(models, SEEDS, random_states=states)
        before = torch.get_rng_state()
        trainer, _ = fit(tmp_path, together, checkpoint, max_steps=steps)
        assert torch.equal(torch.get_rng_state(), before)
        trainer.save_checkpoint(checkpoint := tmp_path / "last.ckpt")
    for index, seed in enumerate(SEEDS):
        alone, state = noisy(seed)
        with torch.random.fork_rng():
            torch.set_rng_state(state)
            fit(tmp_path, alone)
            after = torch.get_rng_state()
        assert same(alone, together.members[index])
        assert torch.equal(together.member_checkpoint(index)["random_state"]["cpu"], after)


def test_rejects_seeds_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"seeds \[\]"):
        SeedEnsemble([], [])
    with pytest.raises(ValueError, match=r"\b1\b.*seeds \[1, 2\]"):
        SeedEnsemble([scheduled(1)], [1, 2])
    with pytest.raises(ValueError, match=r"seeds.*\[1, 1\]"):
        SeedEnsemble([scheduled(1), scheduled(1)], [1, 1])


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "a/b"], ["a", ""]])
def test_rejects_names_that_do_not_fit(names: list[str]) -> None:
    with pytest.raises(ValueError, match=rf"name.*{re.escape(str(names))}"):
        SeedEnsemble([scheduled(1), scheduled(2)], [1, 2], names=names)


def test_rejects_members_that_cannot_be_divided_evenly(tmp_path: Path) -> None:
    constant = scheduled(2)
    constant.lr_scheduler = None
    with pytest.raises(ValueError, match=r"lr_schedulers, got 1 and 1 for seed_1, and 1 and 0 for seed_2"):
        fit(tmp_path, SeedEnsemble([scheduled(1), constant], [1, 2]))


def test_rejects_members_of_several_architectures(tmp_path: Path) -> None:
    wide = BetaVAE(MLP(3, (3, 8, 8), widths=(17,)))
    with pytest.raises(ValueError, match=r"seed_1 and seed_2.*16.*17"):
        fit(tmp_path, SeedEnsemble([scheduled(1), wide], [1, 2]))


def test_rejects_several_processes() -> None:
    together = ensemble()
    together.trainer = cast(Any, SimpleNamespace(world_size=2))
    with pytest.raises(ValueError, match=r"\b2\b.*trainer\.devices"):
        together.setup("fit")


def test_rejects_a_checkpoint_of_other_seeds(tmp_path: Path) -> None:
    fit(tmp_path, ensemble())[0].save_checkpoint(tmp_path / "whole.ckpt")
    other = SeedEnsemble([scheduled(seed) for seed in (3, 0, 8)], (3, 0, 8))
    with pytest.raises(ValueError, match=r"\[3, 0, 7\].*\[3, 0, 8\]"):
        fit(tmp_path, other, tmp_path / "whole.ckpt")


def test_rejects_a_checkpoint_of_other_names(tmp_path: Path) -> None:
    models = [scheduled(3), scheduled(3)]
    fit(tmp_path, SeedEnsemble(models, [3, 3], names=["a", "b"]))[0].save_checkpoint(tmp_path / "whole.ckpt")
    with pytest.raises(ValueError, match=r"\['a', 'b'\].*\['a', 'c'\]"):
        fit(tmp_path, SeedEnsemble(models, [3, 3], names=["a", "c"]), tmp_path / "whole.ckpt")


def test_reads_checkpoints_that_named_members_by_their_seeds(tmp_path: Path) -> None:
    fit(tmp_path, ensemble(), max_steps=5)[0].save_checkpoint(tmp_path / "half.ckpt")
    old = torch.load(tmp_path / "half.ckpt", weights_only=True)
    assert old.pop("names") == ["seed_3", "seed_0", "seed_7"]
    old["diverged"] = {0: "why"}
    torch.save(old, tmp_path / "old.ckpt")
    resumed = ensemble()
    fit(tmp_path, resumed, tmp_path / "old.ckpt")
    assert (resumed.diverged, resumed.active) == ({"seed_0": "why"}, [0, 2])


def train_on_gpu(name: str, folder: Path, model: LightningModule) -> None:
    trainer = tiny_trainer(folder, max_epochs=-1, max_steps=12, accelerator="gpu", limit_val_batches=0)
    data = data_module(name)
    data.device_resident = True
    trainer.fit(model, datamodule=data)


def flat(model: LightningModule) -> Tensor:
    return torch.cat([parameter.detach().cpu().flatten() for parameter in model.parameters()])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("name", "updates"), [(name, 1) for name in MODELS] + [("factor_vae", 6), ("beta_vae", 6)])
def test_recorded_members_are_those_of_plain_training(name: str, updates: int, tmp_path: Path) -> None:
    seeds = (0, 5)
    together = SeedEnsemble([make(name, seed, updates_per_batch=updates) for seed in seeds], seeds)
    train_on_gpu(name, tmp_path, together)
    for seed, member, terms in zip(seeds, together.members, together._terms.values(), strict=True):
        alone = make(name, seed)
        initial = flat(alone)
        train_on_gpu(name, tmp_path, alone)
        for key, term in alone.train_terms.items():
            torch.testing.assert_close(terms[key], term, rtol=2e-2, atol=2e-2)
        # Adam moves a weight with next to no gradient by the sign of its round-off, so a few may be far apart.
        assert (flat(member) - flat(alone)).norm() < 0.03 * (flat(alone) - initial).norm()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recorded_noise_is_each_seed_s_own(tmp_path: Path) -> None:
    models: list[AutoencoderModule] = [make("vae") for _ in range(3)]
    models[2].noise_seed = 1
    initial = flat(models[0])
    train_on_gpu("vae", tmp_path, SeedEnsemble(models, (0, 1, 2)))
    moved = [flat(model) - initial for model in models]
    assert (moved[1] - moved[0]).norm() < 0.03 * moved[0].norm()
    assert (moved[2] - moved[0]).norm() > 0.06 * moved[0].norm()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_resumed_recording_goes_on_as_before(tmp_path: Path) -> None:
    gpu: dict[str, Any] = {"accelerator": "gpu", "max_steps": 12}
    fit(tmp_path, ensemble(), **(gpu | {"max_steps": 6}))[0].save_checkpoint(tmp_path / "half.ckpt")
    resumed, whole = ensemble(), ensemble()
    fit(tmp_path, resumed, tmp_path / "half.ckpt", **gpu)
    fit(tmp_path, whole, **gpu)
    for first, second in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4)  # steps of 1e-3 to 1e-2


def test_batches_may_be_lists_and_of_another_size(tmp_path: Path) -> None:
    images = torch.rand(44, 3, 8, 8, generator=torch.Generator().manual_seed(0))

    def moved(model: LightningModule) -> None:
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), batch_size=8)  # the last holds 4
        tiny_trainer(tmp_path, max_epochs=3, accelerator="auto").fit(model, loader, loader)

    together, alone = ensemble(), scheduled(SEEDS[1])
    moved(together)
    moved(alone)
    on_gpu = torch.cuda.is_available()  # steps are 1e-3 to 1e-2 long
    torch.testing.assert_close(flat(together.members[1]), flat(alone), rtol=1e-3 * on_gpu, atol=1e-3 * on_gpu)
