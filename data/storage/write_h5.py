"""Write a data set with a full grid of factors in the layout of the public HDF5 files."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.files import replaced_atomically
from lr_lightning.data.dataset import FactorDataset

# Small chunks of whole images, so that a random image costs one small inflation: in chunks of one 64 x 64 x 3 image a
# batch of 128 takes 9 ms and the file is 5 % larger than in chunks of 64, where it takes 210 ms.
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
    """Write ``dataset`` as :class:`~lr_lightning.data.sets.shapes3d.Shapes3D` or ``DSprites`` read it.

    Images of three channels go into the layout of 3DShapes (``images`` (N, H, W, C) uint8, ``labels`` (N, K) float64),
    images of one into that of dSprites (``imgs`` (N, H, W) uint8 in {0, 1}, ``latents/classes`` (N, K) int64,
    ``latents/values`` (N, K) float64). The file is compressed, in chunks of about 16 kB that make random reads fast,
    so that writing a public set anew is worth while too. Attributes of the file say where it comes from: ``source``
    (the set's name), ``rendered`` and, if the set has one, ``renderer_version``.

    Memory holds one block of images. The file appears under its name only when it is complete.

    Args:
        dataset: Images ``(1, H, W)`` or ``(3, H, W)``, every combination of factors once.
        path: File to write; its folder is made if there is none.
        overwrite: Replace a file that is there.
        block_size: Images drawn and written at a time.
        progress: Called after each block with the number of images written and of all images.

    Returns:
        The path.

    Raises:
        FileExistsError: If there is a file and ``overwrite`` is not set.
        ValueError: If the set has no full grid, its observations are no such images, or an image of one channel has
            other values than 0 and 255.

    Example:
        >>> write_h5(RenderedShapes3D(), "rendered_3dshapes.h5")  # doctest: +SKIP
    """
    path = Path(path)
    if not dataset.full_grid:
        raise ValueError(f"{dataset.name} is no full grid of factors, which the layout of the public files needs")
    if len(dataset.image_shape) != 3 or dataset.image_shape[0] not in (1, 3):
        raise ValueError(f"{dataset.name} must have images (1, H, W) or (3, H, W), got {tuple(dataset.image_shape)}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} is there already; choose another name, or ask for it to be overwritten")
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
    """Turn ``(N, 1, H, W)`` in {0, 255} into ``(N, H, W)`` in {0, 1}."""
    gray = ((images != 0) & (images != 255)).flatten(1).any(dim=1)
    if gray.any():
        row = int(gray.int().argmax())
        value = int(images[row][(images[row] != 0) & (images[row] != 255)][0])
        raise ValueError(f"the layout of dSprites holds images of 0 and 255 only, got {value} in image {start + row}")
    return images[:, 0] // 255
