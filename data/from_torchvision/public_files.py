"""The public files of torchvision's data sets: which are needed, and which archive contains them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class PublicFiles:
    """The files of a class, relative to its root folder.

    Attributes:
        needed: Files and folders that the class reads; ``{split}`` stands for its argument, and ``{part}`` for the part
            of Omniglot. Empty if unknown.
        archives: Published files that contain them, in the place where torchvision downloads them to.
        address: Where they are published.
        check: What torchvision verifies.
        record: Name of the set in ``lr-lightning data``, if that keeps these files in a folder of that name.
        folder_per_class: Whether the files are the user's own, in one folder per class.
    """

    needed: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    address: str = ""
    check: str = ""
    record: str = ""
    folder_per_class: bool = False

    def needed_with(self, arguments: Mapping[str, Any]) -> list[str]:
        """Return the files that the class needs with these arguments."""
        part = "background" if arguments.get("background", True) else "evaluation"
        return [name.format_map({"part": part, "split": "train", **arguments}) for name in self.needed]

    def missing(self, root: Path, arguments: Mapping[str, Any]) -> list[str]:
        """Return the files that the class needs with these arguments and that are not in ``root``."""
        return [name for name in self.needed_with(arguments) if not (root / name).exists()]

    def remedy(self, root: Path, *, offline: bool, has_download: bool) -> str:
        """Return what the user can do about missing files; ends a message.

        Args:
            root: Folder of the class.
            offline: Whether downloading them failed.
            has_download: Whether the class can download them.
        """
        there = f"put {', '.join(self.archives) or 'the files that its documentation names'}"
        source = f" from {self.address}" if self.address else ""
        if offline:
            return f"check the connection, or {there}{source} into {root}, and run again"
        if self.folder_per_class:
            return f"put one subfolder of pictures per class into {root}"
        if not has_download:
            return f"{there}{source} into {root}"
        start = "set download: true"
        if self.record and root.name == self.record:
            start = f"run `lr-lightning data prepare {self.record} --root {root.parent}`"
        unpacks = " and set download: true, which unpacks them" if self.archives != self.needed else ""
        return f"{start}, or {there}{source} into {root}{unpacks}"

    def again(self, root: Path) -> str:
        """Return what the user can do about damaged files; ends a message."""
        source = f", which is published at {self.address}" if self.address else ""
        return f"move it away and get it again{source}"


_RAW = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
_CELEBA_TEXTS = tuple(
    f"celeba/{file}"
    for file in (
        "list_attr_celeba.txt",
        "identity_CelebA.txt",
        "list_bbox_celeba.txt",
        "list_landmarks_align_celeba.txt",
        "list_eval_partition.txt",
    )
)


def _idx(name: str, address: str) -> PublicFiles:
    folder = f"{name}/raw"
    files = tuple(f"{folder}/{file}" for file in _RAW)
    return PublicFiles(files, tuple(f"{file}.gz" for file in files), address, "md5 of each downloaded archive")


_FILES = {
    "MNIST": _idx("MNIST", "https://ossci-datasets.s3.amazonaws.com/mnist"),
    "FashionMNIST": _idx("FashionMNIST", "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
    "KMNIST": _idx("KMNIST", "http://codh.rois.ac.jp/kmnist/dataset/kmnist"),
    "EMNIST": PublicFiles(
        tuple(
            f"EMNIST/raw/emnist-{{split}}-{part}-{kind}-ubyte"
            for part in ("train", "test")
            for kind in ("images-idx3", "labels-idx1")
        ),
        ("EMNIST/raw/gzip.zip",),
        "https://biometrics.nist.gov/cs_links/EMNIST",
        "md5 of the archive",
    ),
    "CIFAR10": PublicFiles(
        tuple(
            f"cifar-10-batches-py/{file}"
            for file in (*(f"data_batch_{part}" for part in range(1, 6)), "test_batch", "batches.meta")
        ),
        ("cifar-10-python.tar.gz",),
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "md5 of each file, before it is unpickled",
        record="cifar10",
    ),
    "CIFAR100": PublicFiles(
        tuple(f"cifar-100-python/{file}" for file in ("train", "test", "meta")),
        ("cifar-100-python.tar.gz",),
        "https://www.cs.toronto.edu/~kriz/cifar.html",
        "md5 of each file, before it is unpickled",
        record="cifar100",
    ),
    "SVHN": PublicFiles(
        ("{split}_32x32.mat",),
        ("train_32x32.mat", "test_32x32.mat"),
        "http://ufldl.stanford.edu/housenumbers",
        "md5 of each file",
        record="svhn",
    ),
    "STL10": PublicFiles(
        tuple(
            f"stl10_binary/{file}"
            for file in ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin", "unlabeled_X.bin")
        ),
        ("stl10_binary.tar.gz",),
        "https://cs.stanford.edu/~acoates/stl10",
        "md5 of each file",
        record="stl10",
    ),
    "CelebA": PublicFiles(
        (*_CELEBA_TEXTS, "celeba/img_align_celeba"),
        (*_CELEBA_TEXTS, "celeba/img_align_celeba.zip"),
        "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        "md5 of each file except the images",
        record="celeba",
    ),
    "Omniglot": PublicFiles(
        ("omniglot-py/images_{part}.zip", "omniglot-py/images_{part}"),
        ("omniglot-py/images_background.zip", "omniglot-py/images_evaluation.zip"),
        "https://github.com/brendenlake/omniglot",
        "md5 of the archives",
        record="omniglot",
    ),
    "ImageFolder": PublicFiles(folder_per_class=True),
    "DatasetFolder": PublicFiles(folder_per_class=True),
}


def known_files(name: str) -> PublicFiles:
    """Return the files of the torchvision class ``name``; without any if they are not known."""
    return _FILES.get(name, PublicFiles())
