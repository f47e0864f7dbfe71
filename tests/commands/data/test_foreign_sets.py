"""Data sets of other packages, found by entry point and by import path."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch

from lr_lightning.commands.data.command import main
from lr_lightning.data.opening import open_data_set
from lr_lightning.data.registry import DATA_SETS
from tests.commands.data import foreign_sets
from tests.commands.data.foreign_sets import Halves, Shades
from tests.file_server import FileServer

MODULE = foreign_sets.__name__

Run = Callable[..., str]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the sets names, as the entry points of an installed package do; one package is broken."""
    paths = {
        "shades": f"{MODULE}:Shades",
        "halves": f"{MODULE}:Halves",
        "undescribed": f"{MODULE}:Undescribed",
        "broken": "no_such_package:Set",
    }
    plugins = {name: EntryPoint(name, path, DATA_SETS.group) for name, path in paths.items()}
    monkeypatch.setattr(DATA_SETS, "plugins", plugins)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("LR_LIGHTNING_DATA", raising=False)


@pytest.fixture
def public_file(file_server: FileServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Serve the file of ``Shades``; returns it."""
    path = file_server.folder / "shades.npz"
    np.savez(path, images=np.arange(6 * 64, dtype=np.uint16).reshape(6, 8, 8).astype(np.uint8))
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    file = replace(Shades.records[0].files[0], url=f"{file_server.url}/shades.npz", md5=md5)
    monkeypatch.setattr(Shades, "records", (replace(Shades.records[0], files=(file,)),))
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``lr-lightning data`` and return what it printed, on one line."""

    def run(*words: str, code: int = 0) -> str:
        assert main(words) == code
        printed = capsys.readouterr()
        return " ".join((printed.err if code else printed.out).split())

    return run


def test_listed_after_our_own_with_reasons_for_unusable_ones(run: Run) -> None:
    rows = run("list").partition("double_helix")[2]
    assert "shades 6 384 B - no lr-lightning data prepare shades shade 3, side 2" in rows
    assert "halves 6 - - yes made on demand shade 3, side 2" in rows
    assert f"undescribed - - - unusable {MODULE}.Undescribed must have a record named 'undescribed'" in rows
    assert "broken - - - unusable" in rows
    assert rows.endswith("No module named 'no_such_package'")


@pytest.mark.parametrize("name", ["shades", f"{MODULE}.Shades"])
def test_public_files_are_downloaded_and_converted(name: str, run: Run, public_file: Path, tmp_path: Path) -> None:
    info = run("info", name)
    assert f"shades Gray squares 6 observations 1 x 8 x 8, {MODULE}.Shades, license MIT" in info
    assert "side │ 2 │ left, right" in info
    assert "shades.npz" in run("preview", name, "p.png", code=1)
    prepared = run("prepare", name)
    assert "data_sets/shades.npz is there, md5" in prepared
    [cache] = tmp_path.glob("data_sets/lr_lightning_cache/*.rows")
    assert str(cache) in prepared
    assert "present: yes, data_sets/shades.npz" in run("info", name)
    assert run("preview", name, "p.png") == "wrote p.png"
    assert torch.equal(open_data_set(name, "data_sets").images(torch.tensor([0]))[0, 0, 0], torch.arange(8))


@pytest.mark.parametrize("name", ["halves", f"{MODULE}.Halves"])
def test_drawn_sets_need_no_file(name: str, run: Run) -> None:
    assert f"{MODULE}.Halves" in run("prepare", name)
    assert run("preview", name, "p.png") == "wrote p.png"
    assert isinstance(open_data_set(name, "data_sets"), Halves)
    assert "halves cannot be rendered" in run("render", name, code=1).replace(f"{MODULE}.Halves", "halves")


def test_classes_take_arguments(run: Run) -> None:
    assert run("preview", f"{MODULE}.Undescribed", "p.png", "--dataset.brightness", "50") == "wrote p.png"
    assert "brightnes" in run("preview", f"{MODULE}.Halves", "p.png", "--dataset.brightnes", "50", code=1)


@pytest.mark.parametrize("name", ["broken", "undescribed", "no_such_package.Set", f"{MODULE}.Nothing"])
def test_unusable_sets_are_rejected_in_a_sentence(name: str, run: Run) -> None:
    for command in ("info", "prepare"):
        error = run(command, name, code=2)
        assert name.rpartition(".")[2].lower() in error.lower()
        assert "Traceback" not in error
