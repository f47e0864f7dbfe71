"""The explorer of a run from Python."""

import json
from pathlib import Path

import pytest

import lr_lightning as lr
from tests.explorer.test_static_page import embedded
from tests.extras import needs
from tests.runs.process_state import changes, process_state
from tests.runs.tiny import TINY

pytestmark = [
    needs("onnx", "onnxruntime", "onnxscript"),
    pytest.mark.filterwarnings("ignore:independence is undefined"),  # barely trained
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> lr.Run:
    values = TINY | {"assays.disentanglement": {"class_path": "disentanglement"}}
    values |= {"assays.disentanglement.metrics": ["mig"], "assays.disentanglement.final_metrics": []}
    return lr.fit("helix", values, folder=tmp_path_factory.mktemp("runs") / "run", quiet=True)


def test_a_page_of_points(run: lr.Run) -> None:
    before, files = process_state(), {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    page = run.explore(num_samples=8)
    assert changes(before) == []
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")} == files
    data = embedded(page.html)
    assert page.title == data["title"] == "BetaVAE on double_helix"
    assert data["observation"]["shape"] == [3]
    [score] = [score for score in data["scores"] if score["name"] == "mig"]
    assert score["value"] == pytest.approx(run.scores["mig"], rel=1e-5)
    assert data["factors"] == [{"name": "strand", "size": 2, "values": ["0", "1"]}]
    assert page.save("page.html").stat().st_size == len(page.html.encode())


def test_scores_of_other_weights_have_a_caution(run: lr.Run, tmp_path: Path) -> None:
    import torch

    checkpoint = torch.load(run.checkpoint("last"), weights_only=True)
    checkpoint["global_step"] = 5
    torch.save(checkpoint, tmp_path / "early.ckpt")
    data = embedded(run.explore(tmp_path / "early.ckpt", num_samples=8).html)
    [score] = [score for score in data["scores"] if score["name"] == "mig"]
    assert "of step 8, not 5" in score["caution"]


def test_values_replace_those_of_the_config(run: lr.Run) -> None:
    data = embedded(run.explore(num_samples=8, values={"data.dataset.strands": 4}).html)
    assert data["factors"][0]["size"] == 4


def test_records_that_are_damaged_are_an_error(run: lr.Run, tmp_path: Path) -> None:
    import shutil

    folder = shutil.copytree(run.folder, tmp_path / "damaged")
    (folder / "results.json").write_text("{")
    with pytest.raises(ValueError, match=r"results\.json is not a readable record"):
        lr.load_run(folder).explore(num_samples=8)
    record = {"fit": {"scalars": {}, "step": 8, "cautions": "none"}}
    (folder / "results.json").write_text(json.dumps(record))
    assert embedded(lr.load_run(folder).explore(num_samples=8).html)["cautions"] is not None
