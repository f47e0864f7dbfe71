"""Completes a parsed config, so that it has the same meaning wherever it is read again."""

import inspect
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast, get_args, get_type_hints

from jsonargparse import ArgumentParser, Namespace

from lr_lightning.losses import Likelihood

_UNSERIALIZABLE = "Unable to serialize instance"  # jsonargparse's text for a value that it cannot write


def complete_config(config: Namespace) -> None:
    """Set the arguments of the network that the model determines, and make paths absolute, in place.

    Args:
        config: The parsed config of one command.
    """
    for key in ("model", "data"):
        for entry in _class_entries(config.get(key)):
            _make_paths_absolute(entry)
    if config.get("model") is not None:
        _choose_variational(config.model)
        _choose_parameters(config.model)


@cache
def path_arguments(kind: Any) -> frozenset[str]:
    """Return the names of the arguments of a class that are paths."""
    return frozenset(name for name, annotation in _annotations(kind).items() if _holds_paths(annotation))


def check_serializable(plain: Any, key: str = "") -> None:
    """Raise ``ValueError`` if a dumped config contains a value that cannot be read back, e.g. an unnamed function.

    Args:
        plain: The config, or a part of it, after dumping and loading.
        key: Key of the part in the config.
    """
    if isinstance(plain, str) and plain.startswith(_UNSERIALIZABLE):
        raise ValueError(
            f"{key} is a Python object that cannot be written to config.yaml; set {key} to a class_path with "
            "init_args, or give it a default of plain values"
        )
    parts = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for name, part in parts:
        check_serializable(part, f"{key}.{name}" if key else str(name))


def _choose_variational(model: Namespace) -> None:
    """Set ``variational`` of the network as the model requires, unless the config sets it."""
    needed = getattr(_class_of(model), "needs_variational", None)
    arguments = _arguments_of(model, "network")
    if needed is not None and "variational" in arguments and arguments["variational"] is None:
        arguments["variational"] = needed


def _choose_parameters(model: Namespace) -> None:
    """Set ``parameters_per_value`` of the network as the likelihood requires, unless the config sets it."""
    arguments = _arguments_of(model, "network")
    if "parameters_per_value" in arguments and arguments["parameters_per_value"] is None:
        given = (model.get("init_args") or {}).get("likelihood")
        arguments["parameters_per_value"] = 1 if given is None else _built(given).parameters_per_value


def _built(likelihood: Namespace) -> Likelihood:
    """Return the likelihood of a config, for what depends on its arguments."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(Likelihood, "likelihood", fail_untyped=False)
    config = parser.parse_object({"likelihood": likelihood})
    return cast(Likelihood, parser.instantiate_classes(config).likelihood)


def _arguments_of(model: Namespace, name: str) -> Any:
    """Return the arguments of an object among those of the model; none if it is not given by its class."""
    entry = (model.get("init_args") or {}).get(name)
    return (entry.get("init_args") or {}) if isinstance(entry, Namespace) else {}


def _make_paths_absolute(entry: Namespace) -> None:
    """Make the paths among the arguments of one class absolute, and expand ``~``."""
    arguments = entry.get("init_args") or {}
    for name in path_arguments(_class_of(entry)):
        if name in arguments:
            arguments[name] = _absolute(arguments[name])


def _absolute(value: Any) -> Any:
    if isinstance(value, list):
        return [_absolute(each) for each in value]
    return type(value)(Path(value).expanduser().absolute()) if isinstance(value, str | Path) else value


def _class_entries(value: Any) -> Iterator[Namespace]:
    """Yield every ``class_path`` with its ``init_args`` in a part of a config, at any depth."""
    if isinstance(value, Namespace):
        if "class_path" in value:
            yield value
        value = vars(value)
    if isinstance(value, dict):
        for each in value.values():
            yield from _class_entries(each)
    elif isinstance(value, list):
        for each in value:
            yield from _class_entries(each)


def _class_of(entry: Namespace) -> Any:
    module, _, name = entry.class_path.rpartition(".")
    return getattr(import_module(module), name)


def _annotations(kind: Any) -> dict[str, Any]:
    """Return the type of each argument of a class, including arguments passed on to base classes."""
    found: dict[str, Any] = {}
    for base in inspect.getmro(kind) if inspect.isclass(kind) else ():
        constructor = vars(base).get("__init__")
        if constructor is None:
            continue
        try:
            hints = get_type_hints(constructor)
        except NameError:  # a quoted name is imported for type checkers only
            hints = {name: hint for name, hint in inspect.get_annotations(constructor).items() if type(hint) is not str}
        found = hints | found
        if "kwargs" not in inspect.signature(constructor).parameters:
            break
    return found


def _holds_paths(annotation: Any) -> bool:
    return annotation is Path or any(_holds_paths(part) for part in get_args(annotation))
