"""The stand-ins of CIFAR-10 and CelebA have the public formats, and the loaders that are compared yield the same."""

from itertools import islice
from pathlib import Path

import pytest
import torch
from contestant_batches import package_batches, torchvision_batches
from picture_files import accept_any_checksum, write_celeba, write_cifar10
from torchvision import datasets


@pytest.fixture(autouse=True)
def _any_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    for cls, name in (
        (datasets.CIFAR10, "train_list"),
        (datasets.CIFAR10, "test_list"),
        (datasets.CIFAR10, "meta"),
        (datasets.CelebA, "file_list"),
    ):
        monkeypatch.setattr(cls, name, getattr(cls, name))  # restored at the end
    accept_any_checksum()


@pytest.mark.parametrize(("name", "shape", "labels"), [("cifar10", (3, 32, 32), (1,)), ("celeba", (3, 64, 64), (40,))])
def test_both_loaders_yield_the_same_images(
    name: str, shape: tuple[int, ...], labels: tuple[int, ...], tmp_path: Path
) -> None:
    root = tmp_path / "files"
    {"cifar10": write_cifar10, "celeba": write_celeba}[name](root, 10)
    [ours] = islice(package_batches(name, root, 10), 1)
    [theirs] = islice(torchvision_batches(name, root, 10, num_workers=1), 1)
    sums = []
    for images, factors in (ours, theirs):
        assert images.shape == (10, *shape)
        assert images.dtype == torch.float32
        assert factors.view(10, -1).shape == (10, *labels)
        order = images.flatten(1).sum(dim=1).argsort()  # each loader has its own order
        sums.append((images[order], factors[order].view(10, -1)))
    # torchvision resizes uint8 tensors and PIL images by different arithmetic, by up to a few levels
    torch.testing.assert_close(sums[0][0], sums[1][0], atol=3 / 255 if name == "celeba" else 0, rtol=0)
    assert torch.equal(sums[0][1], sums[1][1])
