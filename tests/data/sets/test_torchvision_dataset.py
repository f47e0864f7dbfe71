"""The data sets of torchvision, on tiny files in their public formats."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from jsonargparse import ArgumentParser, Namespace
from numpy.typing import NDArray
from PIL import Image
from torchvision import datasets
from torchvision.transforms import v2
from typing_extensions import override

from lr_lightning.commands.config.completion import complete_config
from lr_lightning.data import MNIST, DataSetRecord, FactorDataset, TorchvisionDataset, open_data_set
from lr_lightning.data.registry import find_data_set
from lr_lightning.testing.data_set_tester import DataSetTester
from tests.data.from_torchvision.own_sets import Samples
from tests.data.sets import torchvision_files as files

FAKE = {"size": 40, "image_size": [3, 12, 10], "num_classes": 4}


PICTURE = Image.new("RGB", (4, 4))


def fake(root: Path, **arguments: Any) -> TorchvisionDataset:
    """Forty random images."""
    return TorchvisionDataset("FakeData", root, **{"arguments": FAKE, **arguments})


def images(dataset: FactorDataset) -> NDArray[np.uint8]:
    """All images of a set."""
    found: NDArray[np.uint8] = dataset.images(torch.arange(len(dataset))).numpy()
    return found


def labels(dataset: FactorDataset) -> list[int]:
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

    def make(self, folder: Path) -> FactorDataset:
        return open_data_set("celeba", folder)


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


def test_unlabeled_sets_have_no_factors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = files.write_stl10(tmp_path / "stl10", monkeypatch)
    for dataset in (TorchvisionDataset("STL10", tmp_path / "stl10", "unlabeled"), fake(tmp_path, targets="none")):
        assert dataset.factor_space.num_factors == 0
        assert dataset.factors(torch.arange(3)).shape == (3, 0)
        assert not dataset.full_grid
    unlabeled = TorchvisionDataset("STL10", tmp_path / "stl10", "unlabeled")
    np.testing.assert_array_equal(images(unlabeled), written.images["unlabeled"])
    with pytest.raises(ValueError, match=r"-1, .* 12 samples in label.*targets: none"):
        TorchvisionDataset("STL10", tmp_path / "stl10", "train+unlabeled")
    both = TorchvisionDataset("STL10", tmp_path / "stl10", "train+unlabeled", targets="none")
    assert len(both) == 24


def test_unknown_factors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"targets: .*'lable'; did you mean 'label'"):
        fake(tmp_path, targets=["lable"])


def test_a_full_grid_is_noticed(tmp_path: Path) -> None:
    files.write_folders(tmp_path / "pets", ("cat", "dog"), num_images=1)
    assert TorchvisionDataset("ImageFolder", tmp_path / "pets").full_grid
    files.write_folders(tmp_path / "more", ("cat", "dog"), num_images=2)
    assert not TorchvisionDataset("ImageFolder", tmp_path / "more").full_grid


def test_mnist_is_the_same_for_both_readers(tmp_path: Path) -> None:
    files.write_mnist(tmp_path)
    for split in ("train", "test"):
        own, other = MNIST(tmp_path, split, 28), TorchvisionDataset("MNIST", tmp_path, split)
        np.testing.assert_array_equal(images(own), images(other))
        assert labels(own) == labels(other)


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        ((PICTURE, {"annotation": {"object": []}}), "coordinates in annotation"),  # VOCDetection
        ((PICTURE, [{"bbox": [1.5, 2.0]}]), "coordinates in bbox"),  # CocoDetection
        ((PICTURE, PICTURE), "Image"),  # VOCSegmentation
        (torch.zeros(20, 1, 4, 4, dtype=torch.uint8), r"\(20, 1, 4, 4\)"),  # MovingMNIST
        ((PICTURE, PICTURE, 1), "3 parts"),  # LFWPairs
        (((PICTURE, PICTURE), 1), "2 parts"),  # stereo
    ],
)
def test_sets_of_another_kind_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: Any, message: str
) -> None:
    monkeypatch.setattr(Samples, "samples", (sample, sample))
    with pytest.raises(ValueError, match=rf"own_sets\.Samples .*{message}"):
        TorchvisionDataset(f"{Samples.__module__}.Samples", tmp_path)
    assert not list(tmp_path.rglob("*.npz"))


@pytest.mark.parametrize("name", ["Flowers102", "DTD", "USPS", "OxfordIIITPet", "GTSRB", "Imagenette", "LFWPeople"])
def test_further_classes(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=rf"no .* in {tmp_path}.*download: true"):
        TorchvisionDataset(name, tmp_path)


def test_the_record_finds_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("kmnist", "cifar10", "cifar100", "svhn", "celeba", "stl10", "omniglot", "emnist_balanced"):
        _, record = find_data_set(name)
        arguments: Any = record.init_args(tmp_path)
        assert not record.is_present(tmp_path)
        write = {"celeba": files.write_celeba} | {key.lower(): value for key, value in WRITERS.items()}
        write[name.partition("_")[0]](arguments["root"], monkeypatch)
        assert record.is_present(tmp_path)
        dataset = open_data_set(name, tmp_path)
        assert dataset.name == name
        assert dataset.image_shape == record.image_shape
        assert dataset.factor_space.names == record.factor_space.names
        assert all(path.is_relative_to(tmp_path) for path in record.paths(tmp_path))


def test_records_have_the_labels_of_torchvision() -> None:
    for record in TorchvisionDataset.records:
        cls: Any = getattr(datasets, record.options["dataset"])
        known = getattr(cls, "classes", None)
        if cls is datasets.EMNIST:
            known = cls.classes_split_dict[record.options["arguments"]["split"]]
        if known is not None:
            assert record.factor_space.value_labels == [list(known)]


def test_a_config_names_transforms_briefly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--dataset", type=FactorDataset)
    config = parser.parse_object(
        {
            "dataset": {
                "class_path": "lr_lightning.data.TorchvisionDataset",
                "init_args": {
                    "dataset": "FakeData",
                    "arguments": FAKE,
                    "targets": ["label"],
                    "transforms": [{"class_path": "Resize", "init_args": {"size": [6, 5]}}],
                },
            }
        }
    )
    dataset = parser.instantiate_classes(config).dataset
    assert dataset.image_shape == (3, 6, 5)
    assert dataset.cache.path.parent == tmp_path / "lr_lightning_cache"
    wrapped: Any = Namespace(data=config.dataset)  # type: ignore[no-untyped-call]
    complete_config(wrapped)
    assert wrapped.data.init_args.root == str(tmp_path / "data_sets")
