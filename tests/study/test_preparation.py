"""The manifest and configs of a study on disk."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from lr_lightning.study.definition import read_definition
from lr_lightning.study.layout import CELL_CONFIG, StudyFolder, cell_folder
from lr_lightning.study.manifest import Manifest, read_manifest
from lr_lightning.study.preparation import make_manifest, prepare_study

ROOT = Path("studies")
HELIX: dict[str, Any] = {
    "name": "small",
    "config": "helix",
    "set": {"trainer.max_steps": 10, "assays": None},
    "seeds": 2,
    "grid": [{"model.beta": [1, 2]}],
}


def prepare(**changed: Any) -> tuple[Manifest, str]:
    path = Path("small.yaml")
    path.write_text(yaml.safe_dump(HELIX | changed))
    return prepare_study(read_definition(path), ROOT)


def cell_config(identity: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((cell_folder(ROOT, identity) / CELL_CONFIG).read_text())
    return config


def test_everything_needed_to_run_is_written() -> None:
    manifest, change = prepare()
    folder = StudyFolder(ROOT, "small")
    assert change == ""
    assert read_manifest(folder.manifest) == manifest == make_manifest(read_definition(Path("small.yaml")))
    assert folder.definition.read_text() == Path("small.yaml").read_text()
    assert [cell.label for cell in manifest.cells] == ["BetaVAE beta=1", "BetaVAE beta=2"]
    for cell in manifest.cells:
        config = cell_config(cell.identity)
        assert config["model"]["init_args"]["beta"] == cell.parameters["model.beta"]
        assert config["trainer"]["precision"] == "32-true"
        assert not {"seed_everything", "seeds", "ckpt_path"} & config.keys()


def test_repeating_it_writes_nothing() -> None:
    prepare()
    times = {path: path.stat().st_mtime_ns for path in ROOT.rglob("*")}
    assert prepare()[1] == ""
    assert {path: path.stat().st_mtime_ns for path in ROOT.rglob("*")} == times


@pytest.mark.parametrize("occupied", [ROOT, ROOT / "runs"])
def test_a_file_in_place_of_the_folder_is_named_with_the_option(occupied: Path) -> None:
    occupied.parent.mkdir(exist_ok=True)
    occupied.touch()
    with pytest.raises(OSError, match=r"studies/runs .*--root"):
        prepare()


def test_a_larger_grid_keeps_its_cells() -> None:
    before, _ = prepare()
    after, change = prepare(grid=[{"model.beta": [2, 4, 8]}], seeds=3)
    assert read_manifest(StudyFolder(ROOT, "small").manifest) == after
    assert {cell.identity for cell in before.cells} & {cell.identity for cell in after.cells} == {
        before.cells[1].identity
    }
    assert change.endswith(
        ": 1 cell kept, 2 cells new, 1 cell no longer part of it (the runs stay on disk), 2 seeds kept, 1 seed new"
    )


def test_another_evaluation_is_a_change() -> None:
    prepare()
    assert "evaluated" in prepare(test={"metrics": "fast"})[1]


def test_runs_of_a_version_with_another_default_are_refused() -> None:
    manifest, _ = prepare()
    path = cell_folder(ROOT, manifest.cells[0].identity) / CELL_CONFIG
    config = yaml.safe_load(path.read_text())
    config["model"]["init_args"]["channels_last"] = False
    config["model"]["init_args"]["unknown_to_this_version"] = 3
    path.write_text(yaml.safe_dump(config))
    with pytest.raises(ValueError, match=r"model\.channels_last was False, not True"):
        prepare()


def test_paths_and_assays_are_updated_in_the_config_of_a_cell() -> None:
    manifest, _ = prepare()
    prepare(set={"trainer.max_steps": 10})
    assert set(cell_config(manifest.cells[0].identity)["assays"]) > {"reconstruction"}


@pytest.mark.parametrize("text", ["[1, 2]", "model: {class_path: lr_lightning.models.Missing}", "a: ["])
def test_an_unreadable_config_of_a_cell_is_refused(text: str) -> None:
    manifest, _ = prepare()
    path = cell_folder(ROOT, manifest.cells[0].identity) / CELL_CONFIG
    path.write_text(text)
    with pytest.raises(ValueError, match=str(path)):
        prepare()


def test_missing_data_are_refused_before_anything_is_written() -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.h5"):
        prepare(
            config="dsprites_betavae",
            set={},
            grid=[{"data.dataset": {"class_path": "DSprites", "init_args": {"path": "missing.h5"}}}],
        )
    assert not ROOT.exists()
