"""``lr-lightning export``, and commands on what it writes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import wandb

from lr_lightning.cli import main
from tests.extras import needs
from tests.test_old_runs import QUIET, RUNS

pytestmark = [
    pytest.mark.filterwarnings("ignore:independence is undefined"),  # a model trained for a few steps
    pytest.mark.filterwarnings("ignore:score undefined"),
]


def run(*arguments: str) -> int | str | None:
    """Return the exit code of the command line on ``arguments``."""
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    wandb.finish()
    return stopped.value.code


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(RUNS / "beta_vae", tmp_path / "runs" / "beta_vae")


@pytest.fixture
def shared(folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert run("export", str(folder), "--out", "shared") == 0
    capsys.readouterr()
    return "shared"


def test_a_run_is_exported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("notes.md").write_text("Trained for a test.")
    assert run("export", str(folder), "--out=out/shared", "--license=CC0", "--notes=notes.md") == 0
    printed = capsys.readouterr().out
    assert "out/shared" in printed
    assert "step 8" in printed
    assert "CC0" in printed
    assert f"lr-lightning test {folder}" in printed
    card = Path("out/shared/README.md").read_text()
    assert "Trained for a test." in card
    assert "Weights: CC0." in card


def test_scores_of_a_test_are_part_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test", str(folder), *QUIET, "--assays.disentanglement=null") == 0
    capsys.readouterr()
    assert run("export", str(folder), "--out=shared") == 0
    assert "Note" not in capsys.readouterr().out
    assert json.loads(Path("shared/results.json").read_text()).keys() == {"fit", "test"}


@needs("onnx", "onnxruntime", "onnxscript")
def test_with_onnx_all_commands_read_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", str(folder), "--out=shared", "--onnx") == 0
    assert "encoder.onnx and decoder.onnx, which differ from PyTorch by at most" in capsys.readouterr().out
    before = {path: path.read_bytes() for path in Path("shared").iterdir()}
    assert {path.name for path in before} >= {"encoder.onnx", "decoder.onnx", "model.safetensors"}
    assert run("assay", "shared", "--out=report", "--assays=response_matrix", "--num_samples=16") == 0
    assert run("explore", "shared", "--out=explorer.html", "--num_samples=8") == 0
    words = ["--initial_weights=shared", "--trainer.max_steps=1", "--trainer.logger=false"]
    assert run("fit", "--config=shared/config.yaml", *words, "--trainer.default_root_dir=new", *QUIET) == 0
    assert {path: path.read_bytes() for path in Path("shared").iterdir()} == before
    assert run("export", str(folder), "--out=shared", "--onnx", "--overwrite") == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing", "--out=x"], 1, "missing is not a run folder"),
        (["shared", "--out=x"], 1, "shared is an exported model already"),
        (["runs/beta_vae", "--out=shared"], 1, "--overwrite"),
        (["runs/beta_vae", "--out=runs/beta_vae", "--overwrite"], 1, "is a run folder"),
        (["runs/beta_vae", "--out=x", "--notes=missing.md"], 1, "missing.md"),
        (["runs/beta_vae"], 2, "--out"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(
    shared: str, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert run("export", *arguments) == code
    assert message in capsys.readouterr().err
    assert not Path("x").exists()


def test_other_commands_read_an_exported_folder(folder: Path, shared: str) -> None:
    before = {path: path.read_bytes() for path in Path(shared).iterdir()}
    recorded = json.loads((folder / "results.json").read_text())["fit"]["scalars"]
    place = "--trainer.default_root_dir=evaluated"
    assert run("validate", shared, *QUIET, place) == 0
    found = json.loads(Path("evaluated/results.json").read_text())["validate"]["scalars"]
    for key in ("val/loss", "val/reconstruction", "val/kl"):
        assert found[key] == pytest.approx(recorded[key], rel=1e-5)
    assert run("test", shared, *QUIET, place, "--assays.disentanglement=null") == 0
    assert run("predict", f"{shared}/model.safetensors", *QUIET, place) == 0
    with np.load("evaluated/codes.npz", allow_pickle=False) as codes:
        assert codes["codes"].shape == (128, 2)
    assert run("assay", shared, "--out=report", "--assays=response_matrix", "--num_samples=16") == 0
    assert "model.safetensors" in Path("report/index.html").read_text()
    assert {path: path.read_bytes() for path in Path(shared).iterdir()} == before


def test_without_a_place_an_evaluation_is_a_new_run_of_the_name(shared: str) -> None:
    assert run("predict", shared, *QUIET) == 0
    assert Path("runs/beta_vae-1/codes.npz").is_file()  # beside the run in runs/beta_vae


@pytest.mark.parametrize("given", ["shared", "shared/model.safetensors"])
def test_training_starts_from_it_but_does_not_resume(
    shared: str, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    assert run("fit", given, *QUIET) != 0
    error = capsys.readouterr().err
    assert f"--config {shared}/config.yaml --initial_weights {shared}/model.safetensors" in error
    assert error.count("\n") == 1
    words = [f"--initial_weights={given}", "--trainer.max_steps=1", "--trainer.logger=false"]
    assert run("fit", f"--config={shared}/config.yaml", *words, "--trainer.default_root_dir=new", *QUIET) == 0
    assert Path("new/checkpoints/last.ckpt").is_file()


@pytest.mark.parametrize("command", ["test", "assay", "predict"])
def test_damaged_weights_are_one_sentence(shared: str, capsys: pytest.CaptureFixture[str], command: str) -> None:
    weights = Path(shared, "model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    out = ["--out=report"] if command == "assay" else []
    assert run(command, shared, *out) != 0
    error = capsys.readouterr().err.strip()
    assert "model.safetensors" in error
    assert "\n" not in error
