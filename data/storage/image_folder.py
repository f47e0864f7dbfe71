"""A folder of image files, as rows of one array."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import UnidentifiedImageError
from torch import Tensor

from lr_lightning.data.storage.image_source import block_rows
from lr_lightning.data.storage.pictures import check_regular, read_picture

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
_BLOCK_ROWS = 1024


def image_files(folder: Path) -> list[Path]:
    """Return the images in ``folder`` in natural order: ``image_2.png`` comes before ``image_10.png``.

    Hidden files, folders and files without an image extension are skipped.

    Raises:
        ValueError: If there are no images.
    """
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and not path.is_dir()
    ]
    if not found:
        raise ValueError(f"no images in {folder}; supported extensions are {', '.join(_SUFFIXES)}")
    return sorted(found, key=lambda path: _natural(path.name))


class FolderImages:
    """Images from separate files as rows ``(N, H, W, C)`` uint8, all of one size.

    The first image decides whether rows are gray (``C`` = 1) or RGB (3). In an RGB set, gray images become RGB.

    Args:
        paths: The files, in the order of the rows.

    Raises:
        FileNotFoundError: If a file does not exist.
        ValueError: If a path is not a regular file, or the first is not an image, has more pixels than
            :data:`~lr_lightning.data.storage.pictures.LARGEST`, more than 8 bits per channel, or transparent pixels.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        for path in self.paths:  # before opening any of them: opening a pipe would block
            _check_exists(path)
        # The key depends on names and order but not on the location of the folder, so a moved folder keeps its cache.
        names = [str(path.absolute()) for path in self.paths]
        shared = len(os.path.commonpath([self.paths[0].parent.absolute(), min(names), max(names)]))
        names = [name[shared:] for name in names]
        self.key = hashlib.blake2b("\0".join(names).encode(), digest_size=6).hexdigest()
        first = _read(self.paths[0], gray=None)
        self.shape: tuple[int, ...] = (len(self.paths), *first.shape)

    def blocks(self) -> Iterator[Tensor]:
        """Yield all rows in order, in blocks ``(B, H, W, C)``.

        Raises:
            FileNotFoundError: If a file does not exist.
            OSError: If a file is damaged.
            ValueError: If a file is not an image, is too large, differs in size from the first, is in color when the
                first is gray, or has more than 8 bits per channel or transparent pixels.
        """
        height, width, channels = self.shape[1:]
        rows = block_rows(self.shape[1:], _BLOCK_ROWS)
        for start in range(0, len(self.paths), rows):
            block = []
            for path in self.paths[start : start + rows]:
                image = _read(path, gray=channels == 1)
                if image.shape != self.shape[1:]:
                    raise ValueError(
                        f"{path} has {image.shape[1]} x {image.shape[0]} pixels, but the first image, {self.paths[0]}, "
                        f"has {width} x {height}; resize all images to one size"
                    )
                block.append(image)
            yield torch.from_numpy(np.stack(block))


def _check_exists(path: Path) -> None:
    try:
        check_regular(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no image {path}") from error


def _read(path: Path, gray: bool | None) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Return the image ``(H, W, C)``: gray or RGB as requested, or as in the file if ``gray`` is ``None``."""
    try:
        image = read_picture(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no image {path}") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is not an image that Pillow can read; remove or replace it") from error
    except OSError as error:
        raise OSError(f"{path} is damaged ({error}); replace it") from error
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise ValueError(f"{path} has more than 8 bits per channel; convert it to 8")
    # An alpha channel is fine as long as it is fully opaque.
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise ValueError(f"{path} has transparent pixels; put it on an opaque background first")
    is_gray = image.mode in ("1", "L", "LA")
    if gray and not is_gray:
        raise ValueError(f"{path} is in color, but the first image is gray; make all images color or all gray")
    pixels = np.array(image.convert("L" if (is_gray if gray is None else gray) else "RGB"))
    return pixels.reshape(*pixels.shape[:2], -1)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a sort key that compares runs of digits as numbers, before text."""
    return [(not digits, int(digits or 0), text) for text, digits in re.findall(r"(\D+)|(\d+)", name)]
