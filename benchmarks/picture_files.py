"""Stand-ins for CIFAR-10 and CelebA: files in the public formats and of the public sizes, with other pictures.

The pictures are random crops of scikit-learn's two sample photographs.
"""

import pickle
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision import datasets

NUM_ATTRIBUTES = 40
_NUM_PICTURES = 4096  # different pictures among the faces; all are separate files


def accept_any_checksum() -> None:
    """Let torchvision read files other than the published ones, in this process."""
    datasets.CIFAR10.train_list = [[name, None] for name, _ in datasets.CIFAR10.train_list]
    datasets.CIFAR10.test_list = [[name, None] for name, _ in datasets.CIFAR10.test_list]
    datasets.CIFAR10.meta = datasets.CIFAR10.meta | {"md5": None}
    datasets.CelebA.file_list = [(address, None, name) for address, _, name in datasets.CelebA.file_list]


def write_cifar10(root: Path, num_images: int) -> None:
    """Write ``num_images`` color images of 32 x 32 pixels as the five training batches, and an empty test batch."""
    generator = np.random.default_rng(0)
    crops = Crops(generator)
    folder = root / datasets.CIFAR10.base_folder
    folder.mkdir(parents=True)
    for part, (name, _) in zip(np.array_split(np.arange(num_images), 5), datasets.CIFAR10.train_list, strict=True):
        pixels = np.stack([crops.draw(32, 32).transpose(2, 0, 1).ravel() for _ in part])
        _write_batch(folder / name, pixels, generator.integers(10, size=len(part)).tolist())
    _write_batch(folder / "test_batch", np.empty((0, 3072), np.uint8), [])
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [f"class {number}" for number in range(10)]}))


def write_celeba(root: Path, num_images: int) -> None:
    """Write ``num_images`` JPEG files of 178 x 218 pixels and the text files of attributes, identities and splits."""
    generator = np.random.default_rng(0)
    crops = Crops(generator)
    folder = root / datasets.CelebA.base_folder
    (folder / "img_align_celeba").mkdir(parents=True)
    contents = [_jpeg(crops.draw(218, 178)) for _ in range(min(num_images, _NUM_PICTURES))]
    names = [f"{number:06d}.jpg" for number in range(1, num_images + 1)]
    for number, name in enumerate(names):
        (folder / "img_align_celeba" / name).write_bytes(contents[number % len(contents)])
    attributes = generator.choice([-1, 1], (num_images, NUM_ATTRIBUTES))
    tables = {
        "list_attr_celeba.txt": (attributes, [f"Attribute_{number}" for number in range(NUM_ATTRIBUTES)]),
        "list_bbox_celeba.txt": (np.ones((num_images, 4), int), ["x_1", "y_1", "width", "height"]),
        "list_landmarks_align_celeba.txt": (
            np.ones((num_images, 10), int),
            [f"point_{number}" for number in range(10)],
        ),
        "identity_CelebA.txt": (generator.integers(1, 10178, (num_images, 1)), None),
        "list_eval_partition.txt": (np.zeros((num_images, 1), int), None),
    }
    for file, (values, header) in tables.items():
        lines = [] if header is None else [str(num_images), " ".join(header)]
        lines += [" ".join([name, *map(str, row)]) for name, row in zip(names, values.tolist(), strict=True)]
        (folder / file).write_text("\n".join(lines) + "\n")


class Crops:
    """Random crops of two photographs, at random scales and mirrored at random.

    Args:
        generator: Source of the crops.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        from sklearn.datasets import load_sample_images  # not needed to read files

        self._photographs = [Image.fromarray(photograph) for photograph in load_sample_images().images]
        self._generator = generator

    def draw(self, height: int, width: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
        """Return a crop ``(height, width, 3)``."""
        photograph = self._photographs[self._generator.integers(len(self._photographs))]
        largest = min(photograph.width / width, photograph.height / height)
        scale = self._generator.uniform(1.0, largest)
        left = self._generator.uniform(0, photograph.width - scale * width)
        top = self._generator.uniform(0, photograph.height - scale * height)
        box = (left, top, left + scale * width, top + scale * height)
        pixels = np.asarray(photograph.resize((width, height), Image.Resampling.BILINEAR, box))
        return pixels[:, ::-1] if self._generator.random() < 0.5 else pixels


def read_all(root: Path) -> int:
    """Read all files below ``root``, so that they are in the page cache; return their size in bytes."""
    return sum(len(path.read_bytes()) for path in root.rglob("*") if path.is_file())


def _write_batch(path: Path, pixels: np.ndarray[tuple[int, int], np.dtype[np.uint8]], labels: list[int]) -> None:
    path.write_bytes(pickle.dumps({"data": pixels, "labels": labels}))


def _jpeg(pixels: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]) -> bytes:
    content = BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=75)
    return content.getvalue()
