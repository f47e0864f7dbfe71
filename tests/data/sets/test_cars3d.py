"""Reader of the public Cars3D archive: values, order, archive and folder, errors."""

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.io import savemat

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.sets.cars3d import CARS3D_FACTORS, Cars3D
from lr_lightning.data.storage.file_dataset import Storage
from lr_lightning.data.storage.lanczos import resize
from lr_lightning.testing.data_set_tester import DataSetTester

SPACE = FactorSpace(["elevation", "azimuth", "object"], [2, 3, 4])
NAMES = ["car_007_mesh", "car_003_mesh", "car_010_mesh", "car_001_mesh"]  # in the order of the list, not of names
# view of object o at azimuth a and elevation e; the files have azimuth and elevation last
VIEWS = np.random.default_rng(0).integers(256, size=(4, 128, 128, 3, 3, 2), dtype=np.uint8)


def mat(views: Any, name: str = "im") -> bytes:
    file = io.BytesIO()
    savemat(file, {name: views, "mask": np.zeros((2, 2), np.uint8)}, do_compression=True)
    return file.getvalue()


CARS = {f"{name}.mat": mat(views) for name, views in zip(NAMES, VIEWS, strict=True)}
LIST = {"list.txt": "".join(f"{name}\n" for name in NAMES).encode()}


def write(path: Path, files: Mapping[str, bytes], folder: str = "data/cars") -> Path:
    """Write the archive as it is published: other sets of images before and after, the list after the cars."""
    others = {"data/sprites/sprites_1.mat": b"no cars", "data/shapes48.mat": b"no cars"}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in {**others, **{f"{folder}/{name}": content for name, content in files.items()}}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_folder(path: Path, files: Mapping[str, bytes]) -> Path:
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def expected(index: int) -> Any:
    elevation, azimuth, object_ = (int(value) for value in SPACE.factors(torch.tensor([index]))[0])
    view = VIEWS[object_, :, :, :, azimuth, elevation]
    return resize(view[None], 64)[0].transpose(2, 0, 1)


class TestCars3D(DataSetTester):
    is_excerpt = True

    def make(self, folder: Path) -> Cars3D:
        path = folder / "cars.tar.gz"
        return Cars3D(path if path.exists() else write(path, {**CARS, **LIST}), factor_space=SPACE)


@pytest.mark.parametrize("storage", ["cache", "memory"])
@pytest.mark.parametrize("form", ["archive", "folder"])
def test_gathers_images_and_factors_in_any_order(tmp_path: Path, form: str, storage: Storage) -> None:
    make = write if form == "archive" else write_folder
    dataset = Cars3D(make(tmp_path / "cars", {**CARS, **LIST}), storage, SPACE)
    indices = torch.tensor([23, 0, 5, 13, 5])
    images = dataset.images(indices)
    np.testing.assert_array_equal(images.numpy(), np.stack([expected(int(i)) for i in indices]))
    assert dataset.factors(indices).tolist() == [[1, 2, 3], [0, 0, 0], [0, 1, 1], [1, 0, 1], [0, 1, 1]]


def test_whole_set_has_the_published_size() -> None:
    assert len(CARS3D_FACTORS) == 17_568
    assert CARS3D_FACTORS.sizes == (4, 24, 183)
    assert CARS3D_FACTORS.values[1][:3] == (0, 15, 30)


def test_files_of_other_folders_and_hidden_ones_are_left_alone(tmp_path: Path) -> None:
    archive = write(tmp_path / "c.tar.gz", {**LIST, **CARS, "._car_001_mesh.mat": b"of a file system", "notes": b""})
    assert len(Cars3D(archive, "memory", SPACE).images(torch.arange(24))) == 24
    folder = write_folder(tmp_path / "cars", {**LIST, **CARS, "._car_001_mesh.mat": b"of a file system", "notes": b""})
    assert len(Cars3D(folder, "memory", SPACE).images(torch.arange(24))) == 24


