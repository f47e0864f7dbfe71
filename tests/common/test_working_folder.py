"""Tests of ``lr_lightning.common.working_folder``."""

from pathlib import Path

import pytest

from lr_lightning.common.working_folder import working_folder_hint


@pytest.mark.parametrize(
    ("file", "module", "is_there"),
    [
        ("mine.py", "mine", True),
        ("mine/__init__.py", "mine", True),
        ("mine/__init__.py", "mine.part", True),
        ("mine/part.py", "mine", False),  # a folder without __init__.py may be anything
        ("other.py", "mine", False),
        ("other.py", "", False),
        ("other.py", None, False),
    ],
)
def test_names_the_remedy_for_modules_that_lie_there(
    file: str, module: str | None, is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).touch()
    assert ("PYTHONPATH=." in working_folder_hint(module)) == is_there
