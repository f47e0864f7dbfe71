"""Constructing data sets of torchvision: downloads, refused connections, missing and damaged files."""

import pickle
import re
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torchvision import datasets

from lr_lightning.data.from_torchvision.construction import construct, find_class, split_arguments
from lr_lightning.data.from_torchvision.watch import watched
from tests.data.from_torchvision.own_sets import Connecting, Marked, Samples
from tests.data.sets import torchvision_files as files
from tests.file_server import FileServer


def opened(cls: Any, root: Path, download: bool = False, **arguments: Any) -> Any:
    """The constructed data set."""
    return construct(cls, arguments, root, download=download)[0]


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server that ``Connecting`` reads from; yields the requests that it received."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)

        def answer() -> None:
            while server.fileno() >= 0:
                try:
                    connection, _ = server.accept()
                except OSError:
                    continue
                with connection:
                    received.append(connection.recv(100))
                    connection.sendall(b"secret")

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setattr(Connecting, "address", server.getsockname())
        yield received
    thread.join()


@pytest.mark.parametrize("swallow", [False, True])
def test_a_class_that_connects_is_stopped_before_any_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: list[bytes], swallow: bool
) -> None:
    monkeypatch.setattr(Connecting, "swallow", swallow)
    with pytest.raises(ConnectionError, match=r"Connecting connects to 127\.0\.0\.1 .*download: true"):
        opened(Connecting, tmp_path)
    assert secret == []
    assert len(opened(Connecting, tmp_path, download=True)) == 3
    assert Connecting.received == b"secret"


def test_only_the_watched_thread_is_restricted(secret: list[bytes]) -> None:
    with watched(may_connect=False) as watch:
        thread = threading.Thread(target=Connecting, args=(".",))
        thread.start()
        thread.join()
    assert len(secret) == 1
    assert watch.refused is None
    assert watch.opened == []


def test_downloads_by_default_are_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_server: FileServer
) -> None:
    monkeypatch.setattr(datasets.SEMEION, "url", f"{file_server.url}/semeion.data")
    with pytest.raises(FileNotFoundError, match=f"no files of SEMEION in {tmp_path}"):
        opened(datasets.SEMEION, tmp_path)
    assert file_server.requests == []


def test_cifar_is_downloaded_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_server: FileServer, capfd: pytest.CaptureFixture[str]
) -> None:
    written = files.write_cifar(tmp_path / "source", monkeypatch)
    archive = file_server.folder / "cifar-10-python.tar.gz"
    files.pack_cifar(tmp_path / "source", monkeypatch, archive, f"{file_server.url}/{archive.name}")
    steps: list[tuple[int, int | None]] = []
    root = tmp_path / "root"
    dataset: Any
    dataset, watch = construct(
        datasets.CIFAR10, {"train": False}, root, download=True, progress=lambda *step: steps.append(step)
    )
    assert dataset.targets == written.labels["test"].tolist()
    assert steps[-1] == (archive.stat().st_size, archive.stat().st_size)
    assert capfd.readouterr() == ("", "")
    assert not [path for path in watch.opened_in(root) if path.suffix == ".gz"]  # may be deleted afterwards
    requests = len(file_server.requests)
    opened(datasets.CIFAR10, root, download=True)
    assert len(file_server.requests) == requests
    (root / "cifar-10-batches-py" / "test_batch").write_bytes(b"damaged")
    opened(datasets.CIFAR10, root, download=True)  # extracts the archive again


def test_a_wrong_download_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_server: FileServer) -> None:
    files.write_cifar(tmp_path / "source", monkeypatch)
    archive = file_server.folder / "cifar-10-python.tar.gz"
    files.pack_cifar(tmp_path / "source", monkeypatch, archive, f"{file_server.url}/{archive.name}")
    archive.write_bytes(archive.read_bytes()[:-100])
    with pytest.raises(ConnectionError, match=r"CIFAR10 cannot be downloaded .*wrong checksum"):
        opened(datasets.CIFAR10, tmp_path / "root", download=True)
    assert not (tmp_path / "root" / "cifar-10-batches-py").exists()


