"""A strict subset of YAML for descriptions of data sets, without constructs that are easily misread."""

import re
from pathlib import Path
from typing import Any

import yaml

from lr_lightning.common.checks import one_line

_LARGEST_FILE = 1 << 20
# Decimal numbers as people and programs write them, 1e-4 among them, which YAML 1.1 takes for text.
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_NOT_FINITE = r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
_TAG = "tag:yaml.org,2002:"
_READ_DIFFERENTLY = {f"{_TAG}{kind}" for kind in ("int", "float", "timestamp")}


def as_number(text: str) -> float | None:
    """Return the decimal number that ``text`` is, infinite if it is too large for a float; ``None`` if it is none."""
    return float(text) if re.fullmatch(_NUMBER, text) else None


def read_yaml(path: Path) -> Any:
    """Return what a small YAML file holds.

    Numbers are decimal: ``1e-4`` is one, ``010`` is ten, and ``1:30`` is text. No key may be there twice, and mappings
    cannot be merged with ``<<``. An alias repeats a value without copying it: nested ones cannot fill the memory, but
    what prints such a value must stop somewhere.

    Raises:
        ValueError: If the file is larger than 1 MiB or no such YAML; the message names the file.
    """
    if (size := path.stat().st_size) > _LARGEST_FILE:
        raise ValueError(
            f"{path} has {size:,} bytes, and a description at most {_LARGEST_FILE:,}; labels go into another file"
        )
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except RecursionError as error:
        raise ValueError(f"{path} cannot be read as YAML: lists or mappings are nested too deeply") from error
    # beside its own errors, PyYAML lets those of conversions through: of dates, binary data and long numbers
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {one_line(error)[:500]}") from error


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # no types of PyYAML
    """A safe loader with the numbers of :func:`read_yaml`."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - of the base class
        letter: [(tag, pattern) for tag, pattern in resolvers if tag not in _READ_DIFFERENTLY]
        for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def flatten_mapping(self, node: Any) -> None:
        if any(key.tag == f"{_TAG}merge" for key, _ in node.value):
            raise _error(node, "mappings cannot be merged; write the keys out")

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise _error(key, f"the key {key.value!r} is there twice")
                keys.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping

    def construct_scalar(self, node: Any) -> Any:
        text = super().construct_scalar(node)
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise _error(node, f"{text!r} is no text, as it holds half a character")
        return text


def _error(node: Any, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"(?:[-+]?[0-9]+)\Z"), list("-+0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}float", re.compile(rf"(?:{_NUMBER}|{_NOT_FINITE})\Z"), list("-+0123456789."))
_Loader.add_constructor(f"{_TAG}int", lambda loader, node: int(loader.construct_scalar(node)))
