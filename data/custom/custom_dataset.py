"""Custom data sets: arrays or a folder of images, described by a YAML file."""

from math import prod
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from lr_lightning.data.custom.description import LAYOUTS, CustomDescription, read_description
from lr_lightning.data.custom.labels import grid_order, label_array, positions, read_table
from lr_lightning.data.factor_space import check_range
from lr_lightning.data.storage.file_dataset import FileFactorDataset, Storage
from lr_lightning.data.storage.h5_images import H5Images, h5_header
from lr_lightning.data.storage.image_folder import FolderImages, image_files
from lr_lightning.data.storage.image_source import ImageSource
from lr_lightning.data.storage.npz_images import NpzImages
from lr_lightning.data.storage.npz_member import npz_header

_LARGEST_IMAGE = 1 << 28  # bytes


class CustomDataset(FileFactorDataset):
    """A data set described by a YAML file.

    .. code-block:: yaml

        name: bars
        factors:  # in order, the last fastest: the number of values, the values, or their names
          color: [red, green, blue]
          height: 4
          position: [0.0, 0.5, 1.0]
        images: bars.npz  # .h5, .npz or a folder of images, relative to this file
        key: images  # array in the file; images by default
        layout: NHWC  # or NCHW, or NHW for gray images without a channel axis; NHWC by default
        labels: labels  # array (N, K) in the file, or a CSV table for a folder; omit for a full grid

    Without ``labels``, the images must be all combinations of the factors in row-major order; images in a folder are
    sorted naturally by name. With ``labels``, combinations may be missing, repeated and in any order: row ``i`` of the
    array contains the value of each factor in image ``i``. For a folder, the table has one row per image, one column
    per factor, and a column ``file`` (or the name given as ``key``) with file names relative to the folder. If the
    labels form the full grid, the images are sorted into its order.

    If the values of a factor are listed as numbers, its labels must be among them, up to a rounding error of 1 % of the
    distance between values. Otherwise a label is the index of a value, from 0, or its name in a table. Text that is a
    number counts as a number.

    Images are uint8 in 0..255 with one or three channels, or bool.

    Args:
        path: The YAML file.
        storage: Where images are read from, see :class:`~lr_lightning.data.FileFactorDataset`.

    Attributes:
        description: The content of the file.

    Raises:
        FileNotFoundError: If the file, or the images or the table named in it, do not exist.
        OSError: If a file is damaged.
        KeyError: If an array or a column is missing; the message lists the existing ones.
        ValueError: If the description or the files differ from the above; the message explains how to fix them.

    Example:
        >>> CustomDataset("bars.yaml").factor_space  # doctest: +SKIP
        FactorSpace(color=3, height=4, position=3)
    """

    def __init__(self, path: str | Path, storage: Storage = "cache") -> None:
        self.description = read_description(Path(path))
        table = read_table(self.description) if self.description.is_folder and self.description.labels else None
        source, layout = _open_images(self.description, table)
        self._axes = [layout.index(axis) for axis in "NCHW" if axis in layout]
        num_images, *row_shape = source.shape
        sizes = dict(zip(layout[1:], row_shape, strict=True))
        self.image_shape: tuple[int, ...] = (sizes.get("C", 1), sizes["H"], sizes["W"])
        _check_channels(self.description, layout, source.shape)
        if (size := prod(self.image_shape)) > _LARGEST_IMAGE:
            raise ValueError(
                f"images in {self.description.images} must have at most {_LARGEST_IMAGE:,} values each, got {size:,} "
                f"from shape {source.shape}; downscale them"
            )
        space = self.description.factor_space
        if self.description.labels is None and num_images != len(space):
            raise ValueError(
                f"{self.description.images} has {num_images} images, but the factors in {path} make "
                f"{' x '.join(map(str, space.sizes))} = {len(space)} combinations; fix the factors, or add labels if "
                "combinations are missing or repeated"
            )
        super().__init__(self.description.name, space, source, storage, num_images=num_images)
        self._labels: Tensor | None = None  # only if the set is not a full grid
        self._rows: Tensor | None = None  # only for a full grid with labels: the row of each combination in the files
        if self.description.labels is not None:
            labels = positions(self.description, table or label_array(self.description, num_images))
            self._rows = grid_order(labels, space)
            self._labels = labels if self._rows is None else None
        self.full_grid = self._labels is None

    def images(self, indices: Tensor) -> Tensor:
        """Return images ``(N, C, H, W)`` uint8 of ``indices`` (N,): on the CPU, or on the device of :meth:`to`.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
            OSError: If a file is damaged, or the cache cannot be written.
            ValueError: If uint8 images contain only 0 and 1, or images in a folder differ in size or color mode.
        """
        if self._rows is None:
            return super().images(indices)
        check_range("indices", indices, len(self))
        return super().images(self._rows[indices.cpu()])

    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, K)`` int64 of ``indices`` (N,): on the CPU, or on the device of :meth:`to`.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        if self._labels is None:
            return super().factors(indices)
        check_range("indices", indices, len(self))
        return self._labels[indices.to(self._labels.device)]

    def to(self, device: torch.device | str) -> Self:
        """Load all images into the memory of ``device`` and return ``self``."""
        self._labels = None if self._labels is None else self._labels.to(device)
        return super().to(device)

    def _display(self, stored: Tensor) -> Tensor:
        if stored.dtype == torch.bool:
            stored = stored.to(torch.uint8) * 255
        elif stored.numel() and stored.max() == 1:
            raise ValueError(
                f"images in {self.description.images} contain only 0 and 1, which is almost black; store them as bool, "
                "or multiply them by 255"
            )
        images = stored.permute(self._axes)
        return (images if images.ndim == 4 else images[:, None]).contiguous()


def _open_images(description: CustomDescription, table: dict[str, list[str]] | None) -> tuple[ImageSource, str]:
    """Return the images and the order of their axes."""
    images, key, remedy = description.images, description.key, description.remedy
    if description.is_folder:
        paths = image_files(images) if table is None else [images / name for name in table[key]]
        return FolderImages(paths), "NCHW"
    shape, dtype = (npz_header if images.suffix == ".npz" else h5_header)(images, key, remedy)
    if dtype not in (np.uint8, np.bool_):
        raise ValueError(
            f"{key!r} in {images} must be uint8 in 0..255, or bool, got {dtype}; convert floats in [0, 1] by "
            "(255 * images).round().astype('uint8')"
        )
    if len(shape) != len(description.layout) or 0 in shape:
        raise ValueError(
            f"{key!r} in {images} must have the axes {description.layout}, got shape {shape}; set layout in "
            f"{description.path} to one of {', '.join(LAYOUTS)}, or key to another array"
        )
    kind = NpzImages if images.suffix == ".npz" else H5Images
    return kind(images, key, shape, str(dtype), remedy), description.layout


def _check_channels(description: CustomDescription, layout: str, shape: tuple[int, ...]) -> None:
    channels = shape[layout.index("C")] if "C" in layout else 1
    if channels in (1, 3):
        return
    other = "NCHW" if layout == "NHWC" else "NHWC"
    hint = ""
    if shape[other.index("C")] in (1, 3):
        hint = f"; set layout in {description.path} to {other}"
    raise ValueError(
        f"images in {description.images} must have 1 or 3 channels, got {channels} from shape {shape} and layout "
        f"{layout}{hint}"
    )
