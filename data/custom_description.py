"""What a user writes down about a data set of their own: a small YAML file."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from lr_lightning.data.factor_space import FactorSpace

LAYOUTS = ("NHWC", "NCHW", "NHW")
_REQUIRED = ("name", "factors", "images")
_KNOWN = (*_REQUIRED, "key", "layout", "labels")
_ARRAYS = (".h5", ".hdf5", ".npz")


@dataclass(frozen=True)
class CustomDescription:
    """The description of a data set, checked.

    Attributes:
        path: The YAML file.
        name: Name of the set.
        factor_space: Its factors. Values that are no numbers are numbered from 0.
        value_names: For each factor whose values are no numbers, what they are called.
        images: File or folder with the images.
        key: Name of the array of images in a file; of the column of file names in the table of a folder.
        layout: Order of the axes of the array, one of ``"NHWC"``, ``"NCHW"`` and ``"NHW"``.
        labels: Name of the array of labels in a file; path of the CSV table of a folder; ``None`` without.
    """

    path: Path
    name: str
    factor_space: FactorSpace
    value_names: dict[str, tuple[str, ...]]
    images: Path
    key: str
    layout: str
    labels: str | None

    @property
    def is_folder(self) -> bool:
        """Whether the images are files of their own."""
        return self.images.is_dir()

    @property
    def remedy(self) -> str:
        """What the user can do about wrong files; ends error messages."""
        return f"mend the file or what {self.path} says of it"


def read_description(path: Path) -> CustomDescription:
    """Read the description of a data set; see :class:`~lr_lightning.data.CustomDataset` for what it holds.

    Raises:
        FileNotFoundError: If there is no such file, or not the images that it names.
        ValueError: If it is no such description; the message says what is wrong.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}; give the YAML file that describes your data set")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold the keys {', '.join(_REQUIRED)}, got {content!r}")
    _check_keys(path, content)
    names, values, value_names = _factors(path, content["factors"])
    images = path.parent / content["images"]
    if not images.exists():
        raise FileNotFoundError(
            f"no {images}; set `images` in {path} to a file or folder, as seen from where {path} is"
        )
    if images.is_file() and images.suffix not in _ARRAYS:
        raise ValueError(f"images in {path} must be {', '.join(_ARRAYS)} or a folder of images, got {images}")
    if images.is_dir() and "layout" in content:
        raise ValueError(f"layout in {path} is for arrays; leave it out, as {images} is a folder of images")
    layout = content.get("layout", "NHWC")
    if layout not in LAYOUTS:
        raise ValueError(f"layout in {path} must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    return CustomDescription(
        path=path,
        name=content["name"],
        factor_space=FactorSpace(names, [len(row) for row in values], values),
        value_names=value_names,
        images=images,
        key=content.get("key", "file" if images.is_dir() else "images"),
        layout=layout,
        labels=content.get("labels"),
    )


def _check_keys(path: Path, content: dict[Any, Any]) -> None:
    for key in content:
        if key not in _KNOWN:
            close = get_close_matches(str(key), _KNOWN, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(_KNOWN)}"
            raise ValueError(f"{path} has an unknown key {key!r}; {hint}")
    missing = [key for key in _REQUIRED if key not in content]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}")
    for key in _KNOWN:
        if key != "factors" and key in content and not (isinstance(content[key], str) and content[key]):
            raise ValueError(f"{key} in {path} must be text, got {content[key]!r}")


def _factors(path: Path, factors: Any) -> tuple[list[str], list[list[float]], dict[str, tuple[str, ...]]]:
    """Return the names of the factors, their values as numbers, and what values are called that are none."""
    if not isinstance(factors, dict) or not factors:
        raise ValueError(f"factors in {path} must map names to a number of values or a list of them, got {factors!r}")
    values, value_names = list[list[float]](), dict[str, tuple[str, ...]]()
    for name, given in factors.items():
        if not isinstance(name, str):  # YAML reads y, no, on and the like as truth values
            raise ValueError(f"factors in {path} must have names that are text, got {name!r}; put it in quotes")
        listed = list(range(given)) if isinstance(given, int) and not isinstance(given, bool) else given
        if not isinstance(listed, list) or not listed:
            raise ValueError(
                f"factor {name!r} in {path} must be a number of values of at least 1 or a list of values, got {given!r}"
            )
        texts = [value for value in listed if isinstance(value, str)]
        numbers = [value for value in listed if isinstance(value, int | float) and not isinstance(value, bool)]
        if len(listed) not in (len(texts), len(numbers)):
            raise ValueError(f"factor {name!r} in {path} must have values all numbers or all text, got {listed}")
        if len(set(listed)) != len(listed):
            raise ValueError(f"factor {name!r} in {path} must have values that differ, got {listed}")
        if texts:
            value_names[name] = tuple(texts)
        values.append(list(map(float, numbers)) or list(map(float, range(len(texts)))))
    return list(factors), values, value_names
