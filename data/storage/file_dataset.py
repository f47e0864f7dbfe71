"""Base class for readers of public files: images from a memory-mapped cache, from memory, or from the file."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace, check_range
from lr_lightning.data.storage.h5_images import H5Images
from lr_lightning.data.storage.image_source import ImageSource
from lr_lightning.data.storage.memory_mapped_cache import MemoryMappedCache
from lr_lightning.data.storage.packed_images import pack_bits, packed_size, unpack_bits

_BLOCK_ROWS = 4096
#: Where images are read from. ``"cache"``: a memory-mapped file, built from the source on first use and reused by later
#: runs; the operating system keeps the used parts in memory, shared by all processes. ``"memory"``: the whole source is
#: read on first use and nothing is written; each process has a copy. ``"file"``: each batch is read from the source,
#: which must be HDF5 and is slow unless its chunks are small, as in files written by ``write_h5``.
Storage = Literal["cache", "memory", "file"]


class FileFactorDataset(FactorDataset):
    """Base of the public sets: image ``i`` of the file is combination ``i`` of the factors.

    Attributes:
        name: Short name; it starts with ``rendered_`` if the attributes of the file mark its images as rendered.
        factor_space: The factors.
        storage: Where images are read from, until :meth:`to` loads them into memory: ``"cache"``, a memory-mapped file
            that is converted once; ``"memory"``, the public file, loaded completely on first use; ``"file"``, the
            public HDF5 file, batch by batch.
        renderer_version: Version of the renderer for rendered sets, otherwise ``None``.
        binary: Whether images contain only 0 and 255. They are then stored as bits and unpacked batch by batch.

    Raises:
        ValueError: If ``storage`` is none of the three, or is ``"file"`` for a source other than HDF5, or the number of
            rows in the source is not the number of combinations.
    """

    full_grid = True
    binary = False

    def __init__(
        self,
        name: str,
        factor_space: FactorSpace,
        images: ImageSource,
        storage: Storage = "cache",
        renderer_version: int | None = None,
        num_images: int | None = None,
    ) -> None:
        if storage not in get_args(Storage):
            raise ValueError(f"storage must be one of {', '.join(get_args(Storage))}, got {storage!r}")
        if storage == "file" and not isinstance(images, H5Images):
            raise ValueError(f"storage must be 'cache' or 'memory', got 'file': {images.paths[0]} has no random access")
        num_images = len(factor_space) if num_images is None else num_images
        if images.shape[0] != num_images:
            raise ValueError(f"{images.paths[0]} must have {num_images} images, got {images.shape[0]}")
        self.name = name
        self.factor_space = factor_space
        self.storage = storage
        self.renderer_version = renderer_version
        self._num_images = num_images
        self._source = images
        self._mapped: NDArray[np.uint8] | None = None
        self._loaded: Tensor | None = None

    def __len__(self) -> int:
        return self._num_images

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_mapped": None}  # a spawned worker maps the file again instead of copying it

    @override
    def prepare(self, *, verify: bool = False, progress: Callable[[int, int], None] | None = None) -> Path | None:
        """Build the memory-mapped cache unless it exists, and return its path; ``None`` for other ``storage``.

        Args:
            verify: Verify the checksums of an existing cache, which reads the whole file, and rebuild it if damaged.
            progress: Called with the number of images converted so far and in total.

        Raises:
            OSError: If the cache cannot be written, or the source is damaged.
        """
        if self.storage != "cache":
            return None
        self._mapped = self.cache.open(verify=verify, progress=progress)
        return self.cache.path

    @property
    def cache(self) -> MemoryMappedCache:
        """The memory-mapped cache of the images, whether it has been built or not."""
        return MemoryMappedCache(self._source, self._row_shape, self._to_rows, conversion=type(self).__name__)

    def images(self, indices: Tensor) -> Tensor:
        """Return images ``(N, C, H, W)`` uint8 of ``indices`` (N,): on the CPU, or on the device of :meth:`to`.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
            OSError: If the file is damaged, or the cache cannot be written.
        """
        check_range("indices", indices, len(self))
        if self._loaded is None and self.storage == "memory":
            self.to("cpu")
        if self._loaded is not None:
            return self._to_images(self._loaded.index_select(0, indices.to(self._loaded.device)))
        if isinstance(self._source, H5Images) and self.storage == "file":
            return self._display(self._source.gather(indices.cpu()))
        return self._to_images(torch.from_numpy(self._map()[indices.cpu().numpy()]))

    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, K)`` int64 of ``indices`` (N,): on the CPU, or on the device of :meth:`to`.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        return self.factor_space.factors(indices).to("cpu" if self._loaded is None else self._loaded.device)

    def to(self, device: torch.device | str) -> Self:
        """Load all images into the memory of ``device`` and return ``self``; binary images stay packed there."""
        if self._loaded is None:
            rows, done = torch.empty(len(self), *self._row_shape, dtype=torch.uint8, device=device), 0
            for block in self._blocks():
                rows[done : done + len(block)] = block
                done += len(block)
            self._loaded, self._mapped = rows, None
        self._loaded = self._loaded.to(device)
        return self

    @property
    def _row_shape(self) -> tuple[int, ...]:
        """Shape of a stored image: packed if binary."""
        return (packed_size(self.image_shape),) if self.binary else self.image_shape

    def _blocks(self) -> Iterator[Tensor]:
        """Yield all images as they are stored, packed if binary."""
        if self.storage == "cache":
            mapped = self._map()
            for start in range(0, len(self), _BLOCK_ROWS):
                yield torch.from_numpy(mapped[start : start + _BLOCK_ROWS].copy())
        else:
            yield from map(self._to_rows, self._source.blocks())

    def _map(self) -> NDArray[np.uint8]:
        if self._mapped is None:
            self._mapped = self.cache.open()
        return self._mapped

    def _to_rows(self, stored: Tensor) -> Tensor:
        images = self._display(stored)
        return pack_bits(images) if self.binary else images

    def _to_images(self, rows: Tensor) -> Tensor:
        return unpack_bits(rows, self.image_shape) if self.binary else rows

    @abstractmethod
    def _display(self, stored: Tensor) -> Tensor:
        """Turn stored rows ``(N, ...)`` into images ``(N, C, H, W)`` uint8 in 0..255."""


def check_grid_order(labels: np.ndarray[Any, Any], space: FactorSpace, path: Path, key: str, remedy: str) -> None:
    """Check that the images of a file are in the row-major order of ``space``, whatever labels the values have.

    Args:
        labels: Label or class of each factor in each image, ``(N, K)``; within a factor they must increase.
        space: The factors.
        path: The file, for the message.
        key: Name of the array of labels in the file.
        remedy: How the user can fix the file; ends the error message.

    Raises:
        ValueError: If a row is out of order; the message names the first.
    """
    for k, (name, size) in enumerate(zip(space.names, space.sizes, strict=True)):
        column = labels[:, k].reshape(space.sizes)
        # Labels of this factor's values, read where all other factors have their first value.
        values = np.moveaxis(column, k, 0).reshape(size, -1)[:, 0]
        if not (np.diff(values) > 0).all():
            raise ValueError(f"{name} in {key!r} of {path} must increase from value to value, got {values}; {remedy}")
        expected = values.reshape([-1 if i == k else 1 for i in range(space.num_factors)])
        wrong = (column != expected).ravel()
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"{key!r} of {path} is not in row-major order with the last factor fastest: {name} of row {row} is "
                f"{labels[row, k]}, not {np.broadcast_to(expected, space.sizes).flat[row]}; {remedy}"
            )
