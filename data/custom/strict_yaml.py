"""A strict subset of YAML for descriptions of data sets, without easily misread constructs."""

import re
from pathlib import Path
from typing import Any

import yaml

from lr_lightning.common.checks import one_line

_LARGEST_FILE = 1 << 20
# Decimal numbers as people and programs write them. This includes 1e-4, which is text in YAML 1.1.
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_NOT_FINITE = r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
_TAG = "tag:yaml.org,2002:"
_READ_DIFFERENTLY = {f"{_TAG}{kind}" for kind in ("int", "float", "timestamp")}


def as_number(text: str) -> float | None:
    """Return ``text`` as a decimal number, infinite if too large for a float; ``None`` if it is not a number."""
    return float(text) if re.fullmatch(_NUMBER, text) else None


def read_yaml(path: Path) -> Any:
    """Parse a small YAML file.

    Numbers are decimal: ``1e-4`` is a number, ``010`` is ten, and ``1:30`` is text. Duplicate keys and merging mappings
    with ``<<`` are errors. An alias refers to a value without copying it. So nested aliases cannot fill the memory, but
    code that prints such a value must limit the depth.

    Raises:
        ValueError: If the file is larger than 1 MiB or not in this subset of YAML; the message names the file.
    """
    if (size := path.stat().st_size) > _LARGEST_FILE:
        raise ValueError(
            f"{path} must be at most {_LARGEST_FILE:,} bytes, got {size:,}; store labels in a separate file"
        )
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except RecursionError as error:
        raise ValueError(f"{path} cannot be read as YAML: lists or mappings are nested too deeply") from error
    # PyYAML does not wrap errors of its conversions: of dates, binary data and long numbers
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {one_line(error)[:500]}") from error


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """A safe loader with the numbers of :func:`read_yaml`."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - an attribute of the base class
        letter: [(tag, pattern) for tag, pattern in resolvers if tag not in _READ_DIFFERENTLY]
        for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def flatten_mapping(self, node: Any) -> None:
        if any(key.tag == f"{_TAG}merge" for key, _ in node.value):
            raise _error(node, "mappings cannot be merged with <<; write out the keys")

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = set[str]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in keys:
                    raise _error(key, f"duplicate key {key.value!r}")
                keys.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping

    def construct_scalar(self, node: Any) -> Any:
        text = super().construct_scalar(node)
        if any("\ud800" <= character <= "\udfff" for character in text):  # would fail later, when it is printed
            raise _error(node, f"{text!r} contains half of a surrogate pair")
        return text


def _error(node: Any, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"(?:[-+]?[0-9]+)\Z"), list("-+0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}float", re.compile(rf"(?:{_NUMBER}|{_NOT_FINITE})\Z"), list("-+0123456789."))
_Loader.add_constructor(f"{_TAG}int", lambda loader, node: int(loader.construct_scalar(node)))
