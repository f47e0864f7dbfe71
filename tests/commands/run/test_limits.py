"""Limits of training, compared with how far a run has got."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import EarlyStopping, Timer

from lr_lightning.callbacks import Resumption
from lr_lightning.commands.run.limits import Progress, check_limits, reached_limits, why_it_ended
from lr_lightning.testing.bars import Bars
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer

LAST = Path("last.ckpt")
MIDDLE = Progress(steps=25, epochs=2, begun=3)
"""Inside the third epoch of 10 steps."""
NONE = {"max_steps": -1, "max_epochs": None}


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"max_steps": 24, "max_epochs": None}, "step 25.*--trainer.max_steps 24.*max_steps 90\\); .*above 25 "),
        (
            {"max_steps": -1, "max_epochs": 2},
            "step 25, in epoch 3.*--trainer.max_epochs 2.*max_epochs 9\\); .*max_epochs above 3 ",
        ),
        (
            {"max_steps": 5, "max_epochs": 1},
            "max_steps 5 and --trainer.max_epochs 1.*max_steps above 25 and ",
        ),
    ],
)
def test_a_limit_below_the_checkpoint_is_refused(limits: Mapping[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=rf"last\.ckpt.*{words}"):
        check_limits(LAST, MIDDLE, limits, {"max_steps": 90, "max_epochs": 9})
    with pytest.raises(ValueError, match="beyond"):
        check_limits(LAST, MIDDLE, limits, {})  # a checkpoint outside a run folder


@pytest.mark.parametrize("limits", [{"max_steps": 25, "max_epochs": 3}, NONE, {"max_steps": 99, "max_epochs": -1}])
def test_a_limit_that_was_just_reached_is_accepted(limits: Mapping[str, Any]) -> None:
    check_limits(LAST, MIDDLE, limits, {"max_steps": 90, "max_epochs": 9})


def test_a_limit_that_was_not_changed_is_accepted() -> None:
    check_limits(LAST, MIDDLE, {"max_steps": 20, "max_epochs": 1}, {"max_steps": 20, "max_epochs": 1})


def test_reached_limits() -> None:
    assert reached_limits(MIDDLE, {"max_steps": 25, "max_epochs": 3}) == {"max_steps": 25}
    assert reached_limits(Progress(30, 3, 3), {"max_steps": 30, "max_epochs": 3}) == {"max_steps": 30, "max_epochs": 3}
    assert reached_limits(MIDDLE, NONE) == {}


@pytest.mark.parametrize(
    ("limits", "callbacks", "words"),
    [
        ({"max_steps": 6, "max_epochs": -1}, [], "step 6: max_steps is 6; increase --trainer.max_steps to"),
        ({"max_steps": -1, "max_epochs": 2}, [], "step 8: max_epochs is 2; increase --trainer.max_epochs to"),
        (
            {"max_steps": 8, "max_epochs": 2},
            [],
            "max_steps is 8 and max_epochs is 2; increase --trainer.max_steps and",
        ),
        (
            {"max_steps": 6, "max_epochs": 9, "max_time": "00:00:00:00"},
            [Timer({"seconds": 0})],
            "max_time is 00:00:00:00; ",
        ),
        ({"max_steps": -1, "max_epochs": 9}, [Timer({"seconds": 0})], "Timer in trainer.callbacks"),
        (
            {"max_steps": -1, "max_epochs": 9},
            [EarlyStopping("val/loss", stopping_threshold=1e9)],
            "step 4 by EarlyStopping; remove it",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_why_there_is_no_step_left(
    limits: dict[str, Any], callbacks: list[Callback], words: str, tmp_path: Path
) -> None:
    """Train to the end and resume the run, which then trains no step."""
    steps = []
    for checkpoint in (None, tmp_path / "last.ckpt"):
        ends = {name: limits[name] for name in ("max_steps", "max_epochs")}
        trainer = tiny_trainer(tmp_path, Resumption(), *copy.deepcopy(callbacks), **ends)
        trainer.fit(tiny_model(), tiny_data(Bars()), ckpt_path=checkpoint, weights_only=True)
        steps.append(trainer.global_step)
        trainer.save_checkpoint(tmp_path / "last.ckpt")
    assert steps[0] == steps[1]
    assert words in why_it_ended(trainer, limits)
