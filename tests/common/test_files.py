"""Atomic file writes."""

import os
from pathlib import Path
from typing import IO

import pytest

from lr_lightning.common.files import remove_unfinished, replaced_atomically, write_atomically


def test_creates_the_folder_and_only_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "results.json"
    write_atomically(path, lambda file: file.write(b"{}"))
    assert path.read_bytes() == b"{}"
    assert list(path.parent.iterdir()) == [path]


def test_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(b"a longer text than the new one")
    write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"


def test_readers_never_see_a_partial_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(b"old")

    def write(file: IO[bytes]) -> None:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"

    write_atomically(path, write)
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [None, b"old"])
def test_failure_changes_nothing(tmp_path: Path, error: BaseException, before: bytes | None) -> None:
    path = tmp_path / "results.json"
    if before is not None:
        path.write_bytes(before)

    def write(file: IO[bytes]) -> None:
        file.write(b"half of")
        raise error

    with pytest.raises(type(error)):
        write_atomically(path, write)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == (
        {} if before is None else {"results.json": before}
    )


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "results.json"
    before = os.umask(umask)
    try:
        write_atomically(path, lambda file: file.write(b"{}"))
        assert os.umask(umask) == umask  # unchanged
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_order_of_flushes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, flushed = tmp_path / "results.json", []

    def fsync(descriptor: int) -> None:
        target = Path(f"/proc/self/fd/{descriptor}").resolve()
        flushed.append(("folder" if target.is_dir() else target.read_bytes(), path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_atomically(path, lambda file: file.write(b"{}"))
    assert flushed == [(b"{}", False), ("folder", True)]


def test_the_file_can_be_written_by_path(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "hparams.yaml"
    with replaced_atomically(path) as unfinished:
        unfinished.write_text("a: 1")
        assert not path.exists()
    assert path.read_text() == "a: 1"
    assert list(path.parent.iterdir()) == [path]


def test_removes_unfinished_files_only(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    kept = [tmp_path / ".hidden.png", tmp_path / "figures" / "a.png", tmp_path / "a.unfinished"]
    for path in kept:
        path.touch()

    def killed(file: IO[bytes]) -> None:
        left = next(tmp_path.rglob(".b.png.*"))
        left.with_name(left.name.replace("b.png", "c.png")).touch()  # as if this process could not remove it

    write_atomically(tmp_path / "b.png", killed)
    write_atomically(tmp_path / "figures" / "b.png", killed)
    assert len([*tmp_path.rglob(".c.png.*")]) == 2
    remove_unfinished(tmp_path)
    kept += [tmp_path / "b.png", tmp_path / "figures" / "b.png"]
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {*kept}
