"""`lr-lightning study run --dry_run`."""

from pathlib import Path

import pytest

from lr_lightning.commands.study.command import main


def test_a_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text("config: helix\nset: {trainer.max_steps: 50}\nseeds: 2\ngrid: [{model.beta: [1, 4]}]")
    assert main(["run", "mine.yaml", "--dry_run"]) == 0
    text = capsys.readouterr().out
    assert "2 cells x 2 seeds = 4 runs; 0 done, 4 left in 4 jobs" in text
    assert "BetaVAE" in text
    assert not Path("studies").exists()


def test_a_wrong_study_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text("config: helix\ngrid: [{model.betta: [1, 4]}]")
    assert main(["run", "mine.yaml", "--dry_run"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("lr-lightning study run: mine.yaml: block 1 of the grid, model.betta: 1: ")
