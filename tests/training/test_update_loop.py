"""A run with several updates per batch equals one with a single update per batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor

from lr_lightning.models import AutoencoderModule, BetaVAE, LinearSchedule, ScheduledLearningRate
from lr_lightning.networks import MLP
from lr_lightning.testing.tiny_runs import tiny_data, tiny_trainer
from tests.conftest import Bars
from tests.models.test_base import Recorder
from tests.models.zoo import MODELS, data_module, make

# Lightning counts lists, and their logging by the Trainer
pytestmark = pytest.mark.filterwarnings("ignore:The number of training batches")


def scheduled(updates_per_batch: int) -> BetaVAE:
    """Return a beta-VAE whose beta and learning rate follow the step."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BetaVAE(
            MLP(3, (3, 8, 8), widths=(16,)),
            beta=LinearSchedule(0.0, 2.0, 9),
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-2),
            lr_scheduler=lambda optimizer: ScheduledLearningRate(optimizer, LinearSchedule(1.0, 0.1, 9)),
            updates_per_batch=updates_per_batch,
        )


def fit(folder: Path, updates: int, checkpoint: Path | None = None, **options: Any) -> tuple[Trainer, BetaVAE, Any]:
    model, recorder = scheduled(updates), Recorder()
    defaults: dict[str, Any] = {"max_epochs": -1, "max_steps": 8, "logger": recorder, "log_every_n_steps": 2}
    trainer = tiny_trainer(folder, **(defaults | options))
    data = tiny_data(Bars(), batches_per_epoch=4, val_size=12)
    trainer.fit(model, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return trainer, model, recorder.rows


def same(first: AutoencoderModule, second: AutoencoderModule) -> bool:
    states = [model.state_dict() for model in (first, second)]
    return all(torch.equal(states[1][name], value) for name, value in states[0].items())


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("updates", [2, 3, 4, 100])
def test_weights_losses_and_schedules_are_those_of_one_update_a_batch(
    tmp_path: Path, updates: int, precision: str
) -> None:
    plain_trainer, plain, plain_rows = fit(tmp_path, 1, precision=precision)
    trainer, model, rows = fit(tmp_path, updates, precision=precision)
    assert same(plain, model)
    assert trainer.global_step == plain_trainer.global_step == model.steps_trained == 8
    rates = [t.optimizers[0].param_groups[0]["lr"] for t in (plain_trainer, trainer)]
    assert rates[0] == rates[1] < 1e-2
    # Rows come at the end of a list of batches only: those that coincide are equal.
    own = dict(row for row in plain_rows if "train/loss" in row[1])
    found = dict(row for row in rows if "train/loss" in row[1])
    assert found
    for step in own.keys() & found.keys():
        assert {k: v for k, v in found[step].items() if k != "epoch"} == {
            k: v for k, v in own[step].items() if k != "epoch"
        }
    validations = [[row for _, row in r if "val/loss" in row] for r in (plain_rows, rows)]
    assert [row["val/loss"] for row in validations[0]] == [row["val/loss"] for row in validations[1]]


def test_every_step_of_logging_is_logged_once(tmp_path: Path) -> None:
    _, _, rows = fit(tmp_path, 4)
    assert [step for step, row in rows if "train/loss" in row] == [3, 7]
    _, _, rows = fit(tmp_path, 2, log_every_n_steps=3)
    assert [step for step, row in rows if "train/loss" in row] == [3, 5]  # the first at or after 2, then 5


@pytest.mark.parametrize("max_steps", [5, 7])
def test_a_run_stops_at_max_steps_inside_of_a_list(tmp_path: Path, max_steps: int) -> None:
    trainer, model, _ = fit(tmp_path, 4, max_steps=max_steps)
    _, plain, _ = fit(tmp_path, 1, max_steps=max_steps)
    assert trainer.global_step == max_steps
    assert same(plain, model)


def test_a_resumed_run_equals_one_that_was_not_interrupted(tmp_path: Path) -> None:
    trainer, _, _ = fit(tmp_path, 2, max_steps=6)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    _, resumed, _ = fit(tmp_path, 2, tmp_path / "half.ckpt")
    _, whole, _ = fit(tmp_path, 1)
    assert same(whole, resumed)


@pytest.mark.parametrize("name", ["factor_vae", "ada_gvae"])
def test_models_with_batches_and_updates_of_their_own(tmp_path: Path, name: str) -> None:
    models = []
    for updates in (1, 3):
        model = make(name, updates_per_batch=updates)
        trainer = tiny_trainer(tmp_path, max_epochs=-1, max_steps=3, limit_val_batches=0)
        trainer.fit(model, datamodule=data_module(name, batch_size=4))
        models.append(model)
    assert same(*models)


def test_rejects_no_updates() -> None:
    with pytest.raises(ValueError, match=r"updates_per_batch.*\b0"):
        scheduled(0)


def train_on_gpu(name: str, folder: Path, noise_seed: int = 0, **options: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """Return how far twelve steps move all parameters, and the last terms."""
    model = make(name, **options)
    model.noise_seed = noise_seed
    initial = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    double = {"precision": "64-true", "accelerator": "gpu"}  # so that algorithms chosen anew hardly differ
    trainer = tiny_trainer(folder, max_epochs=-1, max_steps=12, limit_val_batches=0, **double)
    data = data_module(name)
    data.device_resident = True
    trainer.fit(model, datamodule=data)
    final = torch.cat([parameter.detach().cpu().flatten() for parameter in model.parameters()])
    return final - initial, {name: term.cpu() for name, term in model.train_terms.items()}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", MODELS)
def test_recorded_updates_are_those_of_plain_training(name: str, tmp_path: Path) -> None:
    moved, terms = train_on_gpu(name, tmp_path)
    recorded, recorded_terms = train_on_gpu(name, tmp_path, updates_per_batch=6)
    assert recorded_terms.keys() == terms.keys()
    for key, term in terms.items():
        torch.testing.assert_close(recorded_terms[key], term, rtol=2e-2, atol=2e-2)
    # Adam moves a weight with next to no gradient by the sign of its round-off, so a few may be far apart.
    assert (recorded - moved).norm() < 0.03 * moved.norm()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recorded_noise_is_that_of_each_step(tmp_path: Path) -> None:
    moved, other = (train_on_gpu("vae", tmp_path, seed, updates_per_batch=6)[0] for seed in (0, 1))
    assert (other - moved).norm() > 0.06 * moved.norm()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recorded_schedules_follow_the_step(tmp_path: Path) -> None:
    plain, recorded = (fit(tmp_path, n, accelerator="gpu", max_steps=12)[1] for n in (1, 4))
    for first, second in zip(plain.parameters(), recorded.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4)  # steps of 1e-3 to 1e-2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_rejects_an_optimizer_that_cannot_be_recorded(tmp_path: Path) -> None:
    model = make("vae", updates_per_batch=2, optimizer=lambda parameters: torch.optim.Adagrad(parameters, lr=1e-3))
    trainer = tiny_trainer(tmp_path, max_steps=2, accelerator="gpu")
    with pytest.raises(ValueError, match="optimizer"):
        trainer.fit(model, datamodule=data_module("vae"))
