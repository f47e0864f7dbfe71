"""What the readers of public files share: a full grid of images in one array, on disk or in memory."""

from abc import abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace, check_range
from lr_lightning.data.h5_images import H5Images
from lr_lightning.data.npz_images import NpzImages


class GridFile(FactorDataset):
    """Base of the public sets: image ``i`` of the file is combination ``i`` of the factors.

    Attributes:
        name: Short name; it begins with ``rendered_`` where the file says that its images were rendered.
        factor_space: The factors.
        resident: Whether images are held in memory. They are read at the first use, or by :meth:`to`. Loader
            workers would each read their own copy: call ``to("cpu")`` before they start.
        renderer_version: Of a rendered set, the version of the renderer that drew it, else ``None``.
    """

    full_grid = True

    def __init__(
        self,
        name: str,
        factor_space: FactorSpace,
        images: H5Images | NpzImages,
        resident: bool,
        renderer_version: int | None = None,
    ) -> None:
        self.name = name
        self.factor_space = factor_space
        self.resident = resident
        self.renderer_version = renderer_version
        self._stored = images
        self._loaded: Tensor | None = None

    def __len__(self) -> int:
        return len(self.factor_space)

    def images(self, indices: Tensor) -> Tensor:
        """Return images ``(N, C, H, W)`` uint8 of ``indices`` (N,): on the CPU, or where :meth:`to` put the set.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
            OSError: If the file turns out to be damaged.
        """
        check_range("indices", indices, len(self))
        if self.resident or isinstance(self._stored, NpzImages):
            images = self._load()
            return images.index_select(0, indices.to(images.device))
        return self._display(self._stored.gather(indices.cpu()))

    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, K)`` int64 of ``indices`` (N,): on the CPU, or where :meth:`to` put the set.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        return self.factor_space.factors(indices).to("cpu" if self._loaded is None else self._loaded.device)

    def to(self, device: torch.device | str) -> Self:
        """Read all images into memory, move them to ``device`` and return ``self``."""
        self.resident = True
        self._loaded = self._load().to(device)
        return self

    def _load(self) -> Tensor:
        if self._loaded is None:
            images, done = torch.empty(len(self), *self.image_shape, dtype=torch.uint8), 0
            for block in self._stored.blocks():
                images[done : done + len(block)] = self._display(block)
                done += len(block)
            self._loaded = images
        return self._loaded

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
    grid = space.factors(torch.arange(len(space)))  # (N, K)
    for k, (name, size) in enumerate(zip(space.names, space.sizes, strict=True)):
        traversal = torch.zeros(size, space.num_factors, dtype=torch.int64)
        traversal[:, k] = torch.arange(size)
        values = labels[space.indices(traversal).numpy(), k]
        if not (np.diff(values) > 0).all():
            raise ValueError(f"{name} in {key!r} of {path} must increase from value to value, got {values}; {remedy}")
        wrong = labels[:, k] != values[grid[:, k].numpy()]
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"{key!r} of {path} is not in row-major order with the last factor fastest: {name} of row {row} is "
                f"{labels[row, k]}, not {values[grid[row, k]]}; {remedy}"
            )
