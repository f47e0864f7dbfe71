"""The model that is shipped with the package."""

import json
import math
from pathlib import Path

import pytest

import lr_lightning as lr
from lr_lightning.commands.run.exported import PACKAGED
from lr_lightning.models import AutoencoderModule
from lr_lightning.runs.results import scalars_of
from lr_lightning.runs.sharing.export import FILES

FOLDER = PACKAGED["demo"]


def test_its_files_and_their_size() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(FILES)
    assert (FOLDER / "model.safetensors").stat().st_size <= 2 * 2**20
    assert sum((FOLDER / name).stat().st_size for name in FILES[1:]) < 200_000


def test_its_card_has_the_recorded_scores() -> None:
    card = (FOLDER / "README.md").read_text()
    assert "Weights: MIT." in card
    assert 'lr.load_run("demo")' in card
    scores = lr.load_run("demo").scores
    assert len(scores) > 0
    for score in scores:
        value = "undefined" if math.isnan(score.row.value) else f"{score.row.value:.3f}"
        assert f"| `{score.row.name}` | {value} |" in card


def test_its_data_need_no_files() -> None:
    config = lr.load_run("demo").config
    assert config["data"]["init_args"]["dataset"]["class_path"].endswith(".RenderedShapes3D")


@pytest.mark.filterwarnings("ignore:independence is undefined")
def test_its_recorded_losses_are_those_of_its_weights(tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in [FOLDER, *FOLDER.iterdir()]}
    run = lr.load_run("demo")
    model = run.model()
    assert isinstance(model, AutoencoderModule)
    recorded = scalars_of(json.loads((FOLDER / "results.json").read_text())["fit"])
    values = {"trainer.accelerator": "cpu", "trainer.logger": False}
    found = run.validate(metrics=[], assays=[], values=values, quiet=True)
    assert found.step == model.steps_trained > 0
    for key in ("val/loss", "val/reconstruction", "val/kl"):
        assert math.isfinite(recorded[key])
        assert found.scalars[key] == pytest.approx(recorded[key], rel=1e-4)
    assert {path: path.stat().st_mtime_ns for path in [FOLDER, *FOLDER.iterdir()]} == before
    assert (tmp_path / "runs").is_dir()  # the working folder
