"""A folder of image files, as rows of one array."""

import hashlib
import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lr_lightning.data.storage.memory_mapped_cache import FOLDER
from lr_lightning.data.storage.parallel_blocks import blocks_in_parallel
from lr_lightning.data.storage.pictures import check_regular, read_pixels, without_warnings

if TYPE_CHECKING:  # imports torchvision, which takes a second
    from lr_lightning.data.storage.fixed_transforms import FixedTransforms

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")


def image_files(folder: Path, *, recursive: bool = False, refused: Collection[str] = ()) -> list[Path]:
    """Return the images in ``folder`` in natural order: ``image_2.png`` comes before ``image_10.png``.

    Hidden files and folders, folders of caches, and files without an image extension are skipped.

    Args:
        folder: The folder.
        recursive: Whether to search the folders inside it, too; a folder comes at the place of its name.
        refused: Extensions of images that cannot be read, and must not be skipped.

    Raises:
        ValueError: If there are no images, or one with a refused extension.
    """
    files = list(_walk(folder, recursive))
    for path in files:
        if path.suffix.lower() in refused:
            raise ValueError(f"{path} is an image that cannot be read; save it as .jpg or .png, or move it away")
    found = [path for path in files if path.suffix.lower() in _SUFFIXES]
    if not found:
        raise ValueError(f"no images in {folder}; supported extensions are {', '.join(_SUFFIXES)}")
    return sorted(found, key=lambda path: [_natural(part) for part in path.relative_to(folder).parts])


class FolderImages:
    """Images from separate files as rows ``(N, C, H, W)`` uint8, all of one size.

    Args:
        paths: The files, in the order of the rows.
        transforms: Applied to each image; the rows then have their results. ``None`` if all images have one size.
        channels: 3 for color, where gray images become RGB, or 1 for gray, where color images become gray; ``None`` for
            the channels of the first image, where color images in a gray set are refused.
        upright: Whether to turn images as their EXIF orientation says.
        remedy: How the user can fix images of different sizes; ends the error message.

    Raises:
        FileNotFoundError: If a file does not exist.
        OSError: If the first image is damaged.
        ValueError: If a path is not a regular file, or the first image cannot be used (see
            :func:`~lr_lightning.data.storage.pictures.read_pixels`) or transformed.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        transforms: "FixedTransforms | None" = None,
        channels: Literal[1, 3] | None = None,
        upright: bool = False,
        remedy: str = "resize all images to one size",
    ) -> None:
        self._images = tuple(paths)
        for path in self._images:  # before opening any of them: opening a pipe would block
            _check_exists(path)
        self.paths = self._images if transforms is None else (*self._images, *transforms.paths)
        # The key depends on names and order but not on the location of the folder, so a moved folder keeps its cache.
        names = [str(path.absolute()) for path in self._images]
        shared = len(os.path.commonpath([self._images[0].parent.absolute(), min(names), max(names)]))
        names = [name[shared:] for name in names]
        self.key = hashlib.blake2b("\0".join(names).encode(), digest_size=6).hexdigest()
        self._transforms = transforms
        self._upright = upright
        self._remedy = remedy
        with without_warnings():
            first = read_pixels(self._images[0], upright=upright)
            self._convert_color = channels is not None
            self._channels = len(first) if channels is None else channels
            self._size = first.shape[1:]
            self.shape: tuple[int, ...] = (len(self._images), *self._as_row(first, self._images[0]).shape)

    def blocks(self) -> Iterator[Tensor]:
        """Yield all rows in order, in blocks ``(B, C, H, W)``.

        Raises:
            FileNotFoundError: If a file does not exist.
            OSError: If a file is damaged.
            ValueError: If a file cannot be used (see :func:`~lr_lightning.data.storage.pictures.read_pixels`), is in
                color when the first is gray, or differs from the first in its size, or in its shape after transforms.
        """
        yield from blocks_in_parallel(self._row, len(self._images), self.shape[1:], self._around_block)

    @contextmanager
    def _around_block(self) -> Iterator[None]:
        with without_warnings(), nullcontext() if self._transforms is None else self._transforms.watched():
            yield

    def _row(self, i: int) -> Tensor:
        """Return row number ``i`` ``(C, H, W)``."""
        return self._as_row(read_pixels(self._images[i], upright=self._upright), self._images[i])

    def _as_row(self, pixels: Tensor, path: Path) -> Tensor:
        """Return the row ``(C, H, W)`` of an image."""
        if self._channels == 3:
            pixels = pixels.expand(3, -1, -1)
        elif len(pixels) == 3:
            if not self._convert_color:
                raise ValueError(f"{path} is in color, but the first image is gray; make all images color or all gray")
            pixels = _to_gray(pixels)
        if self._transforms is not None:
            try:
                return self._transforms(pixels)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
        if pixels.shape[1:] != self._size:
            raise ValueError(
                f"{path} has {pixels.shape[2]} x {pixels.shape[1]} pixels, but the first image, {self._images[0]}, "
                f"has {self._size[1]} x {self._size[0]}; {self._remedy}"
            )
        return pixels


def _walk(folder: Path, recursive: bool) -> Iterator[Path]:
    """Yield the files in a folder that are not hidden; each folder once, even if links lead to it again."""
    seen = set()

    def fail(error: OSError) -> None:
        raise error

    for current, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        real = os.path.realpath(current)
        folders[:] = [
            name
            for name in sorted(folders)
            if recursive and real not in seen and not name.startswith(".") and name != FOLDER
        ]
        if real not in seen:
            yield from (Path(current, name) for name in files if not name.startswith("."))
        seen.add(real)


def _check_exists(path: Path) -> None:
    try:
        check_regular(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"no image {path}") from error


def _to_gray(pixels: Tensor) -> Tensor:
    """Return ``(3, H, W)`` as ``(1, H, W)``, rounded; torchvision's conversion rounds down, so gray becomes darker."""
    return torch.from_numpy(np.array(Image.fromarray(pixels.permute(1, 2, 0).numpy()).convert("L")))[None]


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a sort key that compares runs of digits as numbers, before text."""
    return [(not digits, int(digits or 0), text) for text, digits in re.findall(r"(\D+)|(\d+)", name)]
