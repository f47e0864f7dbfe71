"""A folder of pictures: their order and pixels, the cache when pictures change, and what is refused."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from lr_lightning.data import PictureFolder
from lr_lightning.testing.data_set_tester import DataSetTester

ALL = torch.arange(6)
NAMES = ["1.png", "2.jpg", "10.png", "trip 2/1.webp", "trip 2/day 1/3.jpg", "trip 10/1.bmp"]


def write_pictures(folder: Path) -> Path:
    """Write six pictures of different sizes, formats and modes, some in folders inside the folder."""
    random = np.random.default_rng(0)
    for i, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(random.integers(0, 256, (9 + i, 14 - i, 3), dtype=np.uint8))
        (image.convert("L") if i == 2 else image).save(folder / name)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


def square() -> list[v2.Transform]:
    return [v2.Resize(8), v2.CenterCrop(8)]


class TestPictureFolder(DataSetTester):
    def make(self, folder: Path) -> PictureFolder:
        return PictureFolder(folder if any(folder.iterdir()) else write_pictures(folder), square())


class TestGrayPictures(DataSetTester):
    def make(self, folder: Path) -> PictureFolder:
        if not any(folder.iterdir()):
            write_pictures(folder)
        return PictureFolder(folder, square(), grayscale=True, storage="memory")


@pytest.mark.parametrize("storage", ["cache", "memory"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_images_are_the_transformed_pictures_in_natural_order(folder: Path, storage: Any, mode: str) -> None:
    dataset = PictureFolder(folder, square(), grayscale=mode == "L", storage=storage)
    assert (dataset.name, len(dataset)) == ("pictures", 6)
    pictures = [Image.open(folder / name).convert(mode) for name in NAMES]
    expected = [v2.Compose([v2.PILToTensor(), *square()])(picture) for picture in pictures]
    assert torch.equal(dataset.images(ALL), torch.stack(expected))


def test_pictures_have_no_factors(folder: Path) -> None:
    dataset = PictureFolder(folder, square())
    assert dataset.factor_space.num_factors == 0
    assert not dataset.full_grid
    assert dataset.factors(torch.tensor([5, 0])).shape == (2, 0)
    assert dataset.factors(ALL).dtype == torch.int64
    with pytest.raises(IndexError, match="6"):
        dataset.factors(torch.tensor([6]))


def test_folders_inside_can_be_left_out(folder: Path) -> None:
    assert len(PictureFolder(folder, square(), recursive=False)) == 3


def test_photographs_are_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (12, 8)).save(tmp_path / "a.jpg", exif=exif)
    assert PictureFolder(tmp_path).image_shape == (3, 12, 8)


def test_each_choice_has_its_own_cache_inside_the_folder(folder: Path) -> None:
    choices: list[dict[str, Any]] = [
        {"transforms": square()},
        {"transforms": [v2.CenterCrop(8)]},
        {"transforms": square(), "grayscale": True},
        {"transforms": square(), "recursive": False},
    ]
    caches = [PictureFolder(folder, **choice).prepare() for choice in choices]
    assert len(set(caches)) == 4
    assert {cache.parent for cache in caches if cache is not None} == {folder / "lr_lightning_cache"}
    assert PictureFolder(folder, square()).prepare() == caches[0]
    assert len(PictureFolder(folder, square())) == 6  # without the caches


def add(folder: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(folder / "3.png")


def add_before_the_first(folder: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(folder / "0.png")


def remove(folder: Path) -> None:
    (folder / "2.jpg").unlink()


def remove_the_first(folder: Path) -> None:
    (folder / "1.png").unlink()


def change(folder: Path) -> None:
    Image.new("RGB", (20, 20), "red").save(folder / "10.png")


def touch(folder: Path) -> None:
    os.utime(folder / "10.png", (0, 0))


@pytest.mark.parametrize("modify", [add, add_before_the_first, remove, remove_the_first, change, touch])
def test_the_cache_is_replaced_when_pictures_change(folder: Path, modify: Callable[[Path], None]) -> None:
    before = PictureFolder(folder, square()).prepare()
    modify(folder)
    dataset = PictureFolder(folder, square())
    with pytest.warns(UserWarning, match="changed since"):
        images = dataset.images(torch.arange(len(dataset)))
    assert torch.equal(images, PictureFolder(folder, square(), storage="memory").images(torch.arange(len(dataset))))
    assert list(folder.glob("**/*.rows")) == [before]


def test_a_renamed_folder_keeps_its_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = PictureFolder(folder, square()).images(ALL)
    folder.rename(folder.parent / "other")
    monkeypatch.chdir(folder.parent / "other")
    monkeypatch.setattr("lr_lightning.data.storage.memory_mapped_cache.MemoryMappedCache._build", None)
    assert torch.equal(PictureFolder(".", square()).images(ALL), expected)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"path": "nowhere"}, FileNotFoundError, "no folder nowhere"),
        ({"path": "1.png"}, FileNotFoundError, "no folder 1.png"),
        ({"path": "empty"}, ValueError, "no images in .*empty"),
        ({"transforms": [v2.RandomCrop(8)]}, ValueError, "RandomCrop draws random numbers"),
        ({"transforms": [v2.ToDtype(torch.float32)]}, ValueError, r"1\.png: transforms .*uint8, got float32"),
        ({"transforms": v2.Resize(8)}, TypeError, "transforms must be a list"),
        ({"storage": "file"}, ValueError, "storage must be 'cache' or 'memory', got 'file'"),
    ],
)
def test_refuses_arguments(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], error: type[Exception], match: str
) -> None:
    monkeypatch.chdir(folder)
    (folder / "empty").mkdir()
    with pytest.raises(error, match=match):
        PictureFolder(**{"path": ".", "transforms": square()} | arguments)


@pytest.mark.parametrize(
    ("transforms", "match"),
    [
        (None, r"2\.jpg has 13 x 10 pixels.*1\.png, has 14 x 9; set transforms"),
        ([v2.Resize(8)], r"2\.jpg: transforms must give all images one shape.*CenterCrop"),
    ],
)
def test_refuses_pictures_of_different_sizes(folder: Path, transforms: Any, match: str) -> None:
    dataset = PictureFolder(folder, transforms)
    with pytest.raises(ValueError, match=match):
        dataset.prepare()
    assert [path.name for path in folder.glob("**/*.rows*") if not path.name.startswith(".")] == []


def test_refuses_formats_that_cannot_be_read(folder: Path) -> None:
    (folder / "trip 2" / "IMG_1.HEIC").touch()
    with pytest.raises(ValueError, match=r"IMG_1\.HEIC is an image that cannot be read.*\.jpg"):
        PictureFolder(folder, square())