@pytest.mark.parametrize("name", ["MNIST", "KMNIST"])
def test_idx_files_are_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_server: FileServer, name: str
) -> None:
    written = files.write_mnist(tmp_path, name, packed=True)
    cls: Any = getattr(datasets, name)
    served = []
    for path in sorted((tmp_path / name / "raw").iterdir()):
        path.rename(file_server.folder / path.name)
        served.append((path.name, files.md5(file_server.folder / path.name)))
    monkeypatch.setattr(cls, "mirrors", [f"{file_server.url}/"])
    monkeypatch.setattr(cls, "resources", served)
    assert opened(cls, tmp_path, download=True, train=True).targets.tolist() == written.labels["train"].tolist()


def test_celeba_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_celeba(tmp_path, monkeypatch, zipped=True)
    with pytest.raises(FileNotFoundError, match=r"no celeba/img_align_celeba in .*download: true"):
        opened(datasets.CelebA, tmp_path)
    assert len(opened(datasets.CelebA, tmp_path, download=True)) == 16
    assert len(list((tmp_path / "celeba" / "img_align_celeba").iterdir())) == 24
    assert not list((tmp_path / "celeba").glob(".*"))


def test_celeba_needs_gdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(ConnectionError, match=rf"CelebA .*gdown.*celeba/list_attr_celeba\.txt.*\.zip.* {tmp_path}"):
        opened(datasets.CelebA, tmp_path, download=True)


def test_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.CIFAR10, "url", "http://127.0.0.1:9/cifar-10-python.tar.gz")
    root = tmp_path / "sets" / "cifar"
    message = rf"CIFAR10 cannot be downloaded .*refused.*cifar-10-python\.tar\.gz from .* into {root}, and run again$"
    with pytest.raises(ConnectionError, match=message):
        opened(datasets.CIFAR10, root, download=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("ImageFolder", "one subfolder .*per class"), ("Kitti", "download: true"), ("Cityscapes", "documentation")],
)
def test_downloads_are_advised_where_possible(tmp_path: Path, name: str, remedy: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"{remedy}.* {tmp_path}") as caught:
        opened(getattr(datasets, name), tmp_path)
    assert ("download:" in str(caught.value)) == ("download:" in remedy)


@pytest.mark.parametrize(
    ("name", "arguments", "missing"),
    [
        ("CIFAR10", {}, "cifar-10-batches-py/data_batch_1, .*put cifar-10-python.tar.gz from https"),
        ("MNIST", {}, "MNIST/raw/train-images-idx3-ubyte, "),
        ("EMNIST", {"split": "letters"}, "EMNIST/raw/emnist-letters-train-images-idx3-ubyte, .*gzip.zip from"),
        ("SVHN", {"split": "extra"}, "no extra_32x32.mat in "),
        ("STL10", {"split": "test"}, "stl10_binary/train_X.bin, .*"),
        ("CelebA", {}, "celeba/list_attr_celeba.txt, .*celeba/img_align_celeba in "),
        ("Omniglot", {"background": False}, "no omniglot-py/images_evaluation.zip, omniglot-py/images_evaluation in "),
        ("Flowers102", {}, "no files of Flowers102 in "),
        ("USPS", {}, "no files of USPS in .*usps.bz2"),
        ("ImageFolder", {}, "no files of ImageFolder in .*class folder"),
        ("DTD", {}, "no files of DTD in"),
        ("GTSRB", {}, "no files of GTSRB in"),
        ("OxfordIIITPet", {}, "no files of OxfordIIITPet in"),
    ],
)
def test_missing_files_are_listed(tmp_path: Path, name: str, arguments: dict[str, Any], missing: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"{missing}.*{tmp_path}"):
        opened(getattr(datasets, name), tmp_path, **arguments)


WRITERS: dict[str, Callable[[Path, pytest.MonkeyPatch], object]] = {
    "CIFAR10": files.write_cifar,
    "SVHN": files.write_svhn,
    "STL10": files.write_stl10,
    "CelebA": files.write_celeba,
    "Omniglot": files.write_omniglot,
    "MNIST": lambda root, _: files.write_mnist(root),
}


