"""``lr-lightning import`` from the command line."""

import re
from pathlib import Path

import pytest
import torch

from lr_lightning.commands.importing.command import main
from lr_lightning.importers import IMPORTERS
from tests.importers.foreign_files import random_weights, released_shapes, write_disentangling_vae


def test_it_imports_and_says_what_is_next(capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(random_weights(released_shapes()), "model_a.pt")
    assert main(["leeb2022", "model_a.pt", "--out", "my runs/vae"]) == 0
    note, place = capsys.readouterr().out.splitlines()
    assert note.startswith("note: ")
    assert "lr-lightning assay 'my runs/vae' --out report" in place
    assert Path("my runs/vae/checkpoints/best.ckpt").is_file()


def test_a_model_without_notes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["disentangling_vae", str(write_disentangling_vae(Path("model"))), "--out", "run"]) == 0
    assert "note" not in capsys.readouterr().out


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(IMPORTERS)
    assert all("https://" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ([], "FORMAT"),
        (["leeb2022"], "FILE"),
        (["leeb2022", "model.pt"], "--out"),
        (["leb2022", "model.pt", "--out", "run"], "'leb2022'.*leeb2022"),
        (["leeb2022", "model.pt", "--out", "run", "--fast"], "--fast"),
    ],
)
def test_wrong_command_lines(words: list[str], match: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err.strip()
    assert error.splitlines()[-1].startswith("lr-lightning import: ")
    assert re.search(match, error)


@pytest.mark.parametrize(("name", "content"), [("missing.pt", None), ("text.pt", b"weights"), ("empty.pt", b"")])
def test_wrong_files_are_one_sentence(name: str, content: bytes | None, capsys: pytest.CaptureFixture[str]) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    assert main(["leeb2022", name, "--out", "run"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("lr-lightning import: ")
    assert name in line
    assert not Path("run").exists()
