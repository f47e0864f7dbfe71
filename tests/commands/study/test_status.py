"""``lr-lightning study status``."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import rmtree

import pytest

from lr_lightning.commands.study.command import main
from lr_lightning.study.definition import read_definition
from lr_lightning.study.failure import Failure, write_failure
from lr_lightning.study.layout import run_folder
from lr_lightning.testing.synthetic_study import synthetic_manifest, write_synthetic_study
from tests.study.test_run_states import write_lease

ROOT = Path("studies")


@pytest.fixture
def _study() -> None:
    """A study of 12 runs, of which 5 are done, 1 runs, 3 failed, and 3 wait."""
    Path("file.yaml").write_text("name: synthetic\nconfig: helix\ngrid: [{model.beta: [1]}]\n")
    manifest = synthetic_manifest(2, 1, 2, 3, definition=read_definition(Path("file.yaml")).digest)
    runs = list(manifest.runs)
    write_synthetic_study(ROOT, manifest, runs[:5], num_scores=1)
    folders = [run_folder(ROOT, cell.identity, seed) for cell, seed in runs]
    write_lease(folders[5], silence=7)
    (folders[5] / "metrics.csv").write_text("step,train/loss\n1199,0.5\n")
    (folders[5].parent / "config.yaml").write_text("trainer: {max_steps: 20000}\n")
    for folder in folders[6:8]:
        write_failure(folder, Failure("failed", "the disk [full] is full"))
    write_failure(folders[8], Failure("diverged", "the loss is nan at step 7"))


@pytest.mark.usefixtures("_study")
def test_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "synthetic"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "synthetic: 5 of 12 runs done, 1 running, 2 failed, 1 diverged, 3 waiting"
    assert lines[1].endswith(" left")
    [row] = [line for line in lines if "AnnealedVAE" in line]
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["1", "AnnealedVAE", "6", "", "", "2", "1", "3"]
    [running] = [line for line in lines if "step 1,200 of 20,000" in line]
    assert all(part in running for part in ("BetaVAE beta=1 ColorDSprites, seed 2", "node7", "7 s ago"))
    failed = lines.index("failed; to try again: lr-lightning study retry synthetic")
    assert lines[failed + 1].strip() == "2 x the disk [full] is full"
    assert lines[failed + 2].strip().endswith("/seed_0")
    assert lines[failed + 3] == "diverged; to try again: lr-lightning study retry synthetic --all"


@pytest.mark.usefixtures("_study")
def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "file.yaml", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["total"] == 12
    assert status["counts"] == {"done": 5, "running": 1, "failed": 2, "diverged": 1, "waiting": 3}
    assert status["running"][0]["step"] == 1200
    assert status["failures"][0]["count"] == 2
    assert Path(status["failures"][0]["folder"]).is_dir()
    assert status["change"] == ""


@pytest.mark.usefixtures("_study")
def test_a_changed_file_is_told_and_does_not_stop_it(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file.yaml").write_text("name: synthetic\nconfig: helix\ngrid: [{model.beta: [1, 2]}]\n")
    assert main(["status", "file.yaml"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("note: file.yaml has changed")
    assert lines[1].startswith("synthetic: 5 of 12 runs done")


def test_commands_name_another_root(capsys: pytest.CaptureFixture[str]) -> None:
    write_synthetic_study(Path("my root"), synthetic_manifest(1, 1, 1, 1), [])
    assert main(["status", "synthetic", "--root", "my root"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "nothing runs; to continue: lr-lightning study run synthetic --root 'my root'"
    assert main(["status", "synthetic"]) == 2
    assert "'synthetic'" in capsys.readouterr().err


def test_a_finished_study_says_so_and_what_is_next(capsys: pytest.CaptureFixture[str]) -> None:
    write_synthetic_study(ROOT, synthetic_manifest(1, 1, 1, 2))
    assert main(["status", "synthetic"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "synthetic: 2 of 2 runs done"
    assert lines[1].startswith("┏")
    assert "lr-lightning study table synthetic" in lines[-1]
    assert "lr-lightning study report synthetic --out report" in lines[-1]
    first, _ = synthetic_manifest(1, 1, 1, 2).runs
    folder = run_folder(ROOT, first[0].identity, first[1])
    rmtree(folder / "evaluations")
    write_failure(folder, Failure("failed", "no room"))
    assert main(["status", "synthetic"]) == 0
    printed = capsys.readouterr().out
    assert "study retry synthetic" in printed
    assert "study table" not in printed


@pytest.mark.usefixtures("_study")
def test_it_imports_neither_torch_nor_pandas() -> None:
    script = (
        "import sys; from lr_lightning.commands.study.command import main; assert main(['status', 'file.yaml']) == 0; "
        "sys.exit(','.join({'torch', 'pandas', 'numpy', 'scipy'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
