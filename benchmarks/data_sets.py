"""Batches, start-up and memory of the data sets, against a plain loader of single items on the same file.

For each data set, measures:

- seconds from the file to the first batch, once with the conversion to the memory-mapped cache and once in a fresh
  process that finds the cache;
- images per second in random batches, as in training, alternating with a ``torch.utils.data.DataLoader`` with two
  workers
  that reads single images;
- memory of the fresh process after 20,000 images, and with all images in memory: its own, and pages of mapped files,
  which processes share and the system reclaims on demand.

    OMP_NUM_THREADS=1 python benchmarks/data_sets.py --folder scratch

The files are written once: all of dSprites (1 minute, 50 MB), and 48,000 and 41,472 images of 3DShapes and MPI3D, or
all with ``--full`` (12.7 GB of cache). They contain rendered images in the layouts of the public files.
"""

import argparse
import multiprocessing
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from statistics import median

import h5py
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, RandomSampler

from lr_lightning.data import MPI3D, DSprites, RenderedDSprites, RenderedShapes3D, Shapes3D
from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.sets.mpi3d import MPI3D_FACTORS
from lr_lightning.data.storage.file_dataset import FileFactorDataset
from lr_lightning.data.storage.write_h5 import write_h5

BATCH_SIZE = 64
NUM_READ = 20_000  # images read before memory is measured


class FirstRows(FactorDataset):
    """The first rows of a full grid: a full grid with fewer values of the first factor."""

    full_grid = True

    def __init__(self, dataset: FactorDataset, num_values: int) -> None:
        space = dataset.factor_space
        self.factor_space = FactorSpace(
            space.names, [num_values, *space.sizes[1:]], [space.values[0][:num_values], *space.values[1:]]
        )
        self.name, self.image_shape, self.dataset = dataset.name, dataset.image_shape, dataset

    def __len__(self) -> int:
        return len(self.factor_space)

    def images(self, indices: Tensor) -> Tensor:
        """Return images of the whole data set."""
        return self.dataset.images(indices)

    def factors(self, indices: Tensor) -> Tensor:
        """Return factors of the whole data set."""
        return self.dataset.factors(indices)


class PlainH5(Dataset[Tensor]):
    """Single images from an HDF5 file that each worker opens, as commonly implemented."""

    def __init__(self, path: Path, key: str, size: int) -> None:
        self.path, self.key, self.size = path, key, size
        self.array: h5py.Dataset | None = None

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> Tensor:
        if self.array is None:
            self.array = h5py.File(self.path)[self.key]
        image = torch.from_numpy(self.array[index])
        return image[None] * 255 if image.ndim == 2 else image.permute(2, 0, 1)


class PlainArray(Dataset[Tensor]):
    """Single images from an array in memory that the workers share."""

    def __init__(self, path: Path, key: str) -> None:
        self.images = torch.from_numpy(np.load(path)[key])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index].permute(2, 0, 1)


