"""A folder of images, one file each, as rows of one array."""

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

    Hidden files, folders and files with other ends than those of images are left out.

    Raises:
        ValueError: If there is none.
    """
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".") and not path.is_dir()
    ]
    if not found:
        raise ValueError(f"no image in {folder}; images end in {', '.join(_SUFFIXES)}")
    return sorted(found, key=lambda path: _natural(path.name))


class FolderImages:
    """Images from separate files as rows ``(N, H, W, C)`` uint8, all of one size.

    Whether they are grey (``C`` = 1) or in colour (3) is decided by the first; grey images among coloured ones become
    coloured.

    Args:
        paths: The files, in the order of the rows.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If one is no regular file, or the first is no image, has more pixels than
            :data:`~lr_lightning.data.storage.pictures.LARGEST`, more than 8 bits a channel, or transparent pixels.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        for path in self.paths:  # a pipe would be waited for
            _check_there(path)
        # other images, or the same in another order, are another source; the same moved elsewhere are not
        names = [str(path.absolute()) for path in self.paths]
        shared = len(os.path.commonpath([self.paths[0].parent.absolute(), min(names), max(names)]))
        names = [name[shared:] for name in names]
        self.key = hashlib.blake2b("\0".join(names).encode(), digest_size=6).hexdigest()
        first = _read(self.paths[0], gray=None)
        self.shape: tuple[int, ...] = (len(self.paths), *first.shape)

    def blocks(self) -> Iterator[Tensor]:
        """Yield all rows in order, some ``(B, H, W, C)`` at a time.

        Raises:
            FileNotFoundError: If a file is not there.
            OSError: If a file is damaged.
            ValueError: If a file is no image, too large, of another size, in colour where the first is grey, has more
                than 8 bits a channel, or transparent pixels.
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
                        f"{width} x {height}; bring all to one size"
                    )
                block.append(image)
            yield torch.from_numpy(np.stack(block))


def _check_there(path: Path) -> None:
    try:
        check_regular(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no image {path}") from error


def _read(path: Path, gray: bool | None) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Return the image ``(H, W, C)``, gray or not as requested, or as in the file."""
    try:
        image = read_picture(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no image {path}") from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is no image that Pillow reads; take it out of the folder or write it anew") from error
    except OSError as error:
        raise OSError(f"{path} is damaged ({error}); write it anew") from error
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise ValueError(f"{path} has more than 8 bits a channel; convert it to 8")
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise ValueError(f"{path} has transparent pixels; put it on a background first")
    is_gray = image.mode in ("1", "L", "LA")
    if gray and not is_gray:
        raise ValueError(f"{path} is in colour, but the first image is grey; write all in colour, or all grey")
    pixels = np.array(image.convert("L" if (is_gray if gray is None else gray) else "RGB"))
    return pixels.reshape(*pixels.shape[:2], -1)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts runs of digits by their number, before text."""
    return [(not digits, int(digits or 0), text) for text, digits in re.findall(r"(\D+)|(\d+)", name)]
