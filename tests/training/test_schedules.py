"""Schedules against closed forms, in training and on the command line."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_lightning import Callback, LightningModule, Trainer
from typing_extensions import override

from lr_lightning.cli import main
from lr_lightning.configs import CONFIG_FOLDER
from lr_lightning.data import FactorDataset
from lr_lightning.models import (
    BetaVAE,
    CosineSchedule,
    CyclicSchedule,
    LinearSchedule,
    Schedule,
    ScheduledLearningRate,
    WarmUp,
)
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer, weights
from lr_lightning.training.schedules import check_weight, value_at
from tests.logged_rows import logged_rows
from tests.models.test_base import Recorder

# Values


def values(schedule: Schedule, *steps: int) -> list[float]:
    return [schedule(step) for step in steps]


def test_linear_schedule_is_a_line_and_then_stays() -> None:
    schedule = LinearSchedule(2.0, 6.0, num_steps=8)
    assert values(schedule, 0, 1, 4, 7, 8, 9, 10**9) == [2, 2.5, 4, 5.5, 6, 6, 6]  # powers of two are exact
    assert values(LinearSchedule(1.0, 0.0, num_steps=4), 0, 1, 4, 5) == [1, 0.75, 0, 0]


def test_cosine_schedule_is_half_a_wave_and_then_stays() -> None:
    found = values(CosineSchedule(2.0, 6.0, num_steps=6), 0, 1, 2, 3, 4, 6, 7, 10**9)
    expected = [2, 4 - math.sqrt(3), 3, 4, 5, 6, 6, 6]  # cosines of multiples of 30 degrees
    assert found == pytest.approx(expected, abs=1e-12)  # float64 round-off


def test_cosine_schedule_can_fall() -> None:
    found = values(CosineSchedule(1.0, 0.0, num_steps=4), 0, 1, 2, 4, 5)
    assert found == pytest.approx([1, (2 + math.sqrt(2)) / 4, 0.5, 0, 0], abs=1e-12)


def test_cyclic_schedule_begins_anew() -> None:
    schedule = CyclicSchedule(1.0, 3.0, period=8)  # rises for four steps
    assert values(schedule, *range(10)) == [1, 1.5, 2, 2.5, 3, 3, 3, 3, 1, 1.5]
    assert values(CyclicSchedule(0.0, 4.0, period=4, rise=1.0), *range(6)) == [0, 1, 2, 3, 0, 1]


@given(st.integers(0, 100), st.integers(0, 50), st.integers(1, 30))
def test_cyclic_schedule_repeats_itself(step: int, cycles: int, period: int) -> None:
    schedule = CyclicSchedule(0.0, 1.0, period, rise=0.3)
    assert schedule(step) == schedule(step + cycles * period)


def test_warm_up_rises_to_a_number_and_stays() -> None:
    assert values(WarmUp(4, then=2.0), 0, 1, 2, 4, 5, 10**9) == [0, 0.5, 1, 2, 2, 2]
    assert values(WarmUp(2), 0, 1, 2, 3) == [0, 0.5, 1, 1]


def test_warm_up_rises_to_where_a_schedule_begins_and_follows_it() -> None:
    schedule = WarmUp(4, then=LinearSchedule(8.0, 0.0, num_steps=8))
    assert values(schedule, 0, 2, 3, 4, 5, 8, 12, 13) == [0, 4, 6, 8, 7, 4, 0, 0]


@given(st.floats(-10, 10), st.floats(-10, 10), st.integers(1, 1000), st.integers(0, 2000))
def test_schedules_stay_between_their_ends(start: float, end: float, num_steps: int, step: int) -> None:
    low, high = min(start, end) - 1e-12, max(start, end) + 1e-12  # float64 round-off of numbers up to 10
    for schedule in (
        LinearSchedule(start, end, num_steps),
        CosineSchedule(start, end, num_steps),
        CyclicSchedule(start, end, num_steps),
    ):
        assert low <= schedule(step) <= high


def test_value_at_takes_numbers_and_schedules() -> None:
    assert value_at(3.0, 7) == 3.0
    assert value_at(LinearSchedule(0.0, 10.0, num_steps=10), 7) == 7.0


# Errors


@pytest.mark.parametrize("number", [0, -3])
def test_rejects_lengths_below_one(number: int) -> None:
    for make in (
        lambda: LinearSchedule(0.0, 1.0, num_steps=number),
        lambda: CosineSchedule(0.0, 1.0, num_steps=number),
        lambda: WarmUp(number),
    ):
        with pytest.raises(ValueError, match=rf"num_steps.*{number}"):
            make()
    with pytest.raises(ValueError, match=rf"period.*{number}"):
        CyclicSchedule(0.0, 1.0, period=number)


@pytest.mark.parametrize("rise", [0.0, -0.5, 1.5, float("nan")])
def test_rejects_a_rise_outside_of_its_range(rise: float) -> None:
    with pytest.raises(ValueError, match=rf"rise.*{rise}"):
        CyclicSchedule(0.0, 1.0, period=4, rise=rise)


def test_weight_may_be_any_number_that_is_not_negative_or_a_schedule() -> None:
    schedule = LinearSchedule(0.0, 1.0, num_steps=4)
    assert (check_weight("beta", 0.0), check_weight("beta", 1e9)) == (0.0, 1e9)
    assert check_weight("beta", schedule) is schedule


@pytest.mark.parametrize("weight", [-0.1, float("inf"), float("nan")])
def test_rejects_weights_that_are_negative_or_not_finite(weight: float) -> None:
    with pytest.raises(ValueError, match=rf"gamma.*{weight}"):
        check_weight("gamma", weight)


# Training


class Rates(Callback):
    """Keeps the learning rate of each update."""

    def __init__(self) -> None:
        self.values: list[float] = []

    @override
    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        self.values.append(optimizer.param_groups[0]["lr"])


def scheduled() -> BetaVAE:
    """Return the tiny model, with a weight and a learning rate that change."""
    model = tiny_model()
    model.beta = LinearSchedule(0.0, 4.0, num_steps=8)
    model.lr_scheduler = lambda optimizer: ScheduledLearningRate(optimizer, WarmUp(4, LinearSchedule(1.0, 0.0, 8)))
    return model


def fit(folder: Path, dataset: FactorDataset, model: BetaVAE, epochs: int, checkpoint: Path | None = None) -> Any:
    """Train for ``epochs`` of four steps; return the Trainer, logged betas by step and the rates of the updates."""
    recorder, rates = Recorder(), Rates()
    options: Any = {"max_epochs": epochs, "limit_val_batches": 0, "logger": recorder, "log_every_n_steps": 1}
    trainer = tiny_trainer(folder, rates, **options)
    trainer.fit(model, datamodule=tiny_data(dataset), ckpt_path=checkpoint, weights_only=True)
    return trainer, {step: row["train/beta"] for step, row in recorder.training()}, rates.values


def test_weights_and_rates_follow_the_step_in_training(tmp_path: Path, bars: FactorDataset) -> None:
    _, betas, rates = fit(tmp_path, bars, scheduled(), epochs=3)
    assert betas == {step: min(step / 2, 4.0) for step in range(12)}
    expected = [0, 1 / 4, 1 / 2, 3 / 4, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]
    assert rates == pytest.approx([1e-2 * factor for factor in expected], rel=1e-12)


def test_logged_weight_is_the_one_in_the_loss(tmp_path: Path, bars: FactorDataset) -> None:
    recorder = Recorder()
    trainer = tiny_trainer(tmp_path, max_epochs=2, limit_val_batches=0, logger=recorder, log_every_n_steps=1)
    trainer.fit(scheduled(), datamodule=tiny_data(bars))
    for _, row in recorder.training():
        loss = row["train/reconstruction"] + row["train/beta"] * row["train/kl"]
        assert row["train/loss"] == pytest.approx(loss, rel=1e-6)  # float32


def test_weights_and_rates_go_on_after_a_resume(tmp_path: Path, bars: FactorDataset) -> None:
    whole, half, rest = scheduled(), scheduled(), scheduled()
    _, all_betas, all_rates = fit(tmp_path, bars, whole, epochs=3)
    trainer, first_betas, first_rates = fit(tmp_path, bars, half, epochs=2)
    trainer.save_checkpoint(tmp_path / "half.ckpt")
    _, betas, rates = fit(tmp_path, bars, rest, epochs=3, checkpoint=tmp_path / "half.ckpt")
    assert first_betas | betas == all_betas
    assert first_rates + rates == all_rates
    assert torch.equal(weights(rest), weights(whole))


def test_scaled_rates_keep_their_proportions() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups: list[dict[str, Any]] = [{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.4}]
    optimizer = torch.optim.SGD(groups, lr=0.1)
    schedule = ScheduledLearningRate(optimizer, LinearSchedule(1.0, 0.5, num_steps=2))
    found = []
    for _ in range(3):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    assert found == [[0.1, 0.4], [0.1 * 0.75, 0.4 * 0.75], [0.1 * 0.5, 0.4 * 0.5]]


def test_checkpoint_of_a_schedule_holds_no_object(tmp_path: Path, bars: FactorDataset) -> None:
    trainer, _, _ = fit(tmp_path, bars, scheduled(), epochs=1)
    trainer.save_checkpoint(tmp_path / "tiny.ckpt")
    [state] = torch.load(tmp_path / "tiny.ckpt", weights_only=True)["lr_schedulers"]
    assert state["last_epoch"] == 4
    assert state["lr_lambdas"] == [None]


# Command line


@pytest.mark.filterwarnings("ignore:independence is undefined")  # a model of a few steps
def test_command_line_takes_schedules_and_its_checkpoints_reload_alone(tmp_path: Path) -> None:
    arguments = [
        f"--config={CONFIG_FOLDER / 'helix.yaml'}",
        *["--model.beta", "LinearSchedule", "--model.beta.start", "0", "--model.beta.end", "0.8"],
        *["--model.beta.num_steps", "4", "--model.lr_scheduler", "ScheduledLearningRate"],
        *["--model.lr_scheduler.schedule", "WarmUp", "--model.lr_scheduler.schedule.num_steps", "2"],
        *["--data.dataset.num_samples=1152", "--data.batches_per_epoch=3", "--data.val_size=64"],
        *["--assays", "{}", "--trainer.max_epochs=2", "--trainer.log_every_n_steps=1"],
        *["--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"],
        *["--trainer.logger=CSVLogger", f"--trainer.logger.save_dir={tmp_path / 'log'}"],
    ]
    with pytest.raises(SystemExit) as stopped:
        main(["fit", *arguments])
    assert stopped.value.code == 0
    [table] = (tmp_path / "log").rglob("metrics.csv")
    betas = [float(row["train/beta"]) for row in logged_rows(table.parent) if "train/beta" in row]
    assert betas == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 0.8], rel=1e-12)
    checkpoint = Path("runs/helix/checkpoints/last.ckpt")
    model = BetaVAE.load_from_checkpoint(checkpoint, weights_only=True)
    assert model.beta == LinearSchedule(0.0, 0.8, num_steps=4)
    assert model.steps_trained == 6
    [state] = torch.load(checkpoint, weights_only=True)["lr_schedulers"]
    assert state["_last_lr"] == [1e-2]  # of helix.yaml, after the warm-up