class PlainDraw(Dataset[Tensor]):
    """Single images from a renderer."""

    def __init__(self, dataset: FactorDataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Tensor:
        return self.dataset.images(torch.tensor([index]))[0]


@dataclass
class Case:
    """A data set, and a plain data set with the same images."""

    build: Callable[[], FactorDataset]
    plain: Callable[[FactorDataset], Dataset[Tensor]]


def cases(folder: Path, full: bool) -> list[Case]:
    """Write the missing files and return the cases to measure."""
    dsprites, shapes, mpi3d = (folder / name for name in ("dsprites.h5", f"shapes{full}.h5", f"mpi3d{full}.npz"))
    room = FirstRows(RenderedShapes3D(), 10 if full else 1)
    grid = FactorSpace(MPI3D_FACTORS.names, MPI3D_FACTORS.sizes if full else [6, 6, 2, 3, 3, 8, 8])
    if not dsprites.exists():
        write_h5(RenderedDSprites(), dsprites)
    if not shapes.exists():
        write_h5(room, shapes)
    if not mpi3d.exists():
        write_npz(room, len(grid), mpi3d)
    return [
        Case(RenderedDSprites, PlainDraw),
        Case(RenderedShapes3D, PlainDraw),
        Case(partial(DSprites, dsprites), lambda dataset: PlainH5(dsprites, "imgs", len(dataset))),
        Case(
            partial(Shapes3D, shapes, factor_space=room.factor_space),
            lambda dataset: PlainH5(shapes, "images", len(dataset)),
        ),
        Case(partial(MPI3D, mpi3d, factor_space=grid), lambda _: PlainArray(mpi3d, "images")),
    ]


def write_npz(dataset: FactorDataset, num_images: int, path: Path) -> None:
    """Write images of ``dataset``, repeated as needed, as the array of an ``.npz``."""
    shape = (num_images, 64, 64, 3)
    unfinished = path.with_suffix(".unfinished")
    with (
        zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("images.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(member, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for start in range(0, num_images, 4096):
            rows = torch.arange(start, min(start + 4096, num_images)) % len(dataset)
            member.write(dataset.images(rows).permute(0, 2, 3, 1).numpy().tobytes())
    unfinished.replace(path)


def seconds_to_first_batch(build: Callable[[], FactorDataset]) -> tuple[float, FactorDataset]:
    """Return the time to a data set's first batch, and the data set."""
    start = time.perf_counter()
    dataset = build()
    dataset.images(torch.arange(BATCH_SIZE))
    return time.perf_counter() - start, dataset


def memory() -> tuple[float, float]:
    """Return the process's own memory and its pages of mapped files, in MB."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    own, mapped = (int(lines[name].split()[0]) * 1024 / 1e6 for name in ("RssAnon", "RssFile"))
    return own, mapped


def later_start(build: Callable[[], FactorDataset]) -> tuple[float, Sequence[float], float]:
    """In a fresh process, return the seconds to the first batch and the memory growth, from disk and in memory."""
    before = memory()
    seconds, dataset = seconds_to_first_batch(build)
    for indices in torch.randint(len(dataset), (NUM_READ // BATCH_SIZE, BATCH_SIZE)):
        dataset.images(indices)
    used = memory()
    dataset.to("cpu")
    loaded = memory()
    return seconds, [b - a for a, b in zip(before, used, strict=True)], loaded[0] - before[0]


def rates(dataset: FactorDataset, plain: Dataset[Tensor], rounds: int, num_batches: int) -> tuple[float, float]:
    """Return median images per second of whole batches and of the plain loader, measured in turns."""
    generator = torch.Generator().manual_seed(0)
    size = BATCH_SIZE * num_batches
    ours, theirs = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        for indices in torch.randint(len(dataset), (num_batches, BATCH_SIZE), generator=generator):
            dataset.images(indices)
        ours.append(size / (time.perf_counter() - start))
        # ten more batches, so that worker start-up and prefetched batches are not counted
        sampler = RandomSampler(plain, True, size + 10 * BATCH_SIZE, generator)  # type: ignore[arg-type]
        batches = iter(DataLoader(plain, BATCH_SIZE, sampler=sampler, num_workers=2, multiprocessing_context="fork"))
        for _ in range(10):
            next(batches)
        start = time.perf_counter()
        for _ in batches:
            pass
        theirs.append(size / (time.perf_counter() - start))
    return median(ours), median(theirs)


def report(case: Case, rounds: int, num_batches: int) -> None:
    """Measure one data set and print the results."""
    if isinstance(dataset := case.build(), FileFactorDataset):
        dataset.cache.path.unlink(missing_ok=True)
    first, dataset = seconds_to_first_batch(case.build)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        later, used, loaded = pool.apply(later_start, (case.build,))
    ours, theirs = rates(dataset, case.plain(dataset), rounds, num_batches)
    print(
        f"{type(dataset).__name__:16} {len(dataset):9,} images of {prod(dataset.image_shape):6,} bytes\n"
        f"  first batch after {first:7.2f} s, later {later:5.2f} s\n"
        f"  {ours:9,.0f} images/s in batches, {theirs:7,.0f} one by one with 2 workers, ratio {ours / theirs:.1f}\n"
        f"  memory {used[0]:5.0f} MB and {used[1]:5.0f} MB of mapped files; all in memory {loaded:5.0f} MB",
        flush=True,
    )


def main() -> None:
    """Report on each data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("data_sets/benchmark"), help="folder for the files")
    parser.add_argument("--full", action="store_true", help="all of 3DShapes and MPI3D")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--num-batches", type=int, default=50, help="batches per round")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for case in cases(options.folder, options.full):
        report(case, options.rounds, options.num_batches)


if __name__ == "__main__":
    main()
