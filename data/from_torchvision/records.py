"""Records of the data sets of torchvision."""

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from lr_lightning.data.data_set_record import DataSetRecord, ProgressBar
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.from_torchvision.public_files import PublicFiles, known_files
from lr_lightning.data.from_torchvision.recipe import Recipe

# fmt: off
CELEBA_ATTRIBUTES = (
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose",
    "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses",
    "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache",
    "Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks",
    "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick",
    "Wearing_Necklace", "Wearing_Necktie", "Young",
)
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR100 = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
    "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
)
_STL10 = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
_KMNIST = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
# fmt: on
_DIGITS = tuple(string.digits)
_CHARACTERS = tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase)
_MERGED = tuple(character for character in _CHARACTERS if character not in "cijklmopsuvwxyz")  # as upper case


@dataclass(frozen=True)
class TorchvisionRecord(DataSetRecord):
    """Facts about a data set that torchvision downloads, verifies and reads.

    Attributes:
        parts: For each data set that is constructed, the arguments on which its files depend.
        transforms: Names and arguments of transforms of the images.
    """

    parts: Sequence[Mapping[str, Any]] = ({},)
    transforms: Sequence[tuple[str, Mapping[str, Any]]] = ()

    @property
    @override
    def is_downloaded(self) -> bool:
        return True

    @override
    def is_present(self, root: Path) -> bool:
        return all(path.exists() for path in self.paths(root))

    @override
    def paths(self, root: Path) -> list[Path]:
        """Return the paths in ``root`` of all files and folders that the class reads, existing or not."""
        folder = root / (self.path or "")
        return [folder / name for part in self.parts for name in self._files.needed_with(part)]

    @override
    def init_args(self, root: Path) -> dict[str, Any]:
        arguments = super().init_args(root)
        if self.transforms:
            from torchvision.transforms import v2  # takes a second to import

            arguments["transforms"] = [getattr(v2, name)(**given) for name, given in self.transforms]
        return arguments

    @override
    def file_lines(self) -> list[str]:
        archives = ", ".join(self._files.archives)
        return [f"files: {archives} in {self.path}\n  url: {self._files.address}\n  torchvision: {self._files.check}"]

    @override
    def fetch(self, root: Path, *, remedy: str, bar: ProgressBar) -> Iterator[str]:
        """Let torchvision download and verify the files.

        Yields:
            One line, once the files are there.

        Raises:
            ConnectionError: If they cannot be downloaded; the message says where to put them.
            OSError: If a file is damaged.
        """
        arguments = dict(self.options.get("arguments", {}))
        folder = self.init_args(root)[self.path_argument]
        with bar(self.name) as progress:
            Recipe(self.options["dataset"], folder, "all", arguments, None, True, download=True).construct(progress)
        yield f"{folder} has all files, {self._files.check}"

    @property
    def _files(self) -> PublicFiles:
        return known_files(self.options["dataset"])


def _record(
    name: str,
    title: str,
    num_samples: int,
    image_shape: tuple[int, ...],
    labels: int | Sequence[str],
    license_: str,
    dataset: str,
    *,
    parts: Sequence[Mapping[str, Any]] = ({},),
    folder: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> TorchvisionRecord:
    """Return the record of a set with one label, either a number of values or their names."""
    size, names = (labels, None) if isinstance(labels, int) else (len(labels), {"label": labels})
    return TorchvisionRecord(
        name=name,
        title=title,
        num_samples=num_samples,
        image_shape=image_shape,
        factor_space=FactorSpace(["label"], [size], value_names=names),
        license=license_,
        path=folder or name,
        path_argument="root",
        options={"dataset": dataset, "split": "all", **(options or {})},
        parts=parts,
    )


def _emnist(split: str, title: str, num_samples: int, labels: Sequence[str]) -> TorchvisionRecord:
    return _record(
        f"emnist_{split}",
        f"EMNIST, {title}; images are transposed, as in the files",
        num_samples,
        (1, 28, 28),
        labels,
        "not stated",
        "EMNIST",
        parts=({"split": split},),
        folder="emnist",
        options={"arguments": {"split": split}, "name": f"emnist_{split}"},
    )


_SPLITS = ({"split": "train"}, {"split": "test"})

TORCHVISION_RECORDS: tuple[DataSetRecord, ...] = (
    _record("kmnist", "Kuzushiji-MNIST: cursive Japanese", 70_000, (1, 28, 28), _KMNIST, "CC-BY-SA-4.0", "KMNIST"),
    _emnist("byclass", "all digits and letters", 814_255, _CHARACTERS),
    _emnist("bymerge", "letters with similar upper and lower case merged", 814_255, _MERGED),
    _emnist("balanced", "equally many of each merged class", 131_600, _MERGED),
    _emnist("letters", "letters of either case, numbered from 1", 145_600, ("N/A", *string.ascii_lowercase)),
    _emnist("digits", "digits", 280_000, _DIGITS),
    _emnist("mnist", "digits, as many as in MNIST", 70_000, _DIGITS),
    _record("cifar10", "CIFAR-10: small photographs", 60_000, (3, 32, 32), _CIFAR10, "not stated", "CIFAR10"),
    _record("cifar100", "CIFAR-100: small photographs", 60_000, (3, 32, 32), _CIFAR100, "not stated", "CIFAR100"),
    _record(
        "svhn",
        "SVHN: house numbers; 531,131 more in split extra",
        99_289,
        (3, 32, 32),
        10,
        "non-commercial use only",
        "SVHN",
        parts=_SPLITS,
    ),
    TorchvisionRecord(
        name="celeba",
        title="CelebA: faces; the central 148 x 148 of 178 x 218 pixels, scaled to 64 x 64",
        num_samples=202_599,
        image_shape=(3, 64, 64),
        factor_space=FactorSpace(CELEBA_ATTRIBUTES, [2] * len(CELEBA_ATTRIBUTES)),
        license="non-commercial research only",
        path="celeba",
        path_argument="root",
        options={"dataset": "CelebA", "split": "all"},
        transforms=(("CenterCrop", {"size": 148}), ("Resize", {"size": 64})),
    ),
    _record(
        "stl10",
        "STL-10: photographs; 100,000 more without labels in split unlabeled",
        13_000,
        (3, 96, 96),
        _STL10,
        "not stated",
        "STL10",
    ),
    _record(
        "omniglot",
        "Omniglot: handwritten characters of 50 alphabets",
        32_460,
        (1, 105, 105),
        1623,
        "MIT",
        "Omniglot",
        parts=({"background": True}, {"background": False}),
    ),
)
"""The sets by name, each with all labeled splits."""
