"""Reader of the idx files of MNIST."""

import gzip
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lr_lightning.data.sets.mnist import MNIST, read_idx
from lr_lightning.testing.data_set_tester import DataSetTester

DIGITS = np.random.default_rng(0).integers(256, size=(5, 28, 28), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 9], dtype=np.uint8)


def idx(array: np.ndarray[Any, Any]) -> bytes:
    """The idx format: zero, zero, type 8 for bytes, number of axes, sizes as big-endian 32 bits, then the bytes."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write(
    root: Path, prefix: str, images: np.ndarray[Any, Any] = DIGITS, labels: np.ndarray[Any, Any] = LABELS
) -> Path:
    (root / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (root / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return root


class TestMNIST(DataSetTester):
    is_excerpt = True
    name = "mnist"

    def make(self, folder: Path) -> MNIST:
        return MNIST(folder if any(folder.glob("*.gz")) else write(folder, "train"), name=self.name)


class TestFashionMNIST(TestMNIST):
    name = "fashion_mnist"


def test_pads_to_32_and_keeps_order(tmp_path: Path) -> None:
    dataset = MNIST(write(tmp_path, "t10k"), "test")
    images = dataset.images(torch.tensor([4, 0]))
    np.testing.assert_array_equal(images.numpy(), np.pad(DIGITS[[4, 0]], ((0, 0), (2, 2), (2, 2)))[:, None])
    assert dataset.factors(torch.tensor([4, 0])).tolist() == [[9], [3]]


def test_doubles_pixels_for_64(tmp_path: Path) -> None:
    image = MNIST(write(tmp_path, "t10k"), "test", size=64).images(torch.tensor([2]))[0, 0].numpy()
    assert image.shape == (64, 64)
    np.testing.assert_array_equal(image[4:60:2, 4:60:2], DIGITS[2])
    np.testing.assert_array_equal(image[5:60:2, 5:60:2], DIGITS[2])
    assert image.sum(dtype=int) == 4 * DIGITS[2].sum(dtype=int)


def test_size_28_is_the_file_as_it_is(tmp_path: Path) -> None:
    images = MNIST(write(tmp_path, "train"), size=28, name="fashion_mnist").images(torch.arange(5))
    np.testing.assert_array_equal(images.numpy(), DIGITS[:, None])


def test_all_is_train_then_test(tmp_path: Path) -> None:
    write(write(tmp_path, "train"), "t10k", DIGITS[::-1][:2], LABELS[::-1][:2])
    dataset = MNIST(tmp_path, "all")
    assert dataset.factors(torch.arange(7))[:, 0].tolist() == [3, 1, 4, 1, 9, 9, 1]
    torch.testing.assert_close(dataset.images(torch.tensor([5])), dataset.images(torch.tensor([4])))


def test_reads_unpacked_files_too(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(DIGITS))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    np.testing.assert_array_equal(MNIST(tmp_path, size=28).images(torch.tensor([1]))[0, 0].numpy(), DIGITS[1])


@pytest.mark.parametrize(
    ("folder", "name"),
    [("raw", "mnist"), ("MNIST/raw", "mnist"), ("FashionMNIST/raw", "fashion_mnist"), ("KMNIST/raw", "KMNIST")],
)
def test_reads_the_folders_of_torchvision(tmp_path: Path, folder: str, name: str) -> None:
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    write(tmp_path / folder, "t10k")
    dataset = MNIST(tmp_path, "test", size=28, name=name)
    np.testing.assert_array_equal(dataset.images(torch.arange(5)).numpy(), DIGITS[:, None])


def test_files_in_the_folder_itself_come_before_those_of_torchvision(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    write(write(tmp_path, "t10k") / "raw", "t10k", DIGITS[::-1])
    assert torch.equal(MNIST(tmp_path, "test", 28).images(torch.tensor([0]))[0, 0], torch.from_numpy(DIGITS[0]))


@pytest.mark.parametrize("split", ["train", "all"])
def test_rejects_a_split_whose_files_are_missing(tmp_path: Path, split: Any) -> None:
    write(tmp_path, "t10k")
    with pytest.raises(
        FileNotFoundError, match=r"no train-images-idx3-ubyte, train-labels-idx1-ubyte in .*data prepare"
    ):
        MNIST(tmp_path, split)


@pytest.mark.parametrize(
    ("folder", "name", "remedy"),
    [
        ("fashion_mnist", "fashion_mnist", "prepare fashion_mnist --root {0}`"),
        ("fashion_mnist", "mnist", "prepare fashion_mnist --root {0}`"),
        ("own", "mnist", "prepare mnist --root {0}/own`, and set root to {0}/own/mnist"),
        ("own", "letters", "with or without .gz; put them there"),
    ],
)
def test_names_the_command_that_downloads_missing_files(tmp_path: Path, folder: str, name: str, remedy: str) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape(f"{remedy.format(tmp_path)}, or choose a split")):
        MNIST(tmp_path / folder, name=name)


def test_rejects_damaged_files(tmp_path: Path) -> None:
    path = write(tmp_path, "t10k") / "t10k-images-idx3-ubyte.gz"
    packed = path.read_bytes()
    damaged = {
        r"cannot be decompressed \(.*end-of-stream": packed[:2000],
        r"cannot be decompressed \(Error -3": packed[:10] + b"\xff" * 10 + packed[20:],
        r"cannot be decompressed \(Not a gzipped": b"<html>",
        r"cannot be decompressed \(CRC check failed": packed[:500] + bytes(100) + packed[600:],
        r".*3936 bytes .*\(5, 28, 28\), got 3935; ": gzip.compress(idx(DIGITS)[:-1]),
    }
    for message, content in damaged.items():
        path.write_bytes(content)
        with pytest.raises(OSError, match=f"t10k-images-idx3-ubyte.gz {message}"):
            MNIST(tmp_path, "test")


@pytest.mark.parametrize("content", [b"", b"\0\0\x0d\1", b"\0\0\x08\4", b"\0\0\x08\0", b"PK\3\4 and so on"])
def test_rejects_what_is_no_idx_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match=r"x is not an idx file.* (nothing|00 00 0d 01|00 00 08 0\d|50 4b 03 04)"):
        read_idx(tmp_path / "x")


def test_rejects_an_empty_array(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(idx(DIGITS[:0]))
    with pytest.raises(ValueError, match=r"x claims an empty array \(0, 28, 28\)"):
        read_idx(tmp_path / "x")


def test_looks_at_the_size_before_it_unpacks(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    claims = {
        (2**32 - 1, 28, 28): "array .* larger than 1,073,741,824 bytes",
        (10**6, 28, 28): "got 16; ",
    }
    tracemalloc.start()
    try:
        for shape, message in claims.items():
            path.write_bytes(gzip.compress(bytes([0, 0, 8, 3]) + np.array(shape, ">u4").tobytes()))
            with pytest.raises((ValueError, OSError), match=message):
                read_idx(path)
        path.write_bytes(gzip.compress(idx(LABELS) + bytes(200_000_000), 1))
        with pytest.raises(OSError, match=r"x\.gz has extra bytes .*\(5,\)"):
            read_idx(path)
        tracemalloc.reset_peak()
        with pytest.raises(OSError, match="extra bytes"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
    path.write_bytes(gzip.compress(idx(LABELS)[:6]))
    with pytest.raises(OSError, match=r"x\.gz ends inside its header"):
        read_idx(path)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (DIGITS[:4], LABELS, r"images .*labels .*got \(4, 28, 28\) and \(5,\)"),
        (DIGITS[:, :27], LABELS, r"got \(5, 27, 28\)"),
        (DIGITS, LABELS + 1, r"labels in .* must lie in 0..9, got 10"),
    ],
)
def test_rejects_images_and_labels_that_do_not_fit(
    tmp_path: Path, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        MNIST(write(tmp_path, "train", images, labels))


def test_rejects_unknown_split_and_size(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"split .*train, test, all, got 'val'"):
        MNIST(tmp_path, "val")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"size .*28, 32 or 64, got 48"):
        MNIST(tmp_path, size=48)  # type: ignore[arg-type]
