"""Studies are found by name or by file."""

from pathlib import Path

import pytest

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.definition import read_definition
from lr_lightning.study.layout import StudyFolder
from lr_lightning.study.manifest import write_manifest
from lr_lightning.study.opening import open_study
from lr_lightning.testing.synthetic_study import synthetic_manifest

TEXT = "name: small\nconfig: helix\nseeds: 2\ngrid: [{model.beta: [1, 2]}]\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.yaml"
    path.write_text(TEXT)
    manifest = synthetic_manifest(1, 1, 1, 1, name="small", definition=read_definition(path).digest)
    write_manifest(StudyFolder(tmp_path / "studies", "small"), manifest)
    return path


def test_by_name_and_by_file(file: Path) -> None:
    for given in ("small", file, str(file)):
        opened = open_study(given)
        assert opened.folder.path.resolve() == file.parent / "studies" / "small"
        assert opened.manifest.name == "small"
        assert opened.change == ""


def test_a_file_that_changed_is_told(file: Path) -> None:
    file.write_text(TEXT + "# the same study\n")
    assert open_study(file).change == ""
    file.write_text(TEXT.replace("[1, 2]", "[1, 2, 4]"))
    assert str(file) in open_study(file).change
    assert open_study("small").change == ""


@pytest.mark.parametrize(("given", "hint"), [("smal", "small"), ("other", "small"), ("gone.yaml", r"gone\.yaml")])
def test_what_is_not_there_is_named(file: Path, given: str, hint: str) -> None:
    with pytest.raises(UsageError, match=rf"{given}.*{hint}|{hint}"):
        open_study(given)


def test_a_study_that_was_not_started_is_told(file: Path) -> None:
    for given in ("small", str(file)):
        with pytest.raises(UsageError, match=rf"'small'.* elsewhere.*lr-lightning study run {given}"):
            open_study(given, "elsewhere")
