"""Sets in one file, wherever their images are read from; the readers of each format have tests of their own."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.file_dataset import FileFactorDataset, Storage

SPACE = FactorSpace(["row", "column"], [3, 4])
PIXELS = torch.randint(256, (12, 5, 7, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SPRITES = 255 * (PIXELS > 127).to(torch.uint8)


class Rows:
    """Rows in memory that pass for those of a file."""

    key = "rows"

    def __init__(self, path: Path, rows: Tensor) -> None:
        path.write_text("the file")
        self.paths = (path,)
        self.rows = rows
        self.shape = tuple(rows.shape)
        self.readings = 0

    def blocks(self) -> Iterator[Tensor]:
        """Yield blocks of five."""
        self.readings += 1
        for start in range(0, len(self.rows), 5):
            yield self.rows[start : start + 5]


class Colors(FileFactorDataset):
    """Twelve images of three channels."""

    image_shape = (3, 5, 7)

    def _display(self, stored: Tensor) -> Tensor:
        return stored.permute(0, 3, 1, 2)


class Sprites(Colors):
    """Twelve images of 0 and 255, whose 105 pixels fill no whole number of bytes."""

    binary = True


@pytest.mark.parametrize("storage", ["cache", "memory"])
@pytest.mark.parametrize(("kind", "stored"), [(Colors, PIXELS), (Sprites, SPRITES)])
def test_images_are_those_stored_and_are_read_once(
    tmp_path: Path, kind: type[Colors], stored: Tensor, storage: Storage
) -> None:
    source = Rows(tmp_path / "f", stored)
    dataset = kind("f", SPACE, source, storage)
    assert source.readings == 0
    indices = torch.tensor([11, 3, 3, 0])
    for _ in range(2):
        images = dataset.images(indices)
        assert images.is_contiguous()
        assert torch.equal(images, stored.permute(0, 3, 1, 2)[indices])
        images.zero_()  # the caller's own
    dataset.to("cpu")
    assert torch.equal(dataset.images(indices), stored.permute(0, 3, 1, 2)[indices])
    assert source.readings == 1
    assert dataset._mapped is None
    assert dataset._loaded is not None
    assert dataset._loaded.shape[1:] == ((14,) if kind is Sprites else (3, 5, 7))
    assert (tmp_path / "lr_lightning_cache").exists() == (storage == "cache")


def test_a_cache_is_found_again_by_the_next_set(tmp_path: Path) -> None:
    source = Rows(tmp_path / "f", PIXELS)
    seen: list[tuple[int, int]] = []
    first = Colors("f", SPACE, source)
    assert first.prepare(progress=lambda *state: seen.append(state)) == first.cache.path
    assert seen == [(5, 12), (10, 12), (12, 12)]
    Colors("f", SPACE, source).prepare(verify=True, progress=lambda *state: seen.append(state))
    assert torch.equal(Colors("f", SPACE, source).images(torch.arange(12)), PIXELS.permute(0, 3, 1, 2))
    assert (source.readings, len(seen)) == (1, 3)
    path = first.cache.path
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.warns(UserWarning, match="rebuilding .*checksum"):
        first.prepare(verify=True)


def test_prepares_nothing_without_a_cache(tmp_path: Path) -> None:
    source = Rows(tmp_path / "f", PIXELS)
    assert Colors("f", SPACE, source, "memory").prepare() is None
    assert source.readings == 0
    assert not (tmp_path / "lr_lightning_cache").exists()


def test_classes_do_not_share_a_cache(tmp_path: Path) -> None:
    source = Rows(tmp_path / "f", SPRITES)
    for kind in (Colors, Sprites):
        assert torch.equal(kind("f", SPACE, source).images(torch.arange(12)), SPRITES.permute(0, 3, 1, 2))
    assert source.readings == 2


def test_pickling_leaves_the_map_out(tmp_path: Path) -> None:
    dataset = Colors("f", SPACE, Rows(tmp_path / "f", PIXELS))
    dataset.prepare()
    copy = pickle.loads(pickle.dumps(dataset))
    assert dataset._mapped is not None
    assert copy._mapped is None
    assert torch.equal(copy.images(torch.arange(12)), PIXELS.permute(0, 3, 1, 2))


@pytest.mark.parametrize(
    "device", ["meta", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]
)
def test_moves_to_a_device(tmp_path: Path, device: str) -> None:
    dataset = Sprites("f", SPACE, Rows(tmp_path / "f", SPRITES))
    assert dataset.to(device) is dataset
    assert dataset._loaded is not None
    assert dataset._loaded.device.type == dataset.factors(torch.tensor([3])).device.type == device
    images = dataset.images(torch.tensor([11, 0]))  # of indices on the CPU
    assert images.device.type == device
    if device == "cuda":
        assert torch.equal(images.cpu(), SPRITES.permute(0, 3, 1, 2)[[11, 0]])


def test_rejects(tmp_path: Path) -> None:
    source = Rows(tmp_path / "f", PIXELS)
    with pytest.raises(ValueError, match=r"storage .*cache, memory, file, got 'disk'"):
        Colors("f", SPACE, source, "disk")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"storage .*'cache' or 'memory', got 'file': .*f "):
        Colors("f", SPACE, source, "file")
    with pytest.raises(ValueError, match=r"f .*12 images, got 11"):
        Colors("f", SPACE, Rows(tmp_path / "f", PIXELS[:11]))
    gray = Sprites("f", SPACE, source)
    with pytest.raises(ValueError, match="0 and 255"):
        gray.prepare()
    assert not gray.cache.path.exists()
