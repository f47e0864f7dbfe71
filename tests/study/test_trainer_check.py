"""Arguments of the Trainer with which no run could end well."""

from typing import Any

import pytest

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.manifest import Evaluation
from lr_lightning.study.trainer_check import check_trainer

FINE: dict[str, Any] = {
    "devices": 1,
    "num_nodes": 1,
    "max_steps": -1,
    "max_epochs": None,
    "max_time": None,
    "callbacks": None,
    "enable_checkpointing": None,
    "barebones": False,
    "fast_dev_run": False,
    "limit_train_batches": None,
    "limit_val_batches": None,
    "limit_test_batches": None,
}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"enable_checkpointing": False}, "enable_checkpointing is False"),
        ({"barebones": True}, "barebones is True"),
        ({"fast_dev_run": 3}, "fast_dev_run is 3"),
        ({"devices": 2}, "devices is 2"),
        ({"devices": -1}, "devices is -1"),
        ({"devices": [0, 1]}, r"devices is \[0, 1\]"),
        ({"num_nodes": 2}, "num_nodes is 2"),
        ({"max_steps": 0}, "max_steps is 0"),
        ({"max_epochs": 0}, "max_epochs is 0"),
        ({"limit_train_batches": 0.0}, "limit_train_batches is 0"),
        ({"max_epochs": -1}, "max_steps is -1.*max_epochs"),
        ({"limit_test_batches": 1}, "limit_test_batches is 1"),
        ({"limit_test_batches": 0.5}, "limit_test_batches is 0.5"),
    ],
)
def test_what_cannot_end_well_is_named(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=rf"trainer\.{named}"):
        check_trainer(FINE | changed, Evaluation())


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"devices": "1"},
        {"devices": [3]},
        {"max_epochs": -1, "max_steps": 10},
        {"max_epochs": -1, "max_time": "00:01:00:00"},
        {"max_epochs": -1, "callbacks": [{"class_path": "EarlyStopping"}]},
        {"limit_test_batches": 1.0},
        {"limit_val_batches": 0},
    ],
)
def test_what_is_unusual_is_accepted(changed: dict[str, Any]) -> None:
    check_trainer(FINE | changed, Evaluation())


def test_the_best_checkpoint_needs_validations() -> None:
    check_trainer(FINE, Evaluation(checkpoint="best"))
    with pytest.raises(UsageError, match=r"trainer\.limit_val_batches is 0.*test\.checkpoint"):
        check_trainer(FINE | {"limit_val_batches": 0}, Evaluation(checkpoint="best"))
