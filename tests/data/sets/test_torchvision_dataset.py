"""The data sets of torchvision, on tiny files in their public formats."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision import datasets
from torchvision.transforms import v2
from typing_extensions import override

from lr_lightning.data import DataSetRecord, TorchvisionDataset
from lr_lightning.testing.data_set_tester import DataSetTester
from tests.data.sets import torchvision_files as files

FAKE = {"size": 40, "image_size": [3, 12, 10], "num_classes": 4}


def fake(root: Path, **arguments: Any) -> TorchvisionDataset:
    """Forty random images."""
    return TorchvisionDataset("FakeData", root, **{"arguments": FAKE, **arguments})


def images(dataset: TorchvisionDataset) -> NDArray[np.uint8]:
    """All images of a set."""
    found: NDArray[np.uint8] = dataset.images(torch.arange(len(dataset))).numpy()
    return found


def labels(dataset: TorchvisionDataset) -> list[int]:
    """The first factor of all samples."""
    found: list[int] = dataset.factors(torch.arange(len(dataset)))[:, 0].tolist()
    return found


class TestCIFAR10(DataSetTester):
    is_excerpt = True

    @pytest.fixture(autouse=True)
    def checksums(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        files.write_cifar(tmp_path / "data_sets" / "cifar10", monkeypatch)

    @pytest.fixture
    @override
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "data_sets"

    def make(self, folder: Path) -> TorchvisionDataset:
        return TorchvisionDataset("CIFAR10", folder / "cifar10", "all", transforms=[v2.Identity()])


class TestFakeData(DataSetTester):
    @pytest.fixture
    @override
    def record(self) -> DataSetRecord:
        pytest.skip("has no record")

    def make(self, folder: Path) -> TorchvisionDataset:
        return fake(folder, storage="memory")


class TestCelebA(DataSetTester):
    is_excerpt = True

    @pytest.fixture(autouse=True)
    def checksums(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        files.write_celeba(tmp_path / "data_sets" / "celeba", monkeypatch)

    @pytest.fixture
    @override
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "data_sets"

    def make(self, folder: Path) -> TorchvisionDataset:
        return TorchvisionDataset("CelebA", folder / "celeba", "all")


WRITERS: dict[str, Callable[[Path, pytest.MonkeyPatch], files.Files]] = {
    "MNIST": lambda root, _: files.write_mnist(root),
    "FashionMNIST": lambda root, _: files.write_mnist(root, "FashionMNIST"),
    "KMNIST": lambda root, _: files.write_mnist(root, "KMNIST"),
    "EMNIST": lambda root, _: files.write_mnist(root, "EMNIST", num_classes=47, prefix="emnist-balanced-"),
    "CIFAR10": lambda root, patch: files.write_cifar(root, patch),
    "CIFAR100": lambda root, patch: files.write_cifar(root, patch, "CIFAR100"),
    "SVHN": lambda root, patch: files.write_svhn(root, patch),
    "STL10": lambda root, patch: files.write_stl10(root, patch),
    "Omniglot": lambda root, patch: files.write_omniglot(root, patch),
}


@pytest.mark.parametrize("storage", ["cache", "memory"])
@pytest.mark.parametrize("name", WRITERS)
def test_splits_have_the_images_and_labels_in_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, storage: Any
) -> None:
    written = WRITERS[name](tmp_path, monkeypatch)
    arguments = {"split": "balanced"} if name == "EMNIST" else None
    for split in ("train", "test"):
        dataset = TorchvisionDataset(name, tmp_path, split, arguments, storage=storage)
        np.testing.assert_array_equal(images(dataset), written.images[split])
        assert labels(dataset) == written.labels[split].tolist()
        assert dataset.factor_space.names == ("label",)
    together = TorchvisionDataset(name, tmp_path, "all", arguments, storage=storage)
    np.testing.assert_array_equal(images(together), np.concatenate([written.images[s] for s in ("train", "test")]))
    if name == "Omniglot":  # its test alphabets have other characters
        assert labels(together) == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3 + [5] * 3 + [6] * 3
        names = together.factor_space.value_names["label"]
        assert names[4:] == ("Latin/character03", "Angelic/character01", "Angelic/character02")
    else:
        assert labels(together) == np.concatenate([written.labels[s] for s in ("train", "test")]).tolist()


def test_celeba_has_its_attributes_and_identities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = files.write_celeba(tmp_path, monkeypatch)
    for split in ("train", "valid", "test", "all"):
        dataset = TorchvisionDataset("CelebA", tmp_path, split, {"target_type": ["attr", "identity"]})
        space, factors = dataset.factor_space, dataset.factors(torch.arange(len(dataset))).numpy()
        assert space.names == (*files.CELEBA_ATTRIBUTES, "identity")
        assert space.sizes[:40] == (2,) * 40
        np.testing.assert_array_equal(factors[:, :40], written.labels[split][:, :40])
        np.testing.assert_array_equal(np.array(space.values[40])[factors[:, 40]], written.labels[split][:, 40])
        difference = images(dataset).astype(int) - written.images[split]
        assert np.abs(difference).mean() < 3  # JPEG
    chosen = TorchvisionDataset("CelebA", tmp_path, targets=["Young", "Male"])
    assert chosen.factor_space.names == ("Young", "Male")
    np.testing.assert_array_equal(chosen.factors(torch.arange(16)), written.labels["train"][:, [39, 20]])


def test_other_splits_of_a_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = files.write_svhn(tmp_path, monkeypatch)
    np.testing.assert_array_equal(images(TorchvisionDataset("SVHN", tmp_path, "extra")), written.images["extra"])
    with pytest.raises(ValueError, match=r"split of SVHN .*'extra'.*got 'val'"):
        TorchvisionDataset("SVHN", tmp_path, "val")


def test_image_folder(tmp_path: Path) -> None:
    written = files.write_folders(tmp_path / "pets", ("cat", "dog"))
    for _ in range(2):  # from the files, then from the cache, which must not appear as a class
        dataset = TorchvisionDataset("ImageFolder", tmp_path / "pets")
        np.testing.assert_array_equal(images(dataset), written.images["all"])
        assert labels(dataset) == [0, 0, 0, 1, 1, 1]
        assert dataset.factor_space.value_labels == [["cat", "dog"]]
    with pytest.raises(ValueError, match=r"split .*ImageFolder has no splits, got 'train'"):
        TorchvisionDataset("ImageFolder", tmp_path / "pets", "train")


def test_transforms_are_applied_once(tmp_path: Path) -> None:
    transforms = [v2.CenterCrop(8), v2.Resize((4, 6))]
    dataset = fake(tmp_path, transforms=transforms)
    assert dataset.image_shape == (3, 4, 6)
    source: Any = datasets.FakeData(**FAKE)
    for index in (0, 39):
        expected = v2.functional.pil_to_tensor(source[index][0])
        for transform in transforms:
            expected = transform(expected)
        assert torch.equal(dataset.images(torch.tensor([index]))[0], expected)
    assert len({fake(tmp_path, transforms=each).cache.path for each in (transforms, transforms[:1], None)}) == 3


def test_a_second_start_reads_only_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = files.write_cifar(tmp_path / "cifar", monkeypatch)
    images(TorchvisionDataset("CIFAR10", tmp_path / "cifar"))
    program = (
        "import sys, torch; from lr_lightning.data import TorchvisionDataset; "
        f"d = TorchvisionDataset('CIFAR10', {str(tmp_path / 'cifar')!r}); "
        "print(int(d.images(torch.arange(len(d))).sum()), int(d.factors(torch.arange(len(d))).sum()), "
        "[m for m in sys.modules if m.startswith('torchvision')])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    expected = written.images["train"].sum(dtype=int), written.labels["train"].sum()
    assert result.stdout.split(maxsplit=2) == [*map(str, expected), "[]\n"]