def test_nothing_is_unpacked_to_disk(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c.tar.gz", {**LIST, **CARS, "../../escaped.mat": b"", "/tmp/lr_lightning_escaped.mat": b""}
    )
    dataset = Cars3D(path, "memory", SPACE)
    dataset.images(torch.tensor([0]))
    assert list(tmp_path.rglob("*")) == [path]
    assert not Path("/tmp/lr_lightning_escaped.mat").exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    path = write(tmp_path / "c.tar.gz", {**LIST, **{name: CARS[name] for name in list(CARS)[1:]}})
    with tarfile.open(tmp_path / "linked.tar.gz", "w:gz") as archive:
        with tarfile.open(path) as original:
            for member in original:
                archive.addfile(member, original.extractfile(member))
        link = tarfile.TarInfo(f"data/cars/{NAMES[0]}.mat")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(ValueError, match=r"no file for 1 .*car_007_mesh\.mat; fetch"):
        Cars3D(tmp_path / "linked.tar.gz", "memory", SPACE).images(torch.tensor([0]))


@pytest.mark.parametrize("form", ["archive", "folder"])
@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {**CARS, "list.txt": b"car_007_mesh\ncar_003_mesh"},
            "list.txt of .* 4 distinct cars, got 2 among 2 .*; fetch",
        ),
        ({**CARS, "list.txt": b"car_007_mesh\n" * 4}, "list.txt of .* 4 distinct cars, got . among 4 .*; fetch"),
        (
            {**LIST, **{name: CARS[name] for name in list(CARS)[:3]}},
            r"no file for 1 .*car_001_mesh\.mat; fetch",
        ),
        (
            {**LIST, **CARS, "car_002_mesh.mat": mat(VIEWS[0])},
            r"1 cars .*not in list\.txt.*car_002_mesh\.mat; fetch",
        ),
        (
            {**LIST, **CARS, "car_010_mesh.mat": mat(VIEWS[0, :64])},
            r"car_010_mesh\.mat of .* 'im' \(128, 128, 3, 3, 2\) uint8, got \(64, 128, 3, 3, 2\) uint8",
        ),
        ({**LIST, **CARS, "car_010_mesh.mat": mat(VIEWS[0] / 255)}, r"car_010_mesh\.mat of .* uint8, got .* float64"),
        (
            {**LIST, **CARS, "car_010_mesh.mat": mat(VIEWS[0], "image")},
            r"car_010_mesh\.mat of .* uint8, got none; fetch",
        ),
    ],
)
def test_refuses_other_cars_than_listed(tmp_path: Path, form: str, files: dict[str, bytes], message: str) -> None:
    path = write(tmp_path / "cars", files) if form == "archive" else write_folder(tmp_path / "cars", files)
    with pytest.raises(ValueError, match=message):
        Cars3D(path, "memory", SPACE).images(torch.tensor([0]))


def test_refuses_a_folder_with_other_cars_when_it_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no file for 2 .*car_003_mesh\.mat; fetch"):
        Cars3D(
            write_folder(tmp_path / "cars", {**LIST, "car_010_mesh.mat": b"", "car_001_mesh.mat": b""}),
            factor_space=SPACE,
        )


