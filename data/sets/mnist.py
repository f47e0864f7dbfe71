"""MNIST and the sets that share its file format."""

import gzip
import zlib
from contextlib import nullcontext
from io import BufferedIOBase
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.storage.public_file import PublicFile
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset

_PREFIXES = {"train": ["train"], "test": ["t10k"], "all": ["train", "t10k"]}
_LARGEST = 1 << 30  # size limit of an array in bytes: over a million images
_BLOCK_BYTES = 1 << 20
_TORCHVISION_FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}
_LABELS = FactorSpace(["label"], [10])


def _record(
    name: str,
    title: str,
    space: FactorSpace,
    license_: str,
    addresses: tuple[str, ...],
    checks: dict[str, tuple[str, int]],
) -> DataSetRecord:
    """Return the record of a set of four files, each with its MD5 and size in bytes, and all at each address."""
    files = []
    for file, (md5, size) in checks.items():
        url, *mirrors = (f"{address}/{file}.gz" for address in addresses)
        files.append(PublicFile(f"{name}/{file}.gz", url, md5, tuple(mirrors), size))
    return DataSetRecord(
        name=name,
        title=title,
        num_samples=70_000,
        image_shape=(1, 32, 32),
        factor_space=space,
        license=license_,
        files=tuple(files),
        path=name,
        path_argument="root",
        options={"split": "all", "name": name},
    )


