"""How exported models and the packaged one are found."""

from pathlib import Path

import pytest

from lr_lightning.commands.run.exported import PACKAGED, check_resumed, find_run, is_exported, weights_file


def make_exported(folder: Path) -> Path:
    """Make what a folder is recognized by."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").touch()
    (folder / "model.safetensors").touch()
    return folder


def test_an_exported_model_has_weights_and_no_checkpoints(tmp_path: Path) -> None:
    folder = make_exported(tmp_path / "a")
    assert is_exported(folder)
    (folder / "checkpoints").mkdir()
    assert not is_exported(folder)
    assert not is_exported(tmp_path)


def test_a_run_takes_precedence_over_a_name_and_a_path_is_a_path(tmp_path: Path) -> None:
    assert find_run("demo") == PACKAGED["demo"]
    assert is_exported(PACKAGED["demo"])
    assert find_run("./demo").is_dir() is False
    (tmp_path / "demo").mkdir()  # the working folder of a test
    assert find_run("demo") == PACKAGED["demo"]  # a folder without a run
    (tmp_path / "demo" / "config.yaml").touch()
    assert find_run("demo") == Path("demo")
    assert find_run("runs/a") == Path("runs/a")
    assert find_run(tmp_path) == tmp_path


def test_weights_are_given_by_file_folder_or_name(tmp_path: Path) -> None:
    folder = make_exported(tmp_path / "a")
    assert weights_file(folder) == weights_file(folder / "model.safetensors") == folder / "model.safetensors"
    assert weights_file("demo") == PACKAGED["demo"] / "model.safetensors"
    assert weights_file("missing.ckpt") == Path("missing.ckpt")  # reported by its reader


def test_training_does_not_resume_from_weights(tmp_path: Path) -> None:
    check_resumed(tmp_path / "last.ckpt")
    folder = make_exported(tmp_path / "a")
    with pytest.raises(ValueError, match=r"fit --config .*a/config\.yaml --initial_weights .*a/model\.safetensors"):
        check_resumed(folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"fit --config CONFIG --initial_weights"):
        check_resumed(tmp_path / "model.safetensors")
