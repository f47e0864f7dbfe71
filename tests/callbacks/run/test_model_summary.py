"""The table of a model's modules."""

from pathlib import Path

import pytest

from lr_lightning.callbacks import RunModelSummary
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.conftest import Bars


def test_parts_and_parameters_without_columns_that_say_nothing(
    tmp_path: Path, bars: Bars, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_model()
    tiny_trainer(tmp_path, RunModelSummary(), max_steps=1).fit(model, tiny_data(bars))
    printed = capsys.readouterr().out
    count = sum(parameter.numel() for parameter in model.parameters())
    assert "network" in printed
    assert f"{count / 1000:.1f} K trainable parameters" in printed
    assert "FLOP" not in printed
