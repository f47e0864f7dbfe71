"""Folders of images: order, modes, and what is refused."""

import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from typing_extensions import override

from lr_lightning.data.storage.fixed_transforms import FixedTransforms
from lr_lightning.data.storage.image_folder import FolderImages, image_files
from lr_lightning.data.storage.memory_mapped_cache import FOLDER

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)


def write(folder: Path, names: list[str], mode: str = "RGB") -> list[Path]:
    """Write one image of ``PIXELS`` under each name."""
    paths = [folder / name for name in names]
    for path, pixels in zip(paths, PIXELS, strict=False):
        Image.fromarray(pixels).convert(mode).save(path)
    return paths


def test_files_come_in_natural_order_and_others_are_left_out(tmp_path: Path) -> None:
    names = ["a_10.png", "a_2.png", "a_02b.png", "b.PNG", "7.png", "a_1.png", ".hidden.png", "notes.txt", "a_3.npy"]
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.png").mkdir()
    found = [path.name for path in image_files(tmp_path)]
    assert found == ["7.png", "a_1.png", "a_2.png", "a_02b.png", "a_10.png", "b.PNG"]


def test_rows_are_the_pixels_of_the_files(tmp_path: Path) -> None:
    source = FolderImages(write(tmp_path, ["0.png", "1.png", "2.png"]))
    assert source.shape == (3, 3, 6, 5)
    [block] = source.blocks()
    assert np.array_equal(block.permute(0, 2, 3, 1).numpy(), PIXELS[:3])


def test_blocks_hold_some_images_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lr_lightning.data.storage.parallel_blocks._BLOCK_ROWS", 3)
    source = FolderImages(write(tmp_path, ["0.png", "1.png", "2.png", "3.png"]))
    blocks = list(source.blocks())
    assert [len(block) for block in blocks] == [3, 1]
    assert np.array_equal(torch.cat(blocks).permute(0, 2, 3, 1).numpy(), PIXELS)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("1", 1), ("LA", 1), ("RGB", 3), ("RGBA", 3), ("P", 3)])
def test_modes_become_grey_or_rgb(tmp_path: Path, mode: str, channels: int) -> None:
    source = FolderImages(write(tmp_path, ["0.png", "1.png"], mode))
    assert source.shape == (2, channels, 6, 5)
    expected = np.array(Image.fromarray(PIXELS[1]).convert(mode).convert("L" if channels == 1 else "RGB"))
    [block] = source.blocks()
    assert np.array_equal(block[1].permute(1, 2, 0).numpy().squeeze(), expected)


def test_grey_images_among_coloured_ones_become_coloured(tmp_path: Path) -> None:
    paths = write(tmp_path, ["0.png"]) + write(tmp_path, ["1.png"], "L")
    [block] = FolderImages(paths).blocks()
    assert block.shape == (2, 3, 6, 5)
    assert (block[1] == block[1, :1]).all()


def test_other_files_or_another_order_are_another_source(tmp_path: Path) -> None:
    paths = write(tmp_path, ["0.png", "1.png", "2.png"])
    keys = {FolderImages(chosen).key for chosen in (paths, paths[:2], paths[::-1])}
    assert len(keys) == 3
    assert FolderImages(paths).key in keys


def test_files_of_one_name_in_several_folders_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "set" / "b").mkdir()
    write(tmp_path / "set", ["0.png", "a/1.png", "b/1.png"])
    names, exchanged = ["0.png", "a/1.png", "b/1.png"], ["0.png", "b/1.png", "a/1.png"]
    key = FolderImages([tmp_path / "set" / name for name in names]).key
    assert FolderImages([tmp_path / "set" / name for name in exchanged]).key != key
    monkeypatch.chdir(tmp_path / "set")
    assert FolderImages([Path(name) for name in names]).key == key  # however the folder is named
    (tmp_path / "set").rename(tmp_path / "moved")
    assert FolderImages([tmp_path / "moved" / name for name in names]).key == key


def test_images_in_folders_inside_come_at_the_place_of_their_folder(tmp_path: Path) -> None:
    for name in ["b.png", "a10/1.png", "a2/x/2.png", "a2/1.png", "a2.png", ".hidden/1.png", f"{FOLDER}/1.png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a2" / "loop").symlink_to(tmp_path)
    (tmp_path / "z").symlink_to(tmp_path / "a10")
    found = [str(path.relative_to(tmp_path)) for path in image_files(tmp_path, recursive=True)]
    assert found == ["a2/1.png", "a2/x/2.png", "a2.png", "a10/1.png", "b.png"]
    assert [path.name for path in image_files(tmp_path)] == ["a2.png", "b.png"]


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_can_be_chosen(tmp_path: Path, channels: Literal[1, 3]) -> None:
    paths = write(tmp_path, ["0.png", "2.png"], "L") + write(tmp_path, ["1.png"])
    [block] = FolderImages(paths, channels=channels).blocks()
    mode = "L" if channels == 1 else "RGB"
    expected = [np.array(Image.open(path).convert(mode)).reshape(6, 5, channels) for path in paths]
    assert np.array_equal(block.permute(0, 2, 3, 1).numpy(), np.stack(expected))