@pytest.mark.parametrize(
    ("name", "damaged", "message"),
    [
        ("CIFAR10", "cifar-10-batches-py/data_batch_3", "checksum"),
        ("CIFAR10", "cifar-10-batches-py/batches.meta", "checksum"),
        ("SVHN", "train_32x32.mat", "checksum"),
        ("STL10", "stl10_binary/unlabeled_X.bin", "checksum"),
        ("CelebA", "celeba/list_attr_celeba.txt", "checksum"),
        ("Omniglot", "omniglot-py/images_background.zip", "checksum"),
        ("MNIST", "MNIST/raw/train-images-idx3-ubyte", ""),
    ],
)
def test_damaged_files_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damaged: str, message: str
) -> None:
    WRITERS[name](tmp_path, monkeypatch)
    content = (tmp_path / damaged).read_bytes()
    (tmp_path / damaged).write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match=f"{tmp_path}/{damaged} cannot be read by {name} .*{message}.*move it away"):
        opened(getattr(datasets, name), tmp_path)


def test_pickles_of_another_checksum_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_cifar(tmp_path, monkeypatch)

    class Evil:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "touched",)

    (tmp_path / "cifar-10-batches-py" / "data_batch_1").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(OSError, match=r"data_batch_1 .*checksum"):
        opened(datasets.CIFAR10, tmp_path)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CIFAR11", "no class 'CIFAR11' in torchvision.datasets; did you mean CIFAR10?"),
        ("nothing.of.this", "dataset 'nothing.of.this' cannot be imported: No module named 'nothing'"),
        ("lr_lightning.data.FactorSpac", "no class 'FactorSpac' in lr_lightning.data; "),
        ("torchvision.datasets.utils.check_md5", "__getitem__ and __len__"),
        ("torch.nn.Module", "__getitem__ and __len__"),
    ],
)
def test_unknown_classes_are_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        find_class(name)
    assert find_class("CIFAR10") is datasets.CIFAR10


@pytest.mark.parametrize(
    ("cls", "split", "arguments", "expected"),
    [
        (datasets.CIFAR10, None, {}, [{"train": True}]),
        (datasets.CIFAR10, "all", {}, [{"train": True}, {"train": False}]),
        (datasets.EMNIST, "test", {"split": "letters"}, [{"split": "letters", "train": False}]),
        (datasets.OxfordIIITPet, None, {}, [{"split": "trainval"}]),
        (datasets.OxfordIIITPet, "all", {}, [{"split": "trainval"}, {"split": "test"}]),
        (datasets.Omniglot, "test", {}, [{"background": False}]),
        (datasets.SVHN, "extra", {}, [{"split": "extra"}]),
        (datasets.SVHN, "all", {}, [{"split": "train"}, {"split": "test"}]),
        (datasets.CelebA, "all", {}, [{"split": "all"}]),
        (datasets.Flowers102, "all", {}, [{"split": "train"}, {"split": "val"}, {"split": "test"}]),
        (datasets.FakeData, None, {"size": 3}, [{"size": 3}]),
        (datasets.FakeData, "all", {}, [{}]),
        (Marked, "other", {}, [{"split": "other"}]),
        (Samples, None, {"keep": 2}, [{"keep": 2}]),
    ],
)
def test_split_arguments(cls: Any, split: str | None, arguments: dict[str, Any], expected: list[Any]) -> None:
    assert split_arguments(cls, split, arguments) == expected


@pytest.mark.parametrize(
    ("cls", "split", "arguments", "message"),
    [
        (datasets.CIFAR10, "val", {}, "split of CIFAR10 .*'val'"),
        (datasets.FakeData, "test", {}, "split .*FakeData has no splits, got 'test'"),
        (datasets.CIFAR10, None, {"train": False}, "'train'; use split"),
        (datasets.CIFAR10, None, {"root": "."}, "'root'; use root"),
        (datasets.CIFAR10, None, {"transform": 1}, "'transform'; use transforms"),
        (datasets.FakeData, None, {"siz": 5}, "no argument 'siz'; did you mean size?"),
        (datasets.EMNIST, None, {}, "EMNIST must contain split; .*byclass"),
        (datasets.CocoDetection, None, {}, "CocoDetection must contain annFile"),
    ],
)
def test_wrong_arguments_are_refused(cls: Any, split: str | None, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        split_arguments(cls, split, arguments)


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(ImportError, match=r"CocoDetection requires .*pycocotools"):
        opened(datasets.CocoDetection, tmp_path, annFile="x.json")


def test_what_torchvision_prints_is_dropped(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    class Loud(Samples):
        def __init__(self) -> None:
            super().__init__()
            print("Files already downloaded and verified")

    opened(Loud, tmp_path)
    assert capfd.readouterr() == ("", "")
