"""``lr-lightning explore`` on short runs and on the packaged model."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress

import lr_lightning as lr
from lr_lightning.cli import main
from lr_lightning.commands import progress
from lr_lightning.commands.progress import terminal_progress
from lr_lightning.commands.run.exported import PACKAGED
from lr_lightning.onnx import packages
from tests.explorer.test_static_page import embedded
from tests.extras import needs
from tests.test_old_runs import RUNS

pytestmark = pytest.mark.filterwarnings("ignore:independence is undefined")  # models of a few steps
EXPORTS = needs("onnx", "onnxruntime", "onnxscript")
FEW = "--num_samples=8"


def run(*arguments: str) -> int | str | None:
    """Return the exit code of ``lr-lightning explore`` on ``arguments``."""
    with pytest.raises(SystemExit) as stopped:
        main(["explore", *arguments])
    return stopped.value.code


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")] if "__pycache__" not in path.parts}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(RUNS / "beta_vae", tmp_path / "runs" / "beta_vae")


@EXPORTS
def test_the_packaged_model_is_explored(capsys: pytest.CaptureFixture[str]) -> None:
    before = files(PACKAGED["demo"])
    assert run("demo", FEW) == 0
    data = embedded(Path("explorer.html").read_text())
    assert data["title"] == "AdaGVAE on rendered_shapes3d"
    assert data["subtitle"] == "Conv64Burgess, 10 latents, 30,000 steps, demo"
    assert [factor["name"] for factor in data["factors"]][:2] == ["floor_hue", "wall_hue"]
    assert len(data["traversals"]) == 6
    recorded = lr.load_run("demo").scores
    found = {score["name"]: score for score in data["scores"]}
    assert found["mig"]["value"] == pytest.approx(recorded["mig"], rel=1e-5)
    assert {score.row.name for score in recorded} <= set(found)
    assert data["notes"] == []
    printed = capsys.readouterr().out
    assert f"Page: {Path('explorer.html').resolve()}" in printed
    assert files(PACKAGED["demo"]) == before


@EXPORTS
def test_a_run_or_a_checkpoint_is_explored(folder: Path) -> None:
    before = files(folder)
    assert run(str(folder), FEW, "--out=page.html") == 0
    assert run(str(folder / "checkpoints" / "best.ckpt"), FEW, "--out=deep/same.html") == 0
    assert embedded(Path("page.html").read_text()) == embedded(Path("deep/same.html").read_text())
    assert files(folder) == before
    assert run(str(folder), FEW, "--out=page.html", "--seed=1", "--overwrite", "--data.val_size=40") == 0
    assert embedded(Path("page.html").read_text())["samples"] != embedded(Path("deep/same.html").read_text())["samples"]


@EXPORTS
def test_a_run_whose_data_are_missing_has_a_page_without_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = folder / "config.yaml"
    dataset = "class_path: lr_lightning.data.DSprites\n      init_args:\n        path: /no/such/file.npz"
    text = re.sub(
        r"dataset:\n(?P<indent> +)class_path: [\w.]+\n(?:(?P=indent) *init_args:\n(?:(?P=indent) +.*\n)*)?",
        f"dataset:\n      {dataset}\n",
        config.read_text(),
    )
    assert "/no/such/file.npz" in text
    config.write_text(text)
    assert run(str(folder), FEW) == 0
    [note] = embedded(Path("explorer.html").read_text())["notes"]
    assert "The data could not be opened" in note
    assert "/no/such/file.npz" in note
    assert f"note: {note}" in capsys.readouterr().out
    data = embedded(Path("explorer.html").read_text())
    assert data["examples"] == []
    assert data["title"] == "BetaVAE on DSprites"


@EXPORTS
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["missing"], 1, "missing is not a run folder"),
        ([], 2, "RUN"),
        (["RUN", "--out=taken.html"], 1, "taken.html exists; add --overwrite"),
        (["RUN", "--out=runs"], 1, "runs is a folder"),
        (["RUN", "--live", "--out=x.html"], 2, "either --out or --live"),
        (["RUN", "--device=cpu"], 2, "--device"),
        (["RUN", "--live", "--device=nothing"], 2, "nothing"),
        (["RUN", "--port=70000"], 2, "70000"),
        (["RUN", "--num_samples=1"], 1, "num_samples must be at least 2, got 1"),
        (["RUN", "--data.val_sise=3"], 2, "has no argument 'val_sise'; did you mean val_size?"),
        (["RUN", "--model.network.latent_dim=3"], 2, "was saved from another model"),
        (["RUN/checkpoints/damaged.ckpt"], 1, "is not a readable checkpoint"),
        (["SEEDS"], 1, "contains 2 models; choose one of seed_"),
    ],
)
def test_wrong_use_is_one_sentence(
    folder: Path, arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("taken.html").write_text("mine")
    shutil.copytree(RUNS / "seeds", "runs/seeds")
    (folder / "checkpoints" / "damaged.ckpt").write_bytes(b"no checkpoint")
    words = [word.replace("RUN", str(folder)).replace("SEEDS", "runs/seeds") for word in arguments]
    assert run(*words) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert Path("taken.html").read_text() == "mine"
    assert not Path("explorer.html").exists()


@EXPORTS
def test_one_of_several_seeds_is_explored() -> None:
    shutil.copytree(RUNS / "seeds", "runs/seeds")
    [first, *_] = sorted(Path("runs/seeds/checkpoints").glob("seed_*.ckpt"))
    assert run(str(first), FEW) == 0
    assert embedded(Path("explorer.html").read_text())["title"].startswith("BetaVAE on ")


def test_missing_packages_are_named_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packages, "PACKAGES", ("no_such_package",))
    assert run("demo") == 1
    assert "no_such_package: pip install 'lr-lightning[explore]', or use --live" in capsys.readouterr().err


@EXPORTS
def test_a_model_that_cannot_be_exported_suggests_the_server(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    from lr_lightning.losses import Bernoulli

    monkeypatch.setattr(Bernoulli, "mean", lambda _, raw: torch.special.airy_ai(raw))
    assert run("demo", FEW) == 1
    error = capsys.readouterr().err
    assert "operator aten.special_airy_ai" in error
    assert "--live" in error
    assert not Path("explorer.html").exists()


@pytest.mark.parametrize("send", [signal.SIGINT])
def test_a_server_runs_until_it_is_interrupted(send: signal.Signals, folder: Path) -> None:
    command = [sys.executable, "-m", "lr_lightning", "explore", str(folder), "--live", FEW, "--device=cpu"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment()
    ) as live:
        assert live.stdout is not None
        assert live.stderr is not None
        line = live.stdout.readline()
        found = re.fullmatch(r"Page: http://127\.0\.0\.1:(\d+)/\?token=([\w-]+)\n", line)
        assert found, line + live.stderr.read()
        headers = {"X-Explorer-Token": found[2], "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=60)
        data = _get(connection, headers)
        body = json.dumps({"code": data["start"]})
        connection.request("POST", "/step", body, headers)
        content = connection.getresponse().read()
        connection.close()
        size = 1
        for side in data["observation"]["shape"]:
            size *= side
        assert len(content) == 4 * (size + len(data["latents"]))
        live.send_signal(send)
        rest = live.communicate(timeout=60)
    assert live.returncode == 0, rest
    assert rest[0].endswith("stopped\n")
    assert rest[1] == ""


def _get(connection: http.client.HTTPConnection, headers: dict[str, str]) -> dict[str, Any]:
    connection.request("GET", "/data.json", headers=headers)
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    return found


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONWARNINGS": "ignore"}


@EXPORTS
def test_progress_is_shown_although_the_command_is_quiet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    displays = []

    def recorded(*columns: Any) -> Progress:
        displays.append(terminal_progress(*columns))
        return displays[-1]

    monkeypatch.setattr(progress, "terminal_progress", recorded)
    assert run(str(folder), FEW) == 0
    assert not displays[0].console.quiet  # that of the command; what reads the data may have its own
