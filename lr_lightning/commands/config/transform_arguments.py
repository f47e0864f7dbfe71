"""Lets configs give torchvision's transforms inside others by short names, and numbers as their arguments."""

import numbers
from typing import Any

from jsonargparse.typing import register_type
from torchvision.transforms import v2

KEYS = ("augmentations", "transforms")
"""Arguments that are lists of transforms, of the data module, of data sets and of transforms themselves."""


def transform_path(name: str) -> str | None:
    """Return the import path of one of torchvision's transforms, ``None`` if there is none called ``name``.

    Example:
        >>> transform_path("RandomCrop")
        'torchvision.transforms.v2.RandomCrop'
    """
    return f"{v2.__name__}.{name}" if name in transform_names() else None


def transform_names() -> list[str]:
    """Return the names of torchvision's transforms."""
    members = vars(v2).items()
    return [name for name, member in members if isinstance(member, type) and issubclass(member, v2.Transform)]


def register_numbers() -> None:
    """Let arguments annotated as ``numbers.Number``, such as the degrees of a rotation, be read and written."""
    register_type(numbers.Number, serializer=_number, deserializer=_number)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, got {value!r}")
    return value
