"""Words of a command line that set an option to an exact value."""

import re
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike, fspath
from typing import Any

import numpy as np
import yaml

GROUPS = ("assays", "checkpoint", "trainer", "wandb")
"""Keys that are no options themselves: each key below them is one."""


def option_words(values: Mapping[str, Any]) -> list[str]:
    """Return the words that set options as given, with the types of the values.

    ``--model.network.latent_dim=null`` would be read as the text ``None``: the parser formats what it has read, and
    reads it again, once for each class below ``model`` and its first argument. A mapping is passed through all classes
    at once, as in a config: ``--model={network: {latent_dim: null}}``.

    Args:
        values: Values by dotted keys, e.g. ``{"model.beta": 8}``; values can be mappings. Numbers of NumPy, paths and
            tuples are converted to plain values.

    Raises:
        TypeError: If a key is not text, or a value is neither plain nor a list or mapping of plain values.

    Example:
        >>> option_words({"model.network.latent_dim": None, "trainer.max_steps": 100})
        ['--model={network: {latent_dim: null}}', '--trainer.max_steps=100']
    """
    return [word for key, value in values.items() for word in _words(key, value)]


def typed_words(values: Mapping[str, Any]) -> list[str]:
    """Return the words of :func:`option_words` as one would type them, with an option for each number or word.

    The command line reads them alike: it passes them through :func:`words_with_nested_nulls`.

    Example:
        >>> typed_words({"model.network.latent_dim": None, "model.optimizer.lr": 1e-7})
        ['--model.network.latent_dim=null', '--model.optimizer.lr=1.0e-07']
    """
    found: list[str] = []
    for key, value in values.items():
        line = _one_line(plain_values(value, key))  # quotes texts that would be read as something else
        is_word = re.fullmatch(r"[\w.+-]+", line) is not None
        found += [f"--{key}={line}"] if is_word else option_words({key: value})
    return found


def words_with_nested_nulls(arguments: Sequence[str]) -> list[str]:
    """Replace options inside classes whose value contains ``null`` by mappings; see :func:`option_words`.

    Example:
        >>> words_with_nested_nulls(["fit", "--data.dataset.seed", "null", "--model.beta=null"])
        ['fit', '--data={dataset: {seed: null}}', '--model.beta=null']
    """
    found: list[str] = []
    words = iter(arguments)
    for word in words:
        option, equals, text = word.partition("=")
        if not (option.startswith("--") and len(_below(option.removeprefix("--"))) > 1) or option.endswith("+"):
            found.append(word)
            continue
        given = [text] if equals else [word for word in [next(words, None)] if word is not None]
        if given and _has_null(given[0]):
            found += _words(option.removeprefix("--"), yaml.safe_load(given[0]))
        else:
            found += [word] if equals else [word, *given]
    return found


def _words(key: str, value: Any) -> Iterator[str]:
    if not isinstance(key, str):
        raise TypeError(f"keys must be texts such as 'model.beta', got {key!r}")
    if key in GROUPS and isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _words(f"{key}.{name}", inner)
        return
    below = _below(key)
    option = key.removesuffix("".join(f".{name}" for name in below))
    value = plain_values(value, key)
    for name in reversed(below):
        value = {name: value}
    # the parser takes a text as it is, and would keep the quotes of YAML
    yield f"--{option}={value if isinstance(value, str) else _one_line(value)}"


def _below(key: str) -> list[str]:
    """Return the parts of a dotted key below the option that it belongs to."""
    first, *rest = key.split(".")
    return rest[1:] if first in GROUPS else rest


def _has_null(text: str) -> bool:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:  # reported by the parser
        return False
    return _contains_none(value)


def _contains_none(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_contains_none, value.values()))
    return any(map(_contains_none, value)) if isinstance(value, list) else value is None


def plain_values(value: Any, key: str) -> Any:
    """Return ``value`` with numbers of NumPy, paths and tuples in it converted to types that YAML has.

    Args:
        value: The value.
        key: Its key, for messages.

    Raises:
        TypeError: If it contains other objects.
    """
    match value:
        case np.generic():
            return value.item()
        case None | bool():
            return value
        case str():
            return str(value)
        case Integral():
            return int(value)
        case Real():
            return float(value)
        case PathLike():
            return fspath(value)
        case Mapping():
            return {str(name): plain_values(inner, f"{key}.{name}") for name, inner in value.items()}
        case list() | tuple():
            return [plain_values(inner, key) for inner in value]
    raise TypeError(f"{key} must be a plain value, or a list or mapping of plain values, got {value!r:.80}")


def _one_line(value: Any) -> str:
    line: str = yaml.safe_dump(value, default_flow_style=True, width=10**9, sort_keys=False, allow_unicode=True)
    return line.removesuffix("\n").removesuffix("\n...")
