"""What determines the samples of a data set of torchvision."""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lr_lightning.data.from_torchvision.construction import (
    MapDataset,
    Progress,
    class_path,
    construct,
    find_class,
    split_arguments,
)
from lr_lightning.data.from_torchvision.public_files import known_files
from lr_lightning.data.from_torchvision.watch import Watch
from lr_lightning.data.storage.source_files import source_files

if TYPE_CHECKING:
    from lr_lightning.data.storage.fixed_transforms import FixedTransforms

_CODE = (".py", ".pyc", ".pyd", ".so")
_SYSTEM = tuple(map(Path, ("/dev", "/proc", "/sys", sys.prefix, sys.base_prefix)))
_INSTALLED = {"site-packages", "dist-packages"}


@dataclass(frozen=True)
class Recipe:
    """What determines the samples of a data set of torchvision.

    Attributes:
        name: Name of the class in ``torchvision.datasets``, or its import path.
        root: Folder of its files.
        split: Split; see :func:`~lr_lightning.data.from_torchvision.construction.split_arguments`.
        arguments: Further arguments of the class, plain values.
        transforms: Applied to each image.
        labeled: Whether targets are read.
        download: Whether files may be downloaded.
    """

    name: str
    root: Path
    split: str | None
    arguments: Mapping[str, Any]
    transforms: "FixedTransforms | None"
    labeled: bool
    download: bool

    @property
    def title(self) -> str:
        """The class and the split, for messages."""
        return self.name if self.split is None else f"{self.name} ({self.split})"

    @property
    def is_published(self) -> bool:
        """Whether the files of the class are known and published, as opposed to those of the user."""
        module, _, name = class_path(self.name).rpartition(".")
        return module.startswith("torchvision.") and bool(known_files(name).archives)

    @property
    def key(self) -> str:
        """A name for caches that differs between sets of different samples.

        Raises:
            ValueError: If ``arguments`` contain anything but plain values.
        """
        try:
            arguments = json.dumps(self.arguments, sort_keys=True)
        except TypeError as error:
            raise ValueError(f"arguments must be plain values, got {self.arguments} ({error})") from error
        parts = [
            class_path(self.name),
            self.root.absolute().name,
            str(self.split),
            arguments,
            self.transforms.key if self.transforms else "",
            str(self.labeled),
            version("torchvision"),
            # the same import path or relative path means another file in another folder
            *_module_file(class_path(self.name)),
            *map(str, self.transforms.paths if self.transforms else ()),
            *(str(path.absolute()) for path in _paths_in(self.arguments)),
        ]
        digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=6).hexdigest()
        return f"{self.name.rpartition('.')[2]}.{self.split or 'samples'}.{digest}"

    def construct(self, progress: Progress | None = None) -> tuple[list[MapDataset], list[Path]]:
        """Construct the data sets whose samples together are the split.

        Returns:
            The data sets, and the files and folders that they read.

        Raises:
            ConnectionError, OSError, ImportError, ValueError: As
                :func:`~lr_lightning.data.from_torchvision.construction.construct`.
        """
        cls = find_class(self.name)
        parts, sources = [], list[Path]()
        for arguments in split_arguments(cls, self.split, self.arguments):
            part, watch = construct(cls, arguments, self.root, download=self.download, progress=progress)
            parts.append(part)
            sources += self.files_of(watch)
        if not sum(map(len, parts)):
            raise ValueError(f"{self.title} has no samples in {self.root}")
        if self.transforms is not None:
            sources += self.transforms.paths
        return parts, list(dict.fromkeys([*sources, *source_files(cls, "dataset")]))

    def files_of(self, watch: Watch) -> list[Path]:
        """Return the files and folders of the data set among those that were opened.

        Classes of torchvision read their data in the root folder, and in folders named in the arguments. Others may
        read any file.
        """
        places = [self.root, *_paths_in(self.arguments)]
        found = [path for place in places for path in watch.opened_in(place)]
        if not class_path(self.name).startswith("torchvision."):
            found += [path for path in watch.opened if _is_data(path)]
        return found


def _module_file(path: str) -> list[str]:
    """Return the file of the module of a class at an import path, unless it is one of torchvision or there is none."""
    if path.startswith("torchvision."):
        return []
    try:
        found = find_spec(path.rpartition(".")[0])
    except Exception:  # a package of the user may fail in any way; it fails again when the class is imported
        return []
    return [] if found is None or found.origin is None else [str(Path(found.origin).absolute())]


def _is_data(path: Path) -> bool:
    """Return whether a path is a file of the user rather than one of Python, its packages or the system."""
    installed = _INSTALLED.intersection(path.parts) or any(path.is_relative_to(folder) for folder in _SYSTEM)
    return path.suffix not in _CODE and not installed and path.is_file()


def _paths_in(value: Any) -> Sequence[Path]:
    """Return the existing files and folders that are named in a value."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [path for each in value for path in _paths_in(each)]
    return [Path(value)] if isinstance(value, str) and "\0" not in value and Path(value).exists() else []
