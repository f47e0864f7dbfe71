"""Runs that are given to ``lr-lightning score``."""

import subprocess
import sys
from pathlib import Path

import pytest

from lr_lightning.commands.messages import UsageError
from lr_lightning.commands.score.command import main
from lr_lightning.commands.score.run_refusal import CODES, refuse_run


@pytest.fixture
def run() -> Path:
    """The folder of a run, as far as it is looked at."""
    folder = Path("my runs/helix")
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "best.ckpt").touch()
    (folder / "config.yaml").touch()
    return folder


def commands(path: Path) -> list[str]:
    """Return the commands in the message."""
    with pytest.raises(UsageError) as caught:
        refuse_run(path)
    assert str(path) in str(caught.value)
    return [part.split(";")[0].split(", ")[0] for part in f" {caught.value}".split("lr-lightning ")[1:]]


def test_a_run_folder_can_be_tested_assayed_or_predicted(run: Path) -> None:
    assert commands(run) == [
        "test 'my runs/helix'",
        "assay 'my runs/helix' --out report",
        "predict 'my runs/helix'",
        "score 'my runs/helix/codes.npz'",
    ]
    (run / CODES).touch()
    assert "predict 'my runs/helix'" not in commands(run)
    refuse_run(run / CODES)


def test_models_without_a_run_folder_can_be_assayed(run: Path) -> None:
    for path in (run / "checkpoints" / "best.ckpt", Path("demo")):
        assert [word.split()[0] for word in commands(path)] == ["assay"]
    exported = Path("shared")
    exported.mkdir()
    for name in ("config.yaml", "model.safetensors"):
        (exported / name).touch()
    for path in (exported, exported / "model.safetensors"):
        assert [word.split()[0] for word in commands(path)] == ["assay"]


def test_all_else_is_left_to_the_reader() -> None:
    Path("folder").mkdir()
    Path("file").touch()
    for name in ("folder", "file", "missing", "missing.npz"):
        refuse_run(Path(name))


def test_the_command_says_so_before_it_imports_torch(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(run)]) == 2
    assert "lr-lightning test 'my runs/helix'" in capsys.readouterr().err
    script = (
        "import sys; from lr_lightning.commands.score.command import main; "
        f"assert main([{str(run)!r}]) == 2; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
