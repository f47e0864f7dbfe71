"""Write a data set with a full grid of factors in the layout of the public HDF5 files."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.files import replaced_atomically
from lr_lightning.data.dataset import FactorDataset

# Small chunks of whole images, so that reading a random image decompresses little: with chunks of one 64 x 64 x 3 image
# a batch of 128 takes 9 ms, with chunks of 64 images 210 ms; the file is only 5 % larger.
_CHUNK_BYTES = 1 << 14
_GZIP_LEVEL = 4


def write_h5(
    dataset: FactorDataset,
    path: str | Path,
    *,
    overwrite: bool = False,
    block_size: int = 4096,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write ``dataset`` in the layout that :class:`~lr_lightning.data.Shapes3D` or ``DSprites`` reads.

    RGB images are written in the layout of 3DShapes (``images`` (N, H, W, C) uint8, ``labels`` (N, K) float64), images
    with one channel in that of dSprites (``imgs`` (N, H, W) uint8 in {0, 1}, ``latents/classes`` (N, K) int64,
    ``latents/values`` (N, K) float64). The file is compressed in chunks of about 16 kB, which make random reads fast;
    for that reason it can also pay to rewrite a public file. Attributes record the origin: ``source`` (the name of the
    set), ``rendered`` and, if the set has one, ``renderer_version``.

    Only one block of images is in memory at a time. The file gets its final name only when it is complete.

    Args:
        dataset: Images ``(1, H, W)`` or ``(3, H, W)`` with every combination of factors exactly once.
        path: File to write; its folder is created if needed.
        overwrite: Whether to replace an existing file.
        block_size: Number of images drawn and written at a time.
        progress: Called after each block with the number of images written and in total.

    Returns:
        The path.

    Raises:
        FileExistsError: If the file exists and ``overwrite`` is not set.
        ValueError: If the set is not a full grid, its observations do not have one of these shapes, or an image with
            one channel contains values other than 0 and 255.

    Example:
        >>> write_h5(RenderedShapes3D(), "rendered_3dshapes.h5")  # doctest: +SKIP
    """
    path = Path(path)
    if not dataset.full_grid:
        raise ValueError(f"{dataset.name} must be a full grid of factors to be written in the layout of a public file")
    if len(dataset.image_shape) != 3 or dataset.image_shape[0] not in (1, 3):
        raise ValueError(f"{dataset.name} must have images (1, H, W) or (3, H, W), got {tuple(dataset.image_shape)}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} already exists; choose another name, or set overwrite")
    with replaced_atomically(path) as unfinished, h5py.File(unfinished, "w") as file:
        _write(file, dataset, block_size, progress)
    return path


def _write(
    file: h5py.File, dataset: FactorDataset, block_size: int, progress: Callable[[int, int], None] | None
) -> None:
    total, (channels, height, width) = len(dataset), dataset.image_shape
    file.attrs["source"] = dataset.name
    file.attrs["rendered"] = dataset.name.startswith("rendered_")
    version = getattr(dataset, "renderer_version", None)
    if version is not None:
        file.attrs["renderer_version"] = version
    _write_factors(file, dataset)
    stored_shape = (height, width, 3) if channels == 3 else (height, width)
    images = file.create_dataset(
        "images" if channels == 3 else "imgs",
        (total, *stored_shape),
        "uint8",
        chunks=(min(total, max(1, _CHUNK_BYTES // (channels * height * width))), *stored_shape),
        compression="gzip",
        compression_opts=_GZIP_LEVEL,
    )
    for start in range(0, total, block_size):
        stop = min(start + block_size, total)
        block = dataset.images(torch.arange(start, stop)).cpu()  # (N, C, H, W)
        images[start:stop] = (block.permute(0, 2, 3, 1) if channels == 3 else _binary(block, start)).numpy()
        if progress is not None:
            progress(stop, total)


def _write_factors(file: h5py.File, dataset: FactorDataset) -> None:
    classes = dataset.factor_space.factors(torch.arange(len(dataset))).numpy()  # (N, K)
    columns = zip(dataset.factor_space.values, classes.T, strict=True)
    values = np.stack([np.array(values)[column] for values, column in columns], axis=1)
    if dataset.image_shape[0] == 3:
        file.create_dataset("labels", data=values, compression="gzip")
    else:
        file.create_dataset("latents/classes", data=classes, compression="gzip")
        file.create_dataset("latents/values", data=values, compression="gzip")


def _binary(images: Tensor, start: int) -> Tensor:
    """Convert ``(N, 1, H, W)`` in {0, 255} to ``(N, H, W)`` in {0, 1}; ``start`` is the index of the first image."""
    gray = ((images != 0) & (images != 255)).flatten(1).any(dim=1)
    if gray.any():
        row = int(gray.int().argmax())
        value = int(images[row][(images[row] != 0) & (images[row] != 255)][0])
        raise ValueError(f"images must contain only 0 and 255, got {value} in image {start + row}")
    return images[:, 0] // 255
