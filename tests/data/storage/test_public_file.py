"""Downloading a public file: mirrors, and archives without a published checksum."""

import hashlib
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lr_lightning.data.storage.public_file import PublicFile
from tests.file_server import FileServer

CONTENT = b"images and labels" * 1000
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


def archive(content: bytes = b"0123456789" * 100) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as writer:
        writer.writestr(zipfile.ZipInfo("images.npy"), content)  # whose date is fixed
    return file.getvalue()


def test_comes_from_the_first_address(file_server: FileServer, tmp_path: Path) -> None:
    address, folder = file_server.url, file_server.folder
    (folder / "a.bin").write_bytes(CONTENT)
    seen: list[tuple[int, int | None]] = []
    file = PublicFile("sets/a.bin", f"{address}/a.bin", MD5, mirrors=(f"{address}/none.bin",))
    path = file.fetch(tmp_path, remedy="", progress=lambda done, total: seen.append((done, total)))
    assert path == tmp_path / "sets" / "a.bin"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize("first", [None, b"<html>moved</html>"])
def test_comes_from_a_mirror_where_the_first_gives_nothing_or_another_file(
    file_server: FileServer, tmp_path: Path, first: bytes | None
) -> None:
    address, folder = file_server.url, file_server.folder
    if first is not None:
        (folder / "a.bin").write_bytes(first)
    (folder / "mirror.bin").write_bytes(CONTENT)
    file = PublicFile("a.bin", f"{address}/a.bin", MD5, (f"{address}/none.bin", f"{address}/mirror.bin"))
    assert file.fetch(tmp_path, remedy="").read_bytes() == CONTENT


def test_tells_of_every_address_where_none_gives_it(file_server: FileServer, tmp_path: Path) -> None:
    address, folder = file_server.url, file_server.folder
    (folder / "b.bin").write_bytes(b"<html>")
    file = PublicFile("a.bin", f"{address}/a.bin", MD5, (f"{address}/b.bin",))
    with pytest.raises(ConnectionError, match=r"a\.bin .*404 .*next address.*b\.bin .*md5"):
        file.fetch(tmp_path, remedy="draw it")
    (folder / "b.bin").unlink()
    with pytest.raises(ConnectionError, match=r"next address.*b\.bin .*404 .*; draw it$"):
        file.fetch(tmp_path, remedy="draw it")
    assert not (tmp_path / "a.bin").exists()


def test_a_wrong_file_that_was_there_is_left_alone(file_server: FileServer, tmp_path: Path) -> None:
    address, folder = file_server.url, file_server.folder
    (folder / "a.bin").write_bytes(CONTENT)
    (tmp_path / "a.bin").write_bytes(b"mine")
    file = PublicFile("a.bin", f"{address}/a.bin", MD5, (f"{address}/a.bin?again",))
    with pytest.raises(ValueError, match=r"a\.bin has md5"):
        file.fetch(tmp_path, remedy="")
    assert (tmp_path / "a.bin").read_bytes() == b"mine"


def test_an_archive_without_md5_is_held_against_its_own_checksums(file_server: FileServer, tmp_path: Path) -> None:
    address, folder = file_server.url, file_server.folder
    file = PublicFile("a.npz", f"{address}/a.npz", None)
    whole = archive()
    place = whole.index(b"0123456789")
    damaged = whole[:place] + b"x" + whole[place + 1 :]
    for content, message in (
        (b"<html>too large to scan</html>", "File is not a zip file"),
        (whole[: len(whole) // 2], "File is not a zip file"),
        (damaged, r"images\.npy is damaged"),
    ):
        (folder / "a.npz").write_bytes(content)
        with pytest.raises(ValueError, match=rf"a\.npz .*\({message}\).*; by hand"):
            file.fetch(tmp_path, remedy="by hand")
        assert not [path for path in tmp_path.glob("*a.npz*") if not path.name.endswith(".lock")]
    (folder / "a.npz").write_bytes(whole)
    assert file.fetch(tmp_path, remedy="").read_bytes() == whole
    assert [path.name for path in tmp_path.glob("*a.npz*") if not path.name.endswith(".lock")] == ["a.npz"]


def test_an_archive_without_md5_that_is_there_is_verified_and_not_fetched(tmp_path: Path) -> None:
    path, file = tmp_path / "a.npz", PublicFile("a.npz", "http://127.0.0.1:9/a.npz", None)
    path.write_bytes(archive())
    assert file.fetch(tmp_path, remedy="") == path
    path.write_bytes(archive()[:-30])
    with pytest.raises(ValueError, match=r"a\.npz is not a complete zip archive \(.*\); move"):
        file.fetch(tmp_path, remedy="")
    assert path.exists()


def test_an_archive_needs_a_folder_that_can_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "sets").touch()
    file = PublicFile("a.npz", "http://127.0.0.1:9/a.npz", None)
    with pytest.raises(OSError, match=r"a\.npz cannot be written \(.*\); choose"):
        file.fetch(tmp_path / "sets", remedy="")


def test_another_file_without_md5_is_taken_as_it_comes(file_server: FileServer, tmp_path: Path) -> None:
    address, folder = file_server.url, file_server.folder
    (folder / "a.jpg").write_bytes(b"a picture")
    assert PublicFile("a.jpg", f"{address}/a.jpg", None).fetch(tmp_path, remedy="").read_bytes() == b"a picture"


def test_of_several_that_want_an_archive_at_once_one_fetches_it(file_server: FileServer, tmp_path: Path) -> None:
    address, folder = file_server.url, file_server.folder
    (folder / "a.npz").write_bytes(archive())
    file = PublicFile("a.npz", f"{address}/a.npz", None)
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: file.fetch(tmp_path, remedy=""), range(4)))
    assert paths == [tmp_path / "a.npz"] * 4
    assert (tmp_path / "a.npz").read_bytes() == archive()
    assert file_server.requests == ["/a.npz"]
