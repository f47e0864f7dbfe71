"""Replaces registered names of classes, in configs and on the command line, by import paths."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from lr_lightning.callbacks.registry import ASSAYS
from lr_lightning.commands.config import transform_arguments
from lr_lightning.common.registry import Registry
from lr_lightning.data.registry import DATA_SETS
from lr_lightning.losses import LIKELIHOODS
from lr_lightning.models import MODELS
from lr_lightning.networks import NETWORKS

REGISTRIES: Mapping[str, Registry[Any]] = {
    "model": MODELS,
    "network": NETWORKS,
    "likelihood": LIKELIHOODS,
    "assays": ASSAYS,
    "dataset": DATA_SETS,
}
"""The registry for each key of a config; assays are one level below the key ``assays``."""


def with_class_paths(config: Any, place: Sequence[str] = ()) -> Any:
    """Replace registered names in a config by import paths.

    A name is replaced as the value of a key in :data:`REGISTRIES`, and as ``class_path`` below such a key. So are names
    of torchvision's transforms in lists of transforms.

    Args:
        config: The config, or a part of it, plain values; not modified.
        place: The keys that lead to the part.

    Raises:
        ValueError: If a class cannot be imported, or has the wrong type.

    Example:
        >>> with_class_paths({"assays": {"mine": "dynamics"}})
        {'assays': {'mine': 'lr_lightning.callbacks.DynamicsAssay'}}
    """
    if isinstance(config, Mapping):
        return {key: with_class_paths(value, (*place, str(key))) for key, value in config.items()}
    if isinstance(config, list):
        return [with_class_paths(value, place) for value in config]
    if not isinstance(config, str):
        return config
    *above, key = [key for key in place if key != "class_path"] or [""]
    if key in transform_arguments.KEYS:
        return transform_arguments.transform_path(config) or config
    registry = REGISTRIES.get("assays" if above == ["assays"] else key)
    return config if registry is None else registry.class_path(config) or config


def registered_names() -> list[str]:
    """Return all registered names, and the class names of installed packages."""
    registries = REGISTRIES.values()
    classes = [entry.attr for registry in registries for entry in registry.plugins.values()]
    return list(dict.fromkeys([name for registry in registries for name in registry] + classes))


def import_registered() -> None:
    """Import the classes of installed packages, so that ``--help`` lists them; report those that fail."""
    for registry in REGISTRIES.values():
        for name in registry.plugins:
            try:
                registry[name]
            except ValueError as error:
                print(f"not listed: {error}", file=sys.stderr)


def words_with_class_paths(arguments: Sequence[str]) -> list[str]:
    """Replace registered names in the words of a command line by import paths.

    Raises:
        ValueError: If a class cannot be imported, or has the wrong type.
    """
    found: list[str] = []
    option = ""
    for word in arguments:
        if word.startswith("--"):
            option, equals, value = word.partition("=")
            found.append(f"{option}={_text_with_class_paths(option, value)}" if equals else word)
            option = "" if equals else option
        else:
            found.append(_text_with_class_paths(option, word))
            option = ""
    return found


def _text_with_class_paths(option: str, text: str) -> str:
    """Replace registered names in the value ``text`` of an option, a word or YAML on one line."""
    place = option.removeprefix("--").removesuffix("+").split(".")
    if not text.startswith(("{", "[")):
        return str(with_class_paths(text, place))
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError:  # reported by the parser
        return text
    resolved = with_class_paths(given, place)
    return text if resolved == given else json.dumps(resolved)