_MNIST = _record(
    "mnist",
    "MNIST: handwritten digits",
    _LABELS,
    "CC-BY-SA-3.0",
    addresses=(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    checks={
        "train-images-idx3-ubyte": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        "train-labels-idx1-ubyte": ("d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        "t10k-images-idx3-ubyte": ("9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        "t10k-labels-idx1-ubyte": ("ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    },
)
_FASHION_MNIST = _record(
    "fashion_mnist",
    "Fashion-MNIST: articles of clothing, in the files of MNIST",
    FactorSpace(
        ["label"],
        [10],
        value_names={
            "label": [
                "T-shirt/top",
                "trouser",
                "pullover",
                "dress",
                "coat",
                "sandal",
                "shirt",
                "sneaker",
                "bag",
                "ankle boot",
            ]
        },
    ),
    "MIT",
    addresses=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    ),
    checks={
        "train-images-idx3-ubyte": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
        "train-labels-idx1-ubyte": ("25c81989df183df01b3e8a0aad5dffbe", 29_515),
        "t10k-images-idx3-ubyte": ("bef4ecab320f06d8554ea6380940ec79", 4_422_102),
        "t10k-labels-idx1-ubyte": ("bb300cfdad3c16e7a12a480ee83cd310", 5_148),
    },
)


class MNIST(TensorFactorDataset):
    """Handwritten digits, from the original idx files; also Fashion-MNIST and other sets in the same format.

    A split is two files, images and labels, each as ``.gz`` or decompressed: ``train-images-idx3-ubyte`` and
    ``train-labels-idx1-ubyte`` for training (60,000), ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte`` for
    the test (10,000). Only the files of the chosen split are needed.

    The only factor is the label, which does not determine the image.

    Args:
        root: Folder with the files, or a folder of torchvision with the files in ``raw`` or, depending on the name of
            the set, in ``MNIST/raw`` or ``FashionMNIST/raw``.
        split: ``"train"``, ``"test"``, or ``"all"`` for the training images followed by the test images.
        size: Side of the images. 28 keeps them; 32 adds a zero border of 2; 64 doubles every pixel to 56 and adds a
            zero border of 4, for networks that expect 64 x 64 pixels.
        name: Name of the set, such as ``"fashion_mnist"``.

    Raises:
        FileNotFoundError: If a file of the split is missing; the message lists the names.
        OSError: If a file is damaged.
        ValueError: If a file is not an idx file of 28 x 28 images or of labels 0 to 9, the numbers of images and labels
            differ, or ``split`` or ``size`` is none of the above.

    References:
        LeCun, Cortes and Burges, The MNIST database of handwritten digits, 1998.
        Xiao, Rasul and Vollgraf, Fashion-MNIST, 2017, arXiv:1708.07747.
    """

    records = (_MNIST, _FASHION_MNIST)

    def __init__(
        self,
        root: str | Path,
        split: Literal["train", "test", "all"] = "train",
        size: Literal[28, 32, 64] = 32,
        name: str = "mnist",
    ) -> None:
        if split not in _PREFIXES:
            raise ValueError(f"split must be one of {', '.join(_PREFIXES)}, got {split!r}")
        if size not in (28, 32, 64):
            raise ValueError(f"size must be 28, 32 or 64, got {size}")
        paths = _find(_folder(Path(root), name), _PREFIXES[split], _remedy(Path(root), name))
        images = torch.cat([read_idx(path) for path in paths[::2]])
        labels = torch.cat([read_idx(path) for path in paths[1::2]])
        files = " and ".join(str(path) for path in paths)
        if images.shape != (len(labels), 28, 28) or labels.ndim != 1:
            raise ValueError(
                f"{files} must contain images (N, 28, 28) and labels (N,), got {tuple(images.shape)} and "
                f"{tuple(labels.shape)}"
            )
        if len(labels) and int(labels.max()) > 9:
            raise ValueError(f"labels in {files} must lie in 0..9, got {int(labels.max())}")
        space = next((record.factor_space for record in self.records if record.name == name), _LABELS)
        super().__init__(name, _resize(images, size), labels.long()[:, None], space)


def read_idx(path: Path) -> Tensor:
    """Read an idx file of bytes, gzip-compressed if its name ends in ``.gz``; a uint8 tensor of the stored shape.

    The file is read by torchvision, after its header and length have been checked.

    Raises:
        OSError: If the file is damaged or truncated.
        ValueError: If it is not an idx file of bytes, or its array is larger than 1 GiB.
    """
    from torchvision.datasets.mnist import read_sn3_pascalvincent_tensor  # takes seconds to import

    with TemporaryDirectory() as folder:  # torchvision reads decompressed files only
        unpacked = Path(folder, "idx") if path.suffix == ".gz" else None
        try:
            with gzip.open(path) if unpacked else path.open("rb") as file:
                _check_idx(file, path, unpacked)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise OSError(f"{path} cannot be decompressed ({error}); download it again") from error
        tensor: Tensor = read_sn3_pascalvincent_tensor(str(unpacked or path))
    return tensor


def _check_idx(file: BufferedIOBase, path: Path, unpacked: Path | None) -> None:
    """Check that an idx file has the size in its header, and write a copy to ``unpacked`` unless it is ``None``."""
    magic = file.read(4)
    # two zeros, then 8 for unsigned bytes, then the number of axes, of which torchvision reads up to three
    if len(magic) < 4 or magic[:3] != b"\0\0\x08" or not 1 <= magic[3] <= 3:
        raise ValueError(f"{path} is not an idx file of bytes: it starts with {magic.hex(' ') or 'nothing'}")
    header = file.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise OSError(f"{path} ends inside its header; download it again")
    shape = tuple(int.from_bytes(header[i : i + 4], "big") for i in range(0, len(header), 4))
    start, size, done = 4 + len(header), prod(shape), 0
    if size > _LARGEST:
        raise ValueError(f"{path} claims an array {shape}, which is larger than {_LARGEST:,} bytes; download it again")
    if not size:
        raise ValueError(f"{path} claims an empty array {shape}; download it again")
    with nullcontext() if unpacked is None else unpacked.open("wb") as copy:
        if copy is not None:
            copy.write(magic + header)
        # Finally reads 1 byte past the array: this detects extra bytes and makes gzip verify its checksum.
        while block := file.read(min(_BLOCK_BYTES, size - done) or 1):
            if done == size:
                raise OSError(f"{path} has extra bytes after its array {shape}; download it again")
            if copy is not None:
                copy.write(block)
            done += len(block)
    if done != size:
        raise OSError(
            f"{path} must have {start + size} bytes (decompressed) for shape {shape}, got {start + done}; download it "
            "again"
        )


def _folder(root: Path, name: str) -> Path:
    """Return ``root`` or the folder of torchvision inside it, whichever contains files; ``root`` if none does."""
    folders = [root, root / "raw", root / _TORCHVISION_FOLDERS.get(name, name) / "raw"]
    return next((folder for folder in folders if any(folder.glob("*-ubyte*"))), root)


def _remedy(root: Path, name: str) -> str:
    """Return how to get the missing files of the set called ``name``."""
    if root.name in _TORCHVISION_FOLDERS:
        return f"download them with `lr-lightning data prepare {root.name} --root {root.parent}`"
    if name in _TORCHVISION_FOLDERS:
        return f"download them with `lr-lightning data prepare {name} --root {root}`, and set root to {root / name}"
    return "put them there"


def _find(root: Path, prefixes: list[str], remedy: str) -> list[Path]:
    """Return the files of the splits as images, labels, images, ...; decompressed files take precedence.

    Args:
        root: Their folder.
        prefixes: Beginnings of their names.
        remedy: How to get missing files; part of the error message.
    """
    names = [f"{prefix}-{kind}-ubyte" for prefix in prefixes for kind in ("images-idx3", "labels-idx1")]
    found = [[path for path in (root / name, root / f"{name}.gz") if path.is_file()] for name in names]
    missing = [name for name, paths in zip(names, found, strict=True) if not paths]
    if missing:
        raise FileNotFoundError(
            f"no {', '.join(missing)} in {root}, with or without .gz; {remedy}, or choose a split whose files exist"
        )
    return [paths[0] for paths in found]


def _resize(images: Tensor, size: int) -> Tensor:
    """Scale and pad ``(N, 28, 28)`` to ``(N, 1, size, size)``."""
    if size == 64:
        images = images.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    border = (size - images.shape[-1]) // 2
    return pad(images, (border,) * 4)[:, None]
