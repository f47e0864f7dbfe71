"""The images of the samples of a data set of torchvision."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from lr_lightning.common.checks import one_line
from lr_lightning.common.cores import num_cores
from lr_lightning.data.from_torchvision.construction import MapDataset
from lr_lightning.data.from_torchvision.recipe import Recipe
from lr_lightning.data.from_torchvision.targets import is_pair
from lr_lightning.data.from_torchvision.watch import Watch, watched
from lr_lightning.data.storage.pictures import pixels_of, without_warnings
from lr_lightning.data.storage.random_state import kept_random_state

_BLOCK_BYTES = 1 << 20  # per batch of a worker process, which returns it through a pipe
_MOST_ROWS = 512  # in a block
_TOGETHER = 8  # images that are in memory before transforms: watching the random generators for each takes longer
_LONG = 10.0  # seconds; a shorter conversion takes one process, as starting others takes a while
T = TypeVar("T")

_REMEDY = "a data set that returns pairs of an image and a target is needed"


class SampleImages:
    """The images of all samples as rows ``(N, C, H, W)`` uint8.

    Args:
        path: A file that changes whenever the samples change.
        recipe: The data set.
        channels: Number of channels before transforms, that of the first image. With 3, gray images become RGB.
        shape: Shape of the rows.
    """

    def __init__(self, path: Path, recipe: Recipe, channels: int, shape: tuple[int, ...]) -> None:
        self.paths = (path,)
        self.key = "images"
        self.shape = shape
        self._recipe = recipe
        self._channels = channels
        self._parts: Sequence[MapDataset] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_parts": None}

    def keep(self, parts: Sequence[MapDataset]) -> None:
        """Keep the constructed data sets for the next call of :meth:`blocks`."""
        self._parts = parts

    def blocks(self) -> Iterator[Tensor]:
        """Yield all rows in order, in blocks ``(B, C, H, W)``, read by several processes if that takes long.

        Raises:
            OSError: If a file is missing or damaged.
            ValueError: If an image has not 8 bits per channel, or another shape than the first.
        """
        parts = self._parts if self._parts is not None else self._recipe.construct()[0]
        self._parts = None
        if sum(map(len, parts)) != self.shape[0]:
            raise ValueError(f"{self._recipe.title} changed while it was open; open it again")
        blocks = _Blocks(parts, self._recipe, self._channels, self.shape)
        started = time.monotonic()
        yield _checked(blocks[0])
        left = (time.monotonic() - started) * (len(blocks) - 1)
        parallel = left > _LONG and num_cores() > 1 and not multiprocessing.current_process().daemon
        loader = DataLoader(
            Subset(blocks, range(1, len(blocks))),
            batch_size=None,
            num_workers=num_cores() if parallel else 0,
            collate_fn=_same,  # arrays pass through a pipe; tensors would need shared memory, which may be small
            generator=torch.Generator(),  # otherwise the global one is advanced
        )
        for block in loader:
            yield _checked(block)


def first_row(parts: Sequence[MapDataset], recipe: Recipe) -> tuple[int, Tensor, list[Path]]:
    """Return the number of channels of the first image, the image after transforms, and the files read for it.

    Raises:
        OSError, ValueError: As :meth:`SampleImages.blocks`.
    """
    blocks = _Blocks(parts, recipe)
    pixels, watch = blocks.read(0)
    return len(pixels), blocks.rows(range(1))[0], recipe.files_of(watch)


class _UnsuitableError(ValueError):
    """Describes an image that cannot be a row."""


class _Blocks(Dataset[Any]):
    """The images of all samples after transforms in blocks ``(B, C, H, W)``, or the error that one raises."""

    def __init__(
        self,
        parts: Sequence[MapDataset],
        recipe: Recipe,
        channels: int | None = None,
        shape: tuple[int, ...] = (1, 1),
    ) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])
        self._recipe = recipe
        self._channels = channels
        self._shape = shape
        self._size = max(1, min(_MOST_ROWS, _BLOCK_BYTES // prod(shape[1:])))

    def __len__(self) -> int:
        return -(-self._shape[0] // self._size)

    def __getitem__(self, block: int) -> "NDArray[np.uint8] | Exception":
        indices = range(block * self._size, min((block + 1) * self._size, self._shape[0]))
        try:
            with kept_random_state() as has_advanced:
                rows = np.stack([row.numpy() for row in self.rows(indices)])
                if has_advanced():
                    raise ValueError(
                        f"images of {self._recipe.title} must be the same each time, but reading them draws random "
                        "numbers; move random transforms to augmentations of the data module"
                    )
            return rows
        except Exception as error:  # returned, as a worker process would add its traceback to the message
            return error

    def rows(self, indices: Sequence[int]) -> list[Tensor]:
        """Return the images of samples after transforms, ``(C, H, W)`` uint8."""
        transforms = self._recipe.transforms
        if transforms is None:
            return [self._checked(self.read(index)[0], index) for index in indices]
        rows = []
        for start in range(0, len(indices), _TOGETHER):
            chosen = indices[start : start + _TOGETHER]
            images = [self.read(index)[0] for index in chosen]
            with transforms.watched():
                for index, image in zip(chosen, images, strict=True):
                    try:
                        rows.append(self._checked(transforms(image), index))
                    except ValueError as error:
                        raise ValueError(f"{self._name(index)}: {error}") from error
        return rows

    def _checked(self, row: Tensor, index: int) -> Tensor:
        if self._channels is not None and row.shape != self._shape[1:]:
            (_, height, width), (_, _, first_height, first_width) = row.shape, self._shape
            raise ValueError(
                f"{self._name(index)} has {width} x {height} pixels, but the first image has {first_width} x "
                f"{first_height}; give all images one size with transforms, such as Resize and CenterCrop"
            )
        return row

    def read(self, index: int) -> tuple[Tensor, Watch]:
        """Return the image of a sample before transforms, ``(C, H, W)`` uint8, and which files were opened."""
        part = int(np.searchsorted(self._ends, index, side="right"))
        inner = index - int(self._ends[part - 1] if part else 0)
        try:
            with watched(may_connect=self._recipe.download) as watch, without_warnings():
                pixels = _pixels(self._parts[part][inner], self._name(index))
        except (_UnsuitableError, MemoryError):
            raise
        except Exception as error:  # damaged files raise many types, and a class of the user may raise any
            files = watch.opened_in(self._recipe.root)
            name = f"{files[-1]}, {self._name(index)}," if files else self._name(index)
            reason = one_line(error) or type(error).__name__
            raise OSError(f"{name} cannot be read ({reason}); replace it") from error
        if self._channels == 1 < len(pixels) and self._recipe.transforms is None:
            raise ValueError(
                f"{self._name(index)} is in color, but the first image is gray; set transforms to Grayscale, or to RGB "
                "for color"
            )
        return pixels.expand(3, -1, -1) if self._channels == 3 else pixels, watch

    def _name(self, index: int) -> str:
        return f"image {index} of {self._recipe.title}"


def _pixels(sample: Any, name: str) -> Tensor:
    """Return the image of a sample ``(C, H, W)`` uint8, with 1 or 3 channels."""
    image = sample[0] if is_pair(sample) else sample
    if isinstance(image, Image.Image):
        try:
            return pixels_of(image, name)
        except ValueError as error:
            raise _UnsuitableError(str(error)) from error
    if isinstance(image, np.ndarray) and image.ndim in (2, 3):
        image = torch.from_numpy(np.array(image if image.ndim == 2 else image.transpose(2, 0, 1)))
    if not isinstance(image, Tensor):
        kind = f"{len(image)} parts" if isinstance(image, tuple | list) else type(image).__name__
        raise _UnsuitableError(f"{name} is no image but {kind}; {_REMEDY}")
    if image.ndim == 2:
        image = image[None]
    if image.dtype != torch.uint8 or image.ndim != 3 or len(image) not in (1, 3):
        dtype = str(image.dtype).removeprefix("torch.")
        raise _UnsuitableError(
            f"{name} is an array {tuple(image.shape)} of {dtype}, but must be uint8 with 1 or 3 channels; return the "
            "image as it is stored, without ToTensor or other conversions"
        )
    return image


def _same(block: T) -> T:
    return block


def _checked(block: "NDArray[np.uint8] | Exception") -> Tensor:
    if isinstance(block, Exception):
        raise block
    return torch.from_numpy(block)
