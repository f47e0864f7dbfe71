"""What the readers of public files share: a full grid of images, mapped from a cache, in memory or in the file."""

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
#: Where images are read from. ``"cache"``: a memory-mapped file, made at the first use from the source and found again
#: by later runs; the system keeps in memory what is used and all processes share it. ``"memory"``: the source is read
#: whole at the first use, and nothing is written; every process has its own copy. ``"file"``: each batch is read from
#: the source, which must be HDF5 and is slow unless its chunks are small, as those of ``write_h5`` are.
Storage = Literal["cache", "memory", "file"]


class FileFactorDataset(FactorDataset):
    """Base of the public sets: image ``i`` of the file is combination ``i`` of the factors.

    Attributes:
        name: Short name; it begins with ``rendered_`` where the file says that its images were rendered.
        factor_space: The factors.
        storage: Where images are read from, see :data:`Storage`, until :meth:`to` has read them into memory.
        renderer_version: Of a rendered set, the version of the renderer that drew it, else ``None``.
        binary: Whether images hold 0 and 255 only. They are then kept as bits and unpacked batch by batch.

    Raises:
        ValueError: If ``storage`` is none of the three, or ``"file"`` for a source that is not HDF5, or the source has
            another number of rows than there are combinations.
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
            raise ValueError(
                f"{images.paths[0]} can only be read whole: choose storage='cache' or 'memory', not 'file'"
            )
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
        return self.__dict__ | {"_mapped": None}  # a spawned worker maps the file itself

    @override
    def prepare(self, *, verify: bool = False, progress: Callable[[int, int], None] | None = None) -> Path | None:
        """Write the memory-mapped cache unless it exists, and return its path; ``None`` with other ``storage``.

        Args:
            verify: Compare the checksums of an existing cache, which reads it whole, and rebuild it if damaged.
            progress: Called with the number of images converted so far and in total.

        Raises:
            OSError: If the cache cannot be written, or the file turns out to be damaged.
        """
        if self.storage != "cache":
            return None
        self._mapped = self.cache.open(verify=verify, progress=progress)
        return self.cache.path

    @property
    def cache(self) -> MemoryMappedCache:
        """The memory-mapped cache of the images, whether made or not."""
        return MemoryMappedCache(self._source, self._row_shape, self._to_rows, conversion=type(self).__name__)

    def images(self, indices: Tensor) -> Tensor:
        """Return images ``(N, C, H, W)`` uint8 of ``indices`` (N,): on the CPU, or where :meth:`to` put the set.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
            OSError: If the file turns out to be damaged, or the cache cannot be written.
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
        """Return factor values ``(N, K)`` int64 of ``indices`` (N,): on the CPU, or where :meth:`to` put the set.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        return self.factor_space.factors(indices).to("cpu" if self._loaded is None else self._loaded.device)

    def to(self, device: torch.device | str) -> Self:
        """Read all images into the memory of ``device`` and return ``self``; binary ones stay packed there."""
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
        """Shape of an image as it is kept."""
        return (packed_size(self.image_shape),) if self.binary else self.image_shape

    def _blocks(self) -> Iterator[Tensor]:
        """Yield all images as they are kept."""
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
    """Check that the file counts through its factors as ``space`` does, whatever numbers stand for the values.

    Args:
        labels: Label or class of each factor in each image, ``(N, K)``; within a factor they must increase.
        space: The factors.
        path: The file, for the message.
        key: Name of the array in it.
        remedy: Ends the error message.

    Raises:
        ValueError: If a row is out of order; the message names the first.
    """
    for k, (name, size) in enumerate(zip(space.names, space.sizes, strict=True)):
        column = labels[:, k].reshape(space.sizes)
        values = np.moveaxis(column, k, 0).reshape(size, -1)[:, 0]  # where all other factors are at their first value
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
