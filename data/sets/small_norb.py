"""The public SmallNORB files: photographs of toys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.factor_space import FactorSpace, check_range
from lr_lightning.data.storage.binary_matrix import BinaryMatrix
from lr_lightning.data.storage.file_dataset import FileFactorDataset, Storage
from lr_lightning.data.storage.lanczos import resize
from lr_lightning.data.storage.public_file import PublicFile

#: 4,860 combinations. Elevation and azimuth are in degrees. Toys of a category are not aligned, so the same azimuth
#: shows different sides of different toys.
SMALL_NORB_FACTORS = FactorSpace(
    names=["category", "elevation", "azimuth", "lighting"],
    sizes=[5, 9, 18, 6],
    values=[range(5), range(30, 75, 5), range(0, 360, 20), range(6)],
    value_names={"category": ["animal", "human", "airplane", "truck", "car"]},
)

#: 48,600 combinations, including the instance: one of ten toys per category.
SMALL_NORB_GRID = FactorSpace(
    [*SMALL_NORB_FACTORS.names, "instance"],
    [*SMALL_NORB_FACTORS.sizes, 10],
    [*SMALL_NORB_FACTORS.values, range(10)],
    SMALL_NORB_FACTORS.value_names,
)

#: File names without the endings ``-dat.mat``, ``-cat.mat`` and ``-info.mat``.
SMALL_NORB_CHUNKS = ("smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing")

_SIDE = 64
_REMEDY = "fetch the public files with `lr-lightning data prepare small_norb`"

_CHECKS = {  # MD5 and bytes
    f"{SMALL_NORB_CHUNKS[0]}-dat.mat.gz": ("66054832f9accfe74a0f4c36a75bc0a2", 131_896_188),
    f"{SMALL_NORB_CHUNKS[0]}-cat.mat.gz": ("23c8b86101fbf0904a000b43d3ed2fd9", 348),
    f"{SMALL_NORB_CHUNKS[0]}-info.mat.gz": ("51dee1210a742582ff607dfd94e332e3", 71_052),
    f"{SMALL_NORB_CHUNKS[1]}-dat.mat.gz": ("e4ad715691ed5a3a5f138751a4ceb071", 130_799_817),
    f"{SMALL_NORB_CHUNKS[1]}-cat.mat.gz": ("5aa791cd7e6016cf957ce9bdb93b8603", 347),
    f"{SMALL_NORB_CHUNKS[1]}-info.mat.gz": ("a9454f3864d7fd4bb3ea7fc3eb84924e", 10_428),
}


class SmallNORB(FileFactorDataset):
    """SmallNORB: 48,600 gray images of 50 toys, from the public files of both splits.

    Four factors: category, elevation and azimuth of the camera, lighting. The ten instances (toys) of each category are
    a nuisance variable: every combination of the four factors has ten images, and image ``i`` is instance ``i % 10`` of
    combination ``i // 10``. disentanglement_lib draws one of the ten at random whenever it needs an image of a
    combination. With ``instance="factor"`` the instance is a fifth factor, and the set is a full grid.

    Images are from the left camera, scaled from 96 x 96 to 64 x 64 pixels with Pillow's Lanczos filter. Training and
    test files contain five instances of each category each; both are needed.

    Terms of the public files: for research, not to be sold.

    Args:
        root: Folder with ``smallnorb-5x46789x9x18x6x2x96x96-training-dat.mat``, ``-cat.mat``, ``-info.mat`` and the
            same for ``smallnorb-5x01235x9x18x6x2x96x96-testing``, each as ``.gz`` or decompressed.
        instance: ``"nuisance"`` or ``"factor"``.
        storage: ``"cache"``, which takes 199 MB of disk, or ``"memory"``, where each process reads the files and takes
            as much memory; see :class:`~lr_lightning.data.FileFactorDataset`.
        factor_space: The grid in the files with the instance last, if it is a part of SmallNORB.

    Raises:
        FileNotFoundError: If one of the six files is missing; the message lists the names.
        OSError: If a file is damaged; for images, raised when they are first read.
        ValueError: If ``instance`` or ``storage`` is none of the above, a file is not a matrix of the expected shape,
            or a combination is missing or repeated.

    References:
        LeCun, Huang and Bottou, Learning Methods for Generic Object Recognition with Invariance to Pose and Lighting,
        2004, CVPR.
    """

    records = (
        DataSetRecord(
            name="small_norb",
            title="SmallNORB: toys in gray; the ten toys of a category are a nuisance, or a factor",
            num_samples=len(SMALL_NORB_GRID),
            image_shape=(1, _SIDE, _SIDE),
            factor_space=SMALL_NORB_FACTORS,
            license="for research, not to be sold",
            files=tuple(
                PublicFile(
                    f"small_norb/{name}", f"https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/{name}", md5, size=size
                )
                for name, (md5, size) in _CHECKS.items()
            ),
            path="small_norb",
            path_argument="root",
        ),
    )
    image_shape: tuple[int, ...] = (1, _SIDE, _SIDE)

    def __init__(
        self,
        root: str | Path,
        instance: Literal["nuisance", "factor"] = "nuisance",
        storage: Storage = "cache",
        factor_space: FactorSpace | None = None,
    ) -> None:
        if instance not in ("nuisance", "factor"):
            raise ValueError(f"instance must be nuisance or factor, got {instance!r}")
        grid = factor_space or SMALL_NORB_GRID
        super().__init__("small_norb", grid, NorbImages(Path(root), grid), storage)
        self.full_grid = instance == "factor"
        self._images_each = 1
        if not self.full_grid:
            named = {factor: names for factor, names in grid.value_names.items() if factor != grid.names[-1]}
            self.factor_space = FactorSpace(grid.names[:-1], grid.sizes[:-1], grid.values[:-1], named)
            self._images_each = grid.sizes[-1]

    def __len__(self) -> int:
        return len(self.factor_space) * self._images_each

    def factors(self, indices: Tensor) -> Tensor:
        """Return factor values ``(N, K)`` int64 of ``indices`` (N,): on the CPU, or on the device of ``to``.

        Raises:
            IndexError: If an index lies outside ``[0, len(self))``.
        """
        check_range("indices", indices, len(self))
        return super().factors(indices // self._images_each)

    def _display(self, stored: Tensor) -> Tensor:
        return stored[:, None]  # (N, H, W) -> (N, 1, H, W)


class NorbImages:
    """The scaled images of the left camera as rows ``(N, 64, 64)`` uint8 in the order of the grid.

    Args:
        root: Folder with the files; see :class:`SmallNORB`.
        grid: Category, elevation, azimuth, lighting and instance.

    Raises:
        FileNotFoundError, OSError, ValueError: As :class:`SmallNORB`.
    """

    def __init__(self, root: Path, grid: FactorSpace) -> None:
        self.shape = (len(grid), _SIDE, _SIDE)
        images, categories, infos = _find(root)
        self.paths = (*images, *categories, *infos)
        self.key = f"dat.lanczos{_SIDE}"
        self._images = [BinaryMatrix(path, _REMEDY) for path in images]
        self._indices = [_indices(*paths, grid) for paths in zip(categories, infos, strict=True)]
        for matrix, indices in zip(self._images, self._indices, strict=True):
            if matrix.dtype != np.uint8 or matrix.shape != (len(indices), 2, 96, 96):
                raise ValueError(
                    f"{matrix.path} must be ({len(indices)}, 2, 96, 96) uint8, got {matrix.shape} {matrix.dtype}; "
                    f"{_REMEDY}"
                )
        counts = np.bincount(np.concatenate(self._indices), minlength=len(grid))
        if (counts != 1).any():
            factors = grid.factors(torch.from_numpy(np.flatnonzero(counts != 1)[:1]))[0].tolist()
            combination = ", ".join(f"{name} {value}" for name, value in zip(grid.names, factors, strict=True))
            raise ValueError(
                f"the files in {root} must contain one image of each combination, got {counts[counts != 1][0]} of "
                f"{combination}; {_REMEDY}"
            )

    def blocks(self) -> Iterator[Tensor]:
        """Yield all rows as one block, as their order differs from the order in the files.

        Raises:
            OSError: If a file is damaged.
        """
        rows = np.empty(self.shape, np.uint8)
        for matrix, indices in zip(self._images, self._indices, strict=True):
            done = 0
            for block in matrix.blocks():
                rows[indices[done : done + len(block)]] = resize(block[:, 0], _SIDE)
                done += len(block)
        yield torch.from_numpy(rows)


def _find(root: Path) -> list[list[Path]]:
    """Return the files of images, categories and infos, for each split; decompressed files take precedence."""
    names = [[f"{chunk}-{kind}.mat" for chunk in SMALL_NORB_CHUNKS] for kind in ("dat", "cat", "info")]
    missing = [
        name for group in names for name in group if not any((root / f"{name}{end}").is_file() for end in ("", ".gz"))
    ]
    if missing:
        raise FileNotFoundError(f"no {', '.join(missing)} in {root}, with or without .gz; {_REMEDY}")
    return [[root / name if (root / name).is_file() else root / f"{name}.gz" for name in group] for group in names]


def _indices(category: Path, info: Path, grid: FactorSpace) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the index in the grid ``(N,)`` of each image of a split."""
    tables = [BinaryMatrix(path, _REMEDY) for path in (category, info)]
    shape, info_shape = (table.shape for table in tables)
    if len(shape) != 1 or info_shape != (*shape, 4):
        raise ValueError(f"{category} and {info} must be (N,) and (N, 4), got {shape} and {info_shape}; {_REMEDY}")
    if shape[0] > len(grid):
        raise ValueError(f"{category} must have at most {len(grid)} images, got {shape[0]}; {_REMEDY}")
    categories, infos = (table.read() for table in tables)
    instance, elevation, azimuth, lighting = infos.T
    # The files number azimuths in steps of 10 degrees, but contain only every second one.
    factors = np.stack([categories, elevation, azimuth // 2, lighting, instance], axis=1).astype(np.int64)
    try:
        return grid.indices(torch.from_numpy(factors)).numpy()
    except IndexError as error:
        raise ValueError(f"{category} and {info} have an image outside the grid: {error}; {_REMEDY}") from error
