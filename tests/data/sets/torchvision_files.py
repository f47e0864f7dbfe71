"""Tiny files in the public formats that torchvision reads, with their checksums patched into torchvision's classes."""

import gzip
import hashlib
import pickle
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat
from torchvision import datasets

Pixels = NDArray[np.uint8]

CELEBA_ATTRIBUTES = [
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
]


class Files(NamedTuple):
    """What was written.

    Attributes:
        images: ``(N, C, H, W)`` of each split; for JPEG files, before compression.
        labels: ``(N,)`` or ``(N, K)`` of each split.
    """

    images: dict[str, Pixels]
    labels: dict[str, NDArray[np.int64]]


def pixels(num_images: int, channels: int, height: int, width: int, seed: int = 0) -> Pixels:
    """Random images ``(N, C, H, W)``."""
    return np.random.default_rng(seed).integers(256, size=(num_images, channels, height, width), dtype=np.uint8)


def md5(path: Path) -> str:
    """The MD5 checksum of a file."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def idx(array: NDArray[Any]) -> bytes:
    """The idx format: zero, zero, type 8 for bytes, number of axes, sizes as big-endian 32 bits, then the bytes."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write_mnist(
    root: Path, name: str = "MNIST", num_images: int = 20, num_classes: int = 10, prefix: str = "", packed: bool = False
) -> Files:
    """Write ``root/<name>/raw/`` of MNIST, FashionMNIST or KMNIST; of EMNIST with ``prefix`` ``"emnist-balanced-"``.

    Args:
        root: Folder of torchvision's data sets.
        name: Class of torchvision.
        num_images: Number of training images; half as many test images.
        num_classes: Number of labels.
        prefix: Start of the file names.
        packed: Whether to write ``.gz`` files, as they are published.
    """
    folder = root / name / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    files = Files({}, {})
    for seed, (split, start) in enumerate((("train", "train"), ("test", "test" if prefix else "t10k"))):
        images = pixels(num_images // (seed + 1), 1, 28, 28, seed)
        labels = np.arange(len(images)) % num_classes
        for kind, array in (("images-idx3", images[:, 0]), ("labels-idx1", labels)):
            path = folder / f"{prefix}{start}-{kind}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(idx(array), mtime=0) if packed else idx(array))
        files.images[split], files.labels[split] = images, labels
    return files


def write_cifar(root: Path, patch: pytest.MonkeyPatch, name: str = "CIFAR10", num_images: int = 25) -> Files:
    """Write the pickles of CIFAR-10 or CIFAR-100: ``num_images`` training images, and a fifth as many test images."""
    cls: Any = getattr(datasets, name)
    folder = root / cls.base_folder
    folder.mkdir(parents=True, exist_ok=True)
    key, num_classes = ("labels", 10) if name == "CIFAR10" else ("fine_labels", 100)
    files, lists = Files({}, {}), dict[str, list[list[str]]]()
    for seed, (split, listed) in enumerate((("train", cls.train_list), ("test", cls.test_list))):
        images = pixels(num_images if split == "train" else num_images // 5, 3, 32, 32, seed)
        labels = np.arange(len(images)) % num_classes
        lists[split] = []
        for (file, _), chunk in zip(listed, np.array_split(np.arange(len(images)), len(listed)), strict=True):
            content = {"data": images[chunk].reshape(len(chunk), -1), key: labels[chunk].tolist()}
            (folder / file).write_bytes(pickle.dumps(content))
            lists[split].append([file, md5(folder / file)])
        files.images[split], files.labels[split] = images, labels
    meta = folder / cls.meta["filename"]
    meta.write_bytes(pickle.dumps({cls.meta["key"]: [f"class {label}" for label in range(num_classes)]}))
    patch.setattr(cls, "train_list", lists["train"])
    patch.setattr(cls, "test_list", lists["test"])
    patch.setattr(cls, "meta", cls.meta | {"md5": md5(meta)})
    return files


def pack_cifar(root: Path, patch: pytest.MonkeyPatch, archive: Path, url: str, name: str = "CIFAR10") -> None:
    """Pack the files of :func:`write_cifar` in ``root`` into ``archive``, and let torchvision download it."""
    cls: Any = getattr(datasets, name)
    with tarfile.open(archive, "w:gz") as file:
        file.add(root / cls.base_folder, cls.base_folder)
    patch.setattr(cls, "url", url)
    patch.setattr(cls, "tgz_md5", md5(archive))


def write_svhn(root: Path, patch: pytest.MonkeyPatch, num_images: int = 20) -> Files:
    """Write the MATLAB files of SVHN, in which digit 0 has label 10."""
    root.mkdir(parents=True, exist_ok=True)
    files, table = Files({}, {}), dict(datasets.SVHN.split_list)
    for seed, split in enumerate(("train", "test", "extra")):
        images = pixels(num_images // (seed + 1), 3, 32, 32, seed)
        labels = np.arange(len(images)) % 10
        path = root / table[split][1]
        savemat(path, {"X": images.transpose(2, 3, 1, 0), "y": np.where(labels == 0, 10, labels)[:, None].astype("u1")})
        table[split] = [table[split][0], table[split][1], md5(path)]
        files.images[split], files.labels[split] = images, labels
    patch.setattr(datasets.SVHN, "split_list", table)
    return files


def write_stl10(root: Path, patch: pytest.MonkeyPatch, num_images: int = 12) -> Files:
    """Write the binary files of STL10, whose images are stored column by column and whose labels start at 1."""
    folder = root / datasets.STL10.base_folder
    folder.mkdir(parents=True, exist_ok=True)
    files = Files({}, {})
    for seed, split in enumerate(("train", "test", "unlabeled")):
        images = pixels(num_images, 3, 96, 96, seed)
        (folder / f"{split}_X.bin").write_bytes(images.transpose(0, 1, 3, 2).tobytes())
        labels = np.arange(num_images) % 10
        if split != "unlabeled":
            (folder / f"{split}_y.bin").write_bytes((labels + 1).astype(np.uint8).tobytes())
        files.images[split], files.labels[split] = images, labels
    names = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]
    (folder / "class_names.txt").write_text("".join(f"{name}\n" for name in names))
    for name in ("train_list", "test_list"):
        listed = getattr(datasets.STL10, name)
        patch.setattr(datasets.STL10, name, [[file, md5(folder / file)] for file, _ in listed])
    return files


def write_celeba(root: Path, patch: pytest.MonkeyPatch, num_images: int = 24, zipped: bool = False) -> Files:
    """Write the text files and JPEG images of CelebA: the first two thirds are for training, a sixth each for the rest.

    Args:
        root: Folder of torchvision's data sets.
        patch: Patches the checksums.
        num_images: Number of images, ``178 x 218`` pixels.
        zipped: Whether to write the images to ``img_align_celeba.zip`` instead of a folder.

    Returns:
        Attributes ``(N, 40)`` in {0, 1} followed by the identity as labels.
    """
    folder = root / "celeba"
    faces = folder / "img_align_celeba"
    faces.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    names = [f"{place:06d}.jpg" for place in range(1, num_images + 1)]
    coarse = pixels(num_images, 3, 12, 10)  # smooth images survive JPEG
    images = np.empty((num_images, 3, 218, 178), np.uint8)
    for image, name, tiny in zip(images, names, coarse, strict=True):
        picture = Image.fromarray(tiny.transpose(1, 2, 0)).resize((178, 218), Image.Resampling.BICUBIC)
        picture.save(faces / name, quality=95)
        image[:] = np.asarray(picture).transpose(2, 0, 1)
    attributes = random.integers(2, size=(num_images, 40))
    identities = random.integers(1, 8, size=num_images)
    splits = np.array([0] * (2 * num_images // 3) + [1] * (num_images // 6))
    splits = np.append(splits, [2] * (num_images - len(splits)))
    boxes = [f"{name} 95 71 226 313" for name in names]
    points = [f"{name} {' '.join(map(str, range(10)))}" for name in names]
    signs = [" ".join(f"{2 * value - 1:2d}" for value in row) for row in attributes]
    texts = {
        "list_attr_celeba.txt": [
            str(num_images),
            " ".join(CELEBA_ATTRIBUTES) + " ",
            *(f"{name} {row}" for name, row in zip(names, signs, strict=True)),
        ],
        "identity_CelebA.txt": [f"{name} {identity}" for name, identity in zip(names, identities, strict=True)],
        "list_bbox_celeba.txt": [str(num_images), "image_id x_1 y_1 width height", *boxes],
        "list_landmarks_align_celeba.txt": [str(num_images), "lefteye_x lefteye_y righteye_x righteye_y", *points],
        "list_eval_partition.txt": [f"{name} {split}" for name, split in zip(names, splits, strict=True)],
    }
    for file, lines in texts.items():
        (folder / file).write_text("".join(f"{line}\n" for line in lines))
    if zipped:
        with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
            for name in names:
                archive.write(faces / name, f"img_align_celeba/{name}")
                (faces / name).unlink()
        faces.rmdir()
    published = datasets.CelebA.file_list
    table = [(key, md5(folder / file) if (folder / file).is_file() else old, file) for key, old, file in published]
    patch.setattr(datasets.CelebA, "file_list", table)
    labels = np.concatenate([attributes, identities[:, None]], axis=1)
    parts = {split: splits == place for place, split in enumerate(("train", "valid", "test"))}
    return Files(
        {"all": images, **{split: images[chosen] for split, chosen in parts.items()}},
        {"all": labels, **{split: labels[chosen] for split, chosen in parts.items()}},
    )


def write_omniglot(root: Path, patch: pytest.MonkeyPatch, images_per_character: int = 3) -> Files:
    """Write Omniglot's zip archives and their content: two alphabets for training, one for testing."""
    folder = root / "omniglot-py"
    files, checksums = Files({}, {}), {}
    alphabets = {"train": {"Greek": 2, "Latin": 3}, "test": {"Angelic": 2}}
    for split, part in (("train", "images_background"), ("test", "images_evaluation")):
        paths, labels = list[Path](), list[int]()
        for alphabet, number in alphabets[split].items():
            for character in range(1, number + 1):
                place = folder / part / alphabet / f"character{character:02d}"
                place.mkdir(parents=True)
                labels += [len(set(labels))] * images_per_character
                paths += [place / f"{labels[-1]:04d}_{drawer:02d}.png" for drawer in range(1, images_per_character + 1)]
        files.images[split] = 255 * (pixels(len(paths), 1, 105, 105, len(paths)) // 128)
        files.labels[split] = np.array(labels)
        for path, image in zip(paths, files.images[split], strict=True):
            Image.fromarray(image[0]).convert("1").save(path)
        with zipfile.ZipFile(folder / f"{part}.zip", "w") as archive:
            for path in paths:
                archive.write(path, path.relative_to(folder))
        checksums[part] = md5(folder / f"{part}.zip")
    patch.setattr(datasets.Omniglot, "zips_md5", checksums)
    return files


def write_folders(
    root: Path, classes: Sequence[str] = ("cat", "dog"), num_images: int = 3, side: int = 8, suffix: str = ".png"
) -> Files:
    """Write a tree for ``ImageFolder``: a folder of ``num_images`` pictures for each class."""
    images = pixels(num_images * len(classes), 3, side, side)
    for place, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(num_images):
            picture = Image.fromarray(images[place * num_images + number].transpose(1, 2, 0))
            picture.save(root / name / f"{number}{suffix}")
    return Files({"all": images}, {"all": np.arange(len(images)) // num_images})