def test_refuses_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file or folder .*c\.tar\.gz; fetch .*data prepare cars3d`"):
        Cars3D(tmp_path / "c.tar.gz")
    with pytest.raises(FileNotFoundError, match=r"no list\.txt in .*cars, .*; fetch"):
        Cars3D(write_folder(tmp_path / "cars", CARS), factor_space=SPACE)
    with pytest.raises(ValueError, match=r"has no cars/list\.txt"):
        Cars3D(write(tmp_path / "c.tar.gz", CARS), "memory", SPACE).images(torch.tensor([0]))
    with pytest.raises(ValueError, match=r"has no cars/list\.txt"):
        Cars3D(write(tmp_path / "d.tar.gz", {**CARS, **LIST}, "data/lorries"), "memory", SPACE).images(
            torch.tensor([0])
        )


def test_refuses_a_damaged_archive(tmp_path: Path) -> None:
    path = write(tmp_path / "c.tar.gz", {**CARS, **LIST})
    packed = path.read_bytes()
    wrong_checksum = packed[:-8] + bytes(4) + packed[-4:]
    for content in (b"<html>", packed[: len(packed) // 2], packed[:20] + b"\xff" * 100, wrong_checksum):
        path.write_bytes(content)
        with pytest.raises(OSError, match=r"c\.tar\.gz cannot be read as a \.tar\.gz archive \(.*\); fetch"):
            Cars3D(path, "memory", SPACE).images(torch.tensor([0]))


@pytest.mark.parametrize("content", [b"", b"no MATLAB file" * 20, CARS["car_010_mesh.mat"][:5000]])
def test_refuses_a_damaged_car(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "c.tar.gz", {**LIST, **CARS, "car_010_mesh.mat": content})
    with pytest.raises(
        OSError, match=r"car_010_mesh\.mat of .*c\.tar\.gz cannot be read as a MATLAB file \(.*\); fetch"
    ):
        Cars3D(path, "memory", SPACE).images(torch.tensor([0]))


def test_refuses_another_mat_whatever_its_im_is(tmp_path: Path) -> None:
    file = io.BytesIO()
    savemat(file, {"im": {"nested": np.zeros(3)}})
    hdf5 = b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM"
    for content, message in ((file.getvalue(), r"got \(1, 1\) struct"), (hdf5, "cannot be read as a MATLAB file")):
        path = write(tmp_path / "c.tar.gz", {**LIST, **CARS, "car_010_mesh.mat": content})
        with pytest.raises((ValueError, OSError), match=rf"car_010_mesh\.mat of .*{message}"):
            Cars3D(path, "memory", SPACE).images(torch.tensor([0]))


def tar_of(path: Path, members: dict[str, int], kind: bytes = tarfile.REGTYPE) -> Path:
    """An archive of files of zeros, of the sizes given."""
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, size in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.type = size, kind
            with Path("/dev/zero").open("rb") as zeros:
                archive.addfile(member, zeros)
    return path


def test_limits_come_before_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lr_lightning.data.sets.cars3d._LARGEST_SMALL_ARCHIVE", 1 << 25)
    path = tmp_path / "c.tar.gz"
    for members, kind, message in (
        ({"data/cars/list.txt": (1 << 25) + 1}, tarfile.REGTYPE, r"list\.txt of .*33,554,433"),
        ({"data/other": 1 << 26}, tarfile.REGTYPE, r"expands to more than 33,554,432 bytes"),
        ({"x": (1 << 20) + 1}, tarfile.XHDTYPE, r"a header has 1,048,577 bytes"),
        ({"x": (1 << 20) + 1}, tarfile.GNUTYPE_LONGNAME, r"a header has 1,048,577 bytes"),
    ):
        with pytest.raises((ValueError, OSError), match=message):
            Cars3D(tar_of(path, members, kind), "memory", SPACE).images(torch.tensor([0]))
    many = {f"car_{i:03}_mesh.mat": CARS[NAMES[0] + ".mat"] for i in range(20, 29)}
    with pytest.raises(ValueError, match=r"4 cars, got more than 8"):
        Cars3D(write(path, many), "memory", SPACE).images(torch.tensor([0]))


def test_pipes_in_a_folder_are_left_alone(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "cars", {**LIST, **CARS})
    os.mkfifo(folder / "car_999_mesh.mat")
    assert len(Cars3D(folder, "memory", SPACE).images(torch.tensor([0]))) == 1
    (folder / "list.txt").unlink()
    os.mkfifo(folder / "list.txt")
    with pytest.raises(FileNotFoundError, match=r"no list\.txt in"):
        Cars3D(folder, "memory", SPACE)
