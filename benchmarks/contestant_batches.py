"""Reads random batches of CIFAR-10's or CelebA's files, with this package's loader or with torchvision's.

Started by ``photographs.py``. Both yield float32 images in [0, 1] and their labels.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from picture_files import accept_any_checksum
from turns import Turns

CROP, SIDE = 148, 64  # of CelebA's images


def package_batches(name: str, root: Path, batch_size: int) -> Iterator[Any]:
    """Yield batches endlessly from the memory-mapped cache, which is built first if it is missing."""
    import torch
    from torchvision.transforms import v2

    from lr_lightning.data import FactorBatch, TorchvisionDataset
    from lr_lightning.data.dataset import as_float
    from lr_lightning.data.loading.batch_loader import BatchLoader

    if name == "cifar10":
        dataset = TorchvisionDataset("CIFAR10", root)
    else:
        steps = [v2.CenterCrop(CROP), v2.Resize(SIDE)]
        dataset = TorchvisionDataset("CelebA", root, split="all", transforms=steps)
    loader = BatchLoader(dataset, torch.arange(len(dataset)), batch_size, shuffle=True)
    while True:
        for batch in loader:
            yield FactorBatch(*map(as_float, batch))


def torchvision_batches(name: str, root: Path, batch_size: int, num_workers: int) -> Iterator[Any]:
    """Yield batches endlessly; each image is read, decoded and resized in each pass anew."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    if name == "cifar10":
        dataset = datasets.CIFAR10(root, transform=transforms.ToTensor())
    else:
        steps = [transforms.CenterCrop(CROP), transforms.Resize(SIDE), transforms.ToTensor()]
        dataset = datasets.CelebA(root, split="all", transform=transforms.Compose(steps))
    loader = DataLoader(
        dataset, batch_size, shuffle=True, drop_last=True, num_workers=num_workers, persistent_workers=True
    )
    while True:
        yield from loader


def main() -> None:
    """Read batches until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loader", choices=["package", "torchvision"], required=True)
    parser.add_argument("--name", choices=["cifar10", "celeba"], required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--num-workers", type=int, default=2)
    options = parser.parse_args()
    turns = Turns()
    accept_any_checksum()
    if options.loader == "package":
        batches = package_batches(options.name, options.root, options.batch_size)
    else:
        batches = torchvision_batches(options.name, options.root, options.batch_size, options.num_workers)
    for _ in batches:
        turns.step()


if __name__ == "__main__":
    main()
