"""The YAML file that describes a custom data set."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lr_lightning.data.custom.described_factors import read_factors, shown
from lr_lightning.data.custom.strict_yaml import read_yaml
from lr_lightning.data.factor_space import FactorSpace

LAYOUTS = ("NHWC", "NCHW", "NHW")
_REQUIRED = ("name", "factors", "images")
_KNOWN = (*_REQUIRED, "key", "layout", "labels")
_ARRAYS = (".h5", ".hdf5", ".npz")


@dataclass(frozen=True)
class CustomDescription:
    """The validated description of a data set.

    Attributes:
        path: The YAML file.
        name: Name of the set.
        factor_space: The factors, with names for values that are not numbers.
        listed: The factors whose values are listed as numbers.
        images: File or folder with the images.
        key: For a file, name of the array of images; for a folder, name of the table's column of file names.
        layout: Order of the axes of the array, one of ``"NHWC"``, ``"NCHW"`` and ``"NHW"``.
        labels: For a file, name of the array of labels; for a folder, path of the CSV table; ``None`` without labels.
    """

    path: Path
    name: str
    factor_space: FactorSpace
    listed: frozenset[str]
    images: Path
    key: str
    layout: str
    labels: str | None

    @property
    def is_folder(self) -> bool:
        """Whether the images are separate files in a folder."""
        return self.images.is_dir()

    @property
    def remedy(self) -> str:
        """How the user can fix an error in the files; ends error messages."""
        return f"correct the file, or its description in {self.path}"


def read_description(path: Path) -> CustomDescription:
    """Read the description of a data set; see :class:`~lr_lightning.data.CustomDataset` for its format.

    Raises:
        FileNotFoundError: If the file, or the images named in it, do not exist.
        ValueError: If the description is invalid; the message names the key and the value.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; give the path of the YAML file that describes your data set")
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path} must have the keys {', '.join(_REQUIRED)}, got {shown(content)}")
    _check_keys(path, content)
    factors = read_factors(path, content["factors"])
    values = [factor.values for factor in factors.values()]
    images = path.parent / content["images"]
    if not images.exists():
        raise FileNotFoundError(
            f"no file or folder {images}; set images in {path} to a path relative to the folder of {path}"
        )
    if not images.is_dir() and not (images.is_file() and images.suffix in _ARRAYS):
        raise ValueError(f"images in {path} must be {', '.join(_ARRAYS)} or a folder of images, got {images}")
    if images.is_dir() and "layout" in content:
        raise ValueError(f"layout in {path} applies to arrays only; remove it, because {images} is a folder of images")
    layout = content.get("layout", "NHWC")
    if layout not in LAYOUTS:
        raise ValueError(f"layout in {path} must be one of {', '.join(LAYOUTS)}, got {shown(layout)}")
    return CustomDescription(
        path=path,
        name=content["name"],
        factor_space=FactorSpace(
            list(factors),
            [len(row) for row in values],
            values,
            {name: factor.names for name, factor in factors.items() if factor.names},
        ),
        listed=frozenset(name for name, factor in factors.items() if factor.listed),
        images=images,
        key=content.get("key", "file" if images.is_dir() else "images"),
        layout=layout,
        labels=content.get("labels"),
    )


def _check_keys(path: Path, content: dict[Any, Any]) -> None:
    for key in content:
        if key not in _KNOWN:
            close = get_close_matches(str(key), _KNOWN, n=1)
            hint = f"did you mean {close[0]}?" if close else f"the known keys are {', '.join(_KNOWN)}"
            raise ValueError(f"{path} has an unknown key {shown(key)}; {hint}")
    missing = [key for key in _REQUIRED if key not in content]
    if missing:
        raise ValueError(f"{path} must have the keys {', '.join(_REQUIRED)}; {', '.join(missing)} is missing")
    for key in _KNOWN:
        if key != "factors" and key in content and not (isinstance(content[key], str) and content[key]):
            raise ValueError(f"{key} in {path} must be text, got {shown(content[key])}")
