"""A trial is an ordinary run that reports its validations."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lr_lightning.runs import fit
from lr_lightning.study.search.definition import read_search
from lr_lightning.study.search.trial import TrialSetup, repeat_command, train_trial, trial_words
from tests.run_folders import differences
from tests.study.search.test_definition import write
from tests.study.small_study import SMALL


class StoppedError(Exception):
    """Stands for the end of the process."""


def setup(**parts: Any) -> TrialSetup:
    return TrialSetup(read_search(write(set=SMALL, **parts)), Path("trials").absolute(), 1)


def test_a_trial_reports_each_validation_after_its_checkpoint() -> None:
    reports: list[dict[str, float]] = []
    folder = Path("trials/one").absolute()

    def report(values: dict[str, float]) -> None:
        checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        assert checkpoint["global_step"] == values["step"]
        assert checkpoint["metrics"]["val/loss"].item() == values["val/loss"]
        reports.append(values)

    train_trial({"model.beta": 0.5}, setup(), folder, report)
    assert [(each["step"], round(each["percent"], 6)) for each in reports] == [
        (20, 33.333333),
        (40, 66.666667),
        (60, 100),
    ]
    values = SMALL | {
        "model.beta": 0.5,
        "seed_everything": 0,
        "checkpoint.monitor": "val/loss",
        "checkpoint.mode": "min",
    }
    plain = fit("helix", values | {"wandb.mode": "disabled"}, folder="plain", quiet=True)
    assert differences(plain.folder, folder) == []


def test_percent_follows_max_steps_too() -> None:
    reports: list[dict[str, float]] = []
    steps = SMALL | {"trainer.max_epochs": -1, "trainer.max_steps": 80}
    search = read_search(write(set=steps))
    train_trial({}, TrialSetup(search, Path("trials").absolute(), 1), Path("trials/a").absolute(), reports.append)
    assert [each["percent"] for each in reports] == [25, 50, 75, 100]


def test_a_stopped_trial_continues_from_its_last_report() -> None:
    folder = Path("trials/one").absolute()

    def stop(values: dict[str, float]) -> None:
        if values["step"] == 40:
            raise StoppedError

    with pytest.raises(StoppedError):
        train_trial({"model.beta": 0.5}, setup(), folder, stop)
    reports: list[dict[str, float]] = []
    train_trial({"model.beta": 0.5}, setup(), folder, reports.append)
    assert [each["step"] for each in reports] == [60]


def test_values_that_are_not_finite_are_not_reported() -> None:
    reports: list[dict[str, float]] = []
    undefined = {"assays.statistics": "LatentStatisticsAssay"}
    search = read_search(write(set=SMALL | undefined, monitor="assay/statistics/active_units"))
    broken = {"model.optimizer.lr": 1e30}
    folder = Path("trials/a").absolute()
    with pytest.raises(FloatingPointError):
        train_trial(broken, TrialSetup(search, folder.parent, 1), folder, reports.append)
    assert all(each["assay/statistics/active_units"] == each["assay/statistics/active_units"] for each in reports)


def test_words_repeat_a_trial() -> None:
    words = trial_words(read_search(write(seed=7)), {"model.beta": 0.5})
    assert "--model={beta: 0.5}" in words
    assert "--seed_everything=7" in words
    assert "--checkpoint.monitor=val/loss" in words


def test_the_command_that_repeats_a_trial_has_an_option_for_each_value() -> None:
    values: dict[str, Any] = {
        "model.beta": 1e-7,
        "model.likelihood": "Laplace",
        "data.dataset.seed": None,
        "data.batch_size": 8,
    }
    search = read_search(write(seed=7))
    command = repeat_command(search, values)
    assert command == (
        "lr-lightning fit --config helix --trainer.max_epochs=3 --model.beta=1.0e-07 --model.likelihood=Laplace "
        "--data.dataset.seed=null --data.batch_size=8 --seed_everything=7 --checkpoint.monitor=val/loss "
        "--checkpoint.mode=min"
    )
