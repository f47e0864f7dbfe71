"""A quick look tells files that are whole from those that are cut or are something else."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from lr_lightning.data.storage.file_check import looks_complete


def h5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["images"] = np.random.default_rng(0).integers(256, size=3000)


def npz(path: Path) -> None:
    np.savez(path, images=np.arange(3000))


def tar(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("a")
        member.size = 3000
        archive.addfile(member, io.BytesIO(np.random.default_rng(0).bytes(3000)))


def jpg(path: Path) -> None:
    Image.new("RGB", (8, 8)).save(path)


@pytest.mark.parametrize(("name", "write"), [("a.h5", h5), ("a.npz", npz), ("a.tar.gz", tar), ("a.jpg", jpg)])
def test_whole_files_and_others(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    path = tmp_path / name
    write(path)
    content = path.read_bytes()
    assert looks_complete(path)
    assert not looks_complete(path, len(content) + 1)
    for other in (b"", b"<html", b"<html>" + bytes(3000), *([] if name == "a.jpg" else [content[: len(content) // 2]])):
        path.write_bytes(other)
        assert not looks_complete(path)


def test_a_size_tells_where_a_file_does_not(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(b"labels" * 100)[:-8])
    size = path.stat().st_size
    assert looks_complete(path)
    assert looks_complete(path, size)
    assert not looks_complete(path, size + 8)
    assert not looks_complete(tmp_path / "missing")
