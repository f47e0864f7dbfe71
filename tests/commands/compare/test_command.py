"""``lr-lightning compare`` on short runs."""

from pathlib import Path

import pytest

from lr_lightning.cli import main
from tests.commands.fit.test_training import HELIX, run

pytestmark = pytest.mark.filterwarnings("ignore:independence is undefined", "ignore:score undefined")


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Return the lines that the command prints, with single spaces."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["compare", *arguments])
    assert stopped.value.code == 0
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_two_runs(capsys: pytest.CaptureFixture[str]) -> None:
    options = [*HELIX, "--trainer.logger=false"]
    assert run("fit", *options) == 0
    assert run("fit", *options) == 0
    assert run("fit", *options, "--model.beta=2", "--trainer.max_epochs=1") == 0
    same = lines(capsys, "runs/helix", "runs/helix-1")
    assert same[0] == "Config: 0 keys differ"
    for name in ("best", "last"):
        [line] = [line for line in same if line.startswith(f"{name} (step 8): ")]
        assert "equal to the bit" in line
    [summary] = [line for line in same if line.startswith("Scalars: ")]
    number = summary.split()[1]
    assert int(number) > 10
    assert summary.endswith(f"of which {number} are equal")

    other = lines(capsys, "runs/helix", "runs/helix-2")
    assert other[0] == "Config: 2 keys differ"
    assert "model.beta 0.05 2.0" in other
    assert "trainer.max_epochs 2 1" in other
    [line] = [line for line in other if line.startswith("last (step 8 and 4): ")]
    assert "different in" in line
    assert "step fit 8 fit 4" in other
    [row] = [line.split() for line in other if line.startswith("val/loss ")]
    assert float(row[3]) == pytest.approx(float(row[2]) - float(row[1]), abs=1e-3)


def test_an_interrupted_run_and_the_model_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("fit", *HELIX, "--trainer.logger=false", "--assays={}") == 0
    Path("runs/helix/results.json").unlink()
    printed = lines(capsys, "runs/helix", "demo")
    assert any("runs/helix has no results.json" in line for line in printed)
    assert any(line.startswith("best ") and "of different networks" in line for line in printed)
    assert any(line.startswith("last: not compared") for line in printed)


def test_what_is_no_run_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["compare", "missing", "demo"])
    assert stopped.value.code == 1
    assert "missing/config.yaml" in capsys.readouterr().err
