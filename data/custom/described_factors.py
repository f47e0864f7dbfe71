"""The factors in the description of a data set: their values and value names."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from reprlib import Repr
from typing import Any, NamedTuple

from lr_lightning.data.custom.strict_yaml import as_number

_MOST_FACTORS = 1000
_MOST_VALUES = 1_000_000

_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxlist, _SHORT.maxdict, _SHORT.maxstring, _SHORT.maxlong = 3, 20, 20, 200, 50


def shown(value: Any) -> str:
    """Return a short one-line form of a value from a description, which may be nested endlessly (YAML aliases)."""
    return _SHORT.repr(value)


class CustomFactor(NamedTuple):
    """A factor of a description.

    Attributes:
        values: The values as listed; 0, 1, ... if only their number or their names are given.
        names: Names of the values, if they are text.
        listed: Whether the values are listed as numbers.
    """

    values: Sequence[float]
    names: tuple[str, ...] = ()
    listed: bool = False


def read_factors(path: Path, content: Any) -> dict[str, CustomFactor]:
    """Return the factors by name.

    Args:
        path: Path of the description, for messages.
        content: Its entry ``factors``.

    Raises:
        ValueError: If ``content`` does not map names to a number of values, a list of numbers or a list of texts.
    """
    if not isinstance(content, dict) or not content:
        raise ValueError(
            f"factors in {path} must map names to a number of values or a list of values, got {shown(content)}"
        )
    if len(content) > _MOST_FACTORS:
        raise ValueError(f"factors in {path} must be at most {_MOST_FACTORS:,}, got {len(content):,}")
    return {name: _factor(path, name, given) for name, given in content.items()}


def _factor(path: Path, name: Any, given: Any) -> CustomFactor:
    if not isinstance(name, str):  # YAML parses unquoted words such as no and on as booleans
        raise ValueError(f"factors in {path} must have names that are text, got {shown(name)}; put it in quotes")
    where = f"factor {shown(name)} in {path}"
    counted = isinstance(given, int) and not isinstance(given, bool)
    if not (given >= 1 if counted else isinstance(given, list) and given):
        raise ValueError(f"{where} must be a number of values (at least 1) or a list of values, got {shown(given)}")
    if (size := given if counted else len(given)) > _MOST_VALUES:
        raise ValueError(f"{where} must have at most {_MOST_VALUES:,} values, got {shown(size)}")
    return CustomFactor(range(given)) if counted else _listed(where, given)


def _listed(where: str, given: list[Any]) -> CustomFactor:
    """Return the factor with the listed values; text that is a number counts as a number."""
    numbers = [_number(value) for value in given]
    if None not in numbers:
        values = [value for value in numbers if value is not None]
        if not all(map(isfinite, values)):
            raise ValueError(f"{where} must have finite values, got {shown(given)}")
        if len(set(values)) != len(values):
            raise ValueError(f"{where} must have distinct values, got {shown(given)}")
        return CustomFactor(values, listed=True)
    texts = [value for value in given if isinstance(value, str)]
    if len(texts) != len(given) or any(number is not None for number in numbers):
        raise ValueError(
            f"{where} must have only numbers or only text as values, got {shown(given)}; text such as yes, on, true "
            "and null needs quotes"
        )
    if len(set(texts)) != len(texts):
        raise ValueError(f"{where} must have distinct values, got {shown(given)}")
    return CustomFactor(range(len(texts)), tuple(texts))


def _number(value: Any) -> float | None:
    """Return a value as a number; ``None`` if it is not one."""
    if isinstance(value, str):
        return as_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf")
