"""Reads the files that define studies and searches, which have several keys in common."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from lr_lightning.commands.config.reading import read_config_file
from lr_lightning.commands.messages import UsageError
from lr_lightning.study.blocks import check_keys, with_numbers
from lr_lightning.study.key_hint import key_hint
from lr_lightning.study.layout import RUNS
from lr_lightning.study.manifest import Value

_NAME = re.compile(r"[\w][\w.+-]*")
_LONGEST = 200
"""Bytes of a name; file systems allow 255."""


def read_mapping(path: Path, kind: str, keys: Collection[str], earlier: Collection[str] = ()) -> dict[str, Any]:
    """Return the content of a file that is a mapping of known keys to plain values.

    Args:
        path: The file.
        kind: What it defines, for messages.
        keys: The keys that it may have.
        earlier: Keys that earlier versions had, which it may have too.

    Raises:
        UsageError: If it is something else; the message names the file and the key.
    """
    try:
        given = read_config_file(path)
    except ValueError as error:  # which names the file
        raise UsageError(str(error)) from error
    if not isinstance(given, dict):
        raise UsageError(
            f"{path}: a {kind} must be a mapping with the keys {', '.join(keys)}, got {type(given).__name__}"
        )
    for key in given:
        if key not in keys and key not in earlier:
            raise UsageError(f"{path}: there is no key {key!r}; {_hint(key, keys)}")
    for key, value in _not_plain(given):
        raise UsageError(f"{path}: {key} is a {type(value).__name__} ({value}); put it in quotes if it is a text")
    return given


def read_values(given: Mapping[str, Any]) -> dict[str, Value]:
    """Return the values that all runs have, by their keys on the command line.

    Args:
        given: The content of a file with the key ``set``.

    Raises:
        UsageError: If it is no mapping, or has a key that is unknown or cannot be set.
    """
    values = given.get("set") or {}
    if not isinstance(values, dict):
        raise UsageError(f"set must be a mapping, such as {{trainer.max_steps: 1000}}, got {values!r}")
    check_keys(values, "set")
    return {key: with_numbers(value) for key, value in values.items()}


def read_name(given: Any) -> str:
    """Return the name of a study or a search.

    Raises:
        UsageError: If it cannot be the name of a folder beside that of the runs.
    """
    if not isinstance(given, str) or not _NAME.fullmatch(given) or len(given.encode()) > _LONGEST:
        raise UsageError(
            "name must be the name of a folder: letters, digits, _, -, + and dots, no slash, and at most "
            f"{_LONGEST} bytes, got {given!r}"
        )
    if given == RUNS:
        raise UsageError(f"name must not be {given!r}, which is the folder of the runs of all studies")
    return given


def digest_of(given: Mapping[str, Any]) -> str:
    """Return a hash of the values in a file; comments and the order of keys do not change it."""
    return hashlib.sha256(yaml.safe_dump(given).encode()).hexdigest()


def _hint(key: object, known: Collection[str]) -> str:
    hint = key_hint(key, known)
    if "." in str(key) and not hint.startswith("did you mean"):
        return f"values of training belong below set, as in set: {{{key}: ...}}"
    return hint


def _not_plain(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield key and value of what YAML knows and JSON does not: dates, bytes and sets."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _not_plain(inner, f"{key}.{name}".removeprefix("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _not_plain(inner, key)
    elif not isinstance(value, bool | int | float | str | None):
        yield key, value
