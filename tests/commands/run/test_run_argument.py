"""The run on a command line."""

import re
from pathlib import Path

import pytest

from lr_lightning.commands.run.exported import PACKAGED
from lr_lightning.commands.run.lease import LEASE
from lr_lightning.commands.run.run_argument import expand_run_argument, folder_and_checkpoint, names_folder
from tests.commands.run.test_exported import make_exported
from tests.commands.run.test_folder import make_run


def test_a_folder_or_checkpoint_stands_for_its_config_and_checkpoint(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    config = f"--config={run / 'config.yaml'}"
    best, last = run / "checkpoints" / "best.ckpt", run / "checkpoints" / "last.ckpt"
    assert expand_run_argument(["test", str(run), "--x=1"]) == ["test", config, f"--ckpt_path={best}", "--x=1"]
    assert expand_run_argument(["test", str(last)]) == ["test", config, f"--ckpt_path={last}"]
    here = f"--trainer.default_root_dir={run}"
    assert expand_run_argument(["fit", str(run), "--x=1"]) == ["fit", config, f"--ckpt_path={last}", here, "--x=1"]
    assert expand_run_argument(["fit", "--config=c.yaml"]) == ["fit", "--config=c.yaml"]


def test_what_is_no_run_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"config\.yaml"):
        expand_run_argument(["test", str(tmp_path)])


@pytest.mark.parametrize(("command", "what"), [("fit", "--config CONFIG"), ("test", "RUN_FOLDER")])
def test_a_command_alone_is_told_what_to_add(command: str, what: str) -> None:
    with pytest.raises(ValueError, match=f"lr-lightning {command} {what}"):
        expand_run_argument([command])


@pytest.mark.parametrize("command", ["fit", "test"])
def test_an_exported_model_stands_for_its_config_and_weights(tmp_path: Path, command: str) -> None:
    folder = make_exported(tmp_path / "a")
    words = [f"--config={folder / 'config.yaml'}", f"--ckpt_path={folder / 'model.safetensors'}"]
    for given in (folder, folder / "model.safetensors"):
        assert expand_run_argument([command, str(given)])[1:3] == words
    assert expand_run_argument([command, "demo"])[1] == f"--config={PACKAGED['demo'] / 'config.yaml'}"


@pytest.mark.parametrize("missing", ["config.yaml", "model.safetensors"])
def test_an_incomplete_folder_is_an_error(tmp_path: Path, missing: str) -> None:
    folder = make_exported(tmp_path / "a")
    (folder / missing).unlink()
    with pytest.raises(FileNotFoundError, match=r"a is not a run folder, an exported model"):
        folder_and_checkpoint(folder, "best")


def test_a_run_without_a_best_checkpoint_refers_to_its_last(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.yaml").write_text("{}")
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.write_bytes(b"")
    assert folder_and_checkpoint(tmp_path, "last") == (tmp_path, last)
    with pytest.raises(FileNotFoundError, match=rf"has no best\.ckpt.*; give {re.escape(str(last))}$"):
        folder_and_checkpoint(tmp_path, "best")


@pytest.mark.parametrize("name", ["last", "best"])
def test_a_run_that_was_stopped_before_its_first_checkpoint_can_be_started_again(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.yaml").touch()
    (tmp_path / LEASE).touch()  # tmp_path is the working folder
    with pytest.raises(FileNotFoundError, match=r"no checkpoint.*lr-lightning fit --config config\.yaml$"):
        folder_and_checkpoint(tmp_path, name)


def test_a_folder_is_named_by_its_option() -> None:
    assert names_folder(["fit", "--config=c.yaml", "--trainer.default_root_dir", "runs/a"])
    assert names_folder(["fit", "--trainer.default_root_dir=runs/a"])
    assert not names_folder(["fit", "--config=trainer.default_root_dir", "--trainer.max_steps=3"])