def test_images_of_any_size_become_those_of_the_transforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lr_lightning.data.storage.parallel_blocks._BLOCK_ROWS", 2)
    paths = write(tmp_path, ["0.png", "1.png", "2.png"])
    Image.fromarray(PIXELS[1]).resize((9, 7)).save(paths[1])
    transforms = [v2.Resize(4), v2.CenterCrop(4)]
    source = FolderImages(paths, FixedTransforms(transforms))
    assert source.shape == (3, 3, 4, 4)
    assert source.paths == tuple(paths)
    originals = [torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1) for path in paths]
    expected = torch.stack([v2.Compose(transforms)(image) for image in originals])
    blocks = list(source.blocks())
    assert torch.equal(torch.cat(blocks), expected)
    assert all(block.is_contiguous() for block in blocks)


class Spoiled(v2.Transform):  # type: ignore[misc]
    """Behaves for images whose first value is not 255."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    @override
    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        if inpt[0, 0, 0] < 255:
            return inpt
        if self.kind == "raise":
            raise KeyError("gone")
        if self.kind == "draw":
            torch.rand(1)
        return inpt[..., :2] if self.kind == "shape" else inpt


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("raise", r"1\.png: transforms: Spoiled failed on an image \(3, 6, 5\) \('gone'\)"),
        ("shape", r"1\.png: transforms.*\(3, 6, 2\).*\(3, 6, 5\).*CenterCrop"),
        ("draw", "Spoiled draws random numbers.*augmentations"),
    ],
)
def test_a_transform_that_fails_for_a_later_image_is_refused(tmp_path: Path, kind: str, message: str) -> None:
    paths = write(tmp_path, ["0.png", "1.png", "2.png"])
    Image.new("RGB", (5, 6), (255, 0, 0)).save(paths[1])
    source = FolderImages(paths, FixedTransforms([Spoiled(kind)]))
    assert source.paths[3:] == (Path(__file__),)
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=message):
        list(source.blocks())
    assert torch.equal(torch.get_rng_state(), state)


def test_refuses_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no images in .*\.png, \.jpg"):
        image_files(tmp_path)


def other_size(path: Path) -> None:
    Image.new("RGB", (5, 7)).save(path)


def transparent(path: Path) -> None:
    Image.new("RGBA", (5, 6), (1, 2, 3, 254)).save(path)


def deep(path: Path) -> None:
    Image.fromarray(np.zeros((6, 5), np.uint16)).save(path)


def text(path: Path) -> None:
    path.write_text("no image")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def listening(path: Path) -> None:
    path.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)  # names of sockets are short
        server.bind(path.name)


def device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def png_of(path: Path, width: int, height: int) -> None:
    """An image of which there is a header only."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(1)),
        b"IEND": b"",
    }
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks.items())
    )


def bomb(path: Path) -> None:
    png_of(path, 20_000, 10_000)


def large(path: Path) -> None:
    png_of(path, 10_000, 8_000)


def postscript(path: Path) -> None:
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 6\n(bars) (w) file\n%%EOF\n")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (other_size, ValueError, r"1\.png has 5 x 7 pixels, .*0\.png.* 5 x 6"),
        (transparent, ValueError, r"1\.png has transparent pixels"),
        (deep, ValueError, r"1\.png has more than 8 bits"),
        (fifo, ValueError, r"1\.png is not a regular file"),
        (listening, ValueError, r"1\.png is not a regular file"),
        (device, ValueError, r"1\.png is not a regular file"),
        (bomb, ValueError, r"1\.png is too large \(.*200000000 pixels.*\).* 67,108,864 pixels"),
        (large, ValueError, r"1\.png has 10000 x 8000 pixels.* 67,108,864 pixels"),
        (postscript, ValueError, r"1\.png is not an image"),
        (text, ValueError, r"1\.png is not an image"),
        (truncated, OSError, r"1\.png is damaged \(.*\)"),
        (Path.unlink, FileNotFoundError, r"no image .*1\.png"),
    ],
)
def test_refuses_a_file(tmp_path: Path, spoil: Callable[[Path], None], error: type[Exception], message: str) -> None:
    paths = write(tmp_path, ["0.png", "1.png"])
    spoil(paths[1])
    with pytest.raises(error, match=message):
        list(FolderImages(paths).blocks())
    if spoil is not other_size:  # as first image it is looked at at once
        with pytest.raises(error, match=message):
            FolderImages(paths[1:])


def test_refuses_colour_after_a_grey_first_image(tmp_path: Path) -> None:
    paths = write(tmp_path, ["0.png"], "L") + write(tmp_path, ["1.png"])
    with pytest.raises(ValueError, match=r"1\.png is in color.*first image is gray"):
        list(FolderImages(paths).blocks())
