"""Quoting of paths in printed commands, so that they can be pasted into a shell."""

import shlex
from pathlib import Path

import pytest

from lr_lightning.common.files import quoted_path, shown_path


@pytest.mark.parametrize("name", ["runs/helix", "my run", "it's", "a;b", "$HOME", "-x"])
def test_quoted_path_is_one_word_and_not_an_option(name: str) -> None:
    [word] = shlex.split(quoted_path(Path(name)))
    assert Path(word).absolute() == Path(name).absolute()
    assert not word.startswith("-")


def test_a_path_is_shown_relative_to_the_working_folder_if_it_is_inside() -> None:
    here = Path.cwd()
    assert shown_path(here / "runs" / "a") == shown_path(Path("runs/a")) == Path("runs/a")
    assert shown_path(here) == here
    assert shown_path(here.parent / "b") == here.parent / "b"
