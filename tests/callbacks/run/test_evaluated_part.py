"""A partial evaluation uses a random part of the set, and reports it."""

import json
from pathlib import Path
from typing import Any

import pytest

from lr_lightning.callbacks import RunRecord
from lr_lightning.callbacks.run.evaluated_part import evaluated_part
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.conftest import Bars


@pytest.mark.parametrize(
    ("stage", "limit", "part"),
    [("test", {}, (48, 48)), ("test", {"limit_test_batches": 2}, (10, 48)), ("validate", {}, (12, 12))],
)
def test_the_record_holds_how_much_was_seen(
    stage: str, limit: dict[str, Any], part: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = tiny_trainer(tmp_path, RunRecord(), **limit)
    getattr(trainer, stage)(tiny_model(), datamodule=tiny_data(Bars()), verbose=False)
    assert evaluated_part(trainer, stage) == part
    record = json.loads((tmp_path / "results.json").read_text())[stage]
    assert (record["num_evaluated"], record["num_available"]) == part
    assert ("10 of 48 observations" in capsys.readouterr().out) == (part[0] < part[1])


def test_training_records_its_validation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer = tiny_trainer(tmp_path, RunRecord(), max_epochs=1, limit_val_batches=1)
    trainer.fit(tiny_model(), datamodule=tiny_data(Bars()))
    record = json.loads((tmp_path / "results.json").read_text())["fit"]
    assert (record["num_evaluated"], record["num_available"]) == (5, 12)
    assert "5 of 12 observations" in capsys.readouterr().out
