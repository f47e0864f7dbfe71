"""Pixels of image files: photographs stand upright, and what is refused."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from lr_lightning.data.storage.pictures import read_pixels, without_warnings

SMOOTH = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
PHOTOGRAPH = Image.fromarray(SMOOTH).resize((41, 30), Image.Resampling.BICUBIC)


def expected(path: Path, mode: str = "RGB") -> np.ndarray[Any, Any]:
    """Return the pixels according to Pillow, ``(H, W, C)``."""
    with Image.open(path) as image:
        array = np.array(image.convert(mode))
    return array.reshape(*array.shape[:2], -1)


def read(path: Path, **options: bool) -> np.ndarray[Any, Any]:
    with without_warnings():
        pixels = read_pixels(path, **options)
    assert pixels.dtype == torch.uint8
    return pixels.permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    ("mode", "name", "options"),
    [
        ("RGB", "a.jpg", {"quality": 90}),
        ("RGB", "a.jpg", {"quality": 60, "subsampling": 2}),
        ("RGB", "a.jpg", {"progressive": True}),
        ("CMYK", "a.jpg", {}),
        ("L", "a.jpeg", {}),
        ("RGB", "a.png", {}),
        ("RGB", "a.webp", {"lossless": True}),
        ("RGB", "a.tif", {}),
        ("RGB", "a.bmp", {}),
        ("CMYK", "a.tif", {}),
        ("P", "a.png", {}),
        ("P", "a.gif", {}),
        ("L", "a.pgm", {}),
        ("RGB", "jpeg named.png", {"format": "JPEG"}),
    ],
)
def test_pixels_are_those_of_pillow(tmp_path: Path, mode: str, name: str, options: dict[str, Any]) -> None:
    PHOTOGRAPH.convert(mode).save(tmp_path / name, **options)
    assert np.array_equal(read(tmp_path / name), expected(tmp_path / name, "L" if mode == "L" else "RGB"))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
def test_photographs_stand_upright_on_request(tmp_path: Path, orientation: int, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    PHOTOGRAPH.save(tmp_path / name, exif=exif)
    stored = read(tmp_path / name)
    with Image.open(tmp_path / name) as image:
        turned = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(read(tmp_path / name, upright=True), turned)
    if not name.endswith(".tif"):  # Pillow always turns these
        assert stored.shape == (30, 41, 3)
        assert np.array_equal(stored, turned) == (orientation == 1)


def test_the_first_of_several_pictures_in_a_jpeg_is_read(tmp_path: Path) -> None:
    """Telephones store depth maps or a second exposure behind the photograph."""
    other = ImageOps.invert(PHOTOGRAPH)
    PHOTOGRAPH.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[other])
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "MPO"
    assert np.array_equal(read(tmp_path / "a.jpg"), expected(tmp_path / "a.jpg"))


def animation(path: Path, **options: Any) -> None:
    frames = [PHOTOGRAPH.rotate(90 * turn) for turn in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)


def deep_png(path: Path) -> None:
    """A color image of 16 bits per channel, which Pillow cannot write: rows of zeros, without a filter."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 4, 3, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(3 * 25))),
        (b"IEND", b""),
    ]
    content = b"".join(struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def cut(path: Path) -> None:
    stream = io.BytesIO()
    PHOTOGRAPH.save(stream, "JPEG")
    path.write_bytes(stream.getvalue()[:-200])


@pytest.mark.parametrize(
    ("name", "write", "error", "message"),
    [
        ("a.gif", animation, ValueError, "has 3 frames"),
        ("a.webp", animation, ValueError, "has 3 frames"),
        ("a.png", animation, ValueError, "has 3 frames"),
        ("a.tif", animation, ValueError, "has 3 frames"),
        ("a.png", deep_png, ValueError, "more than 8 bits"),
        ("a.ppm", lambda path: path.write_bytes(b"P6 1 1 65535\n" + bytes(6)), ValueError, "more than 8 bits"),
        ("a.pgm", lambda path: path.write_bytes(b"P5 1 1 65535\n" + bytes(2)), ValueError, "more than 8 bits"),
        ("a.jpg", Path.touch, ValueError, "empty"),
        ("a.jpg", cut, OSError, "damaged .*truncated"),
    ],
)
def test_refuses_a_file(
    tmp_path: Path, name: str, write: Callable[[Path], object], error: type[Exception], message: str
) -> None:
    write(tmp_path / name)
    with pytest.raises(error, match=f"{name} .*{message}"):
        read_pixels(tmp_path / name)


def test_a_frame_of_its_own_is_fine(tmp_path: Path) -> None:
    PHOTOGRAPH.quantize().save(tmp_path / "a.gif")
    assert read_pixels(tmp_path / "a.gif").shape == (3, 30, 41)


@pytest.mark.filterwarnings("error")
def test_damaged_exif_is_left_aside_without_a_warning(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    PHOTOGRAPH.save(tmp_path / "a.jpg", exif=exif.tobytes()[:20] + b"\xff" * 40)
    PHOTOGRAPH.save(tmp_path / "without.jpg")
    assert np.array_equal(read(tmp_path / "a.jpg", upright=True), expected(tmp_path / "without.jpg"))
