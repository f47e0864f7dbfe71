"""Entries of a config as Python writes them: ``Adam(lr=0.001)``."""

import inspect
from collections.abc import Collection, Mapping
from importlib import import_module
from typing import Any


def described(entry: Any, hidden: Collection[str] = (), brief: Collection[str] | None = None) -> str:
    """Return a value of a config as text; an object is its class with its arguments.

    Arguments that are ``None`` are left out.

    Args:
        entry: The value, plain or a mapping with ``class_path`` and ``init_args``.
        hidden: Arguments of the class to leave out.
        brief: If given, arguments with the default value of the class are left out as well, except these.

    Example:
        >>> described({"class_path": "torch.optim.Adam", "init_args": {"lr": 0.001, "eps": 1e-8}}, brief=("lr",))
        'Adam(lr=0.001)'
    """
    if isinstance(entry, list):
        return f"[{', '.join(map(described, entry))}]"
    if not (isinstance(entry, Mapping) and isinstance(entry.get("class_path"), str)):
        return repr(entry)
    defaults = {} if brief is None else _defaults(entry["class_path"])
    shown = {
        name: value
        for name, value in (entry.get("init_args") or {}).items()
        if value is not None
        and name not in hidden
        and (name in (brief or ()) or name not in defaults or defaults[name] != _like(value, defaults[name]))
    }
    arguments = ", ".join(f"{name}={described(value)}" for name, value in shown.items())
    return f"{entry['class_path'].rpartition('.')[2]}({arguments})"


def _defaults(class_path: str) -> dict[str, Any]:
    parameters = inspect.signature(find_class(class_path)).parameters.items()
    return {name: parameter.default for name, parameter in parameters}


def _like(value: Any, default: Any) -> Any:
    """Return ``value`` as a tuple if the default is one, which YAML cannot represent."""
    return tuple(value) if isinstance(default, tuple) and isinstance(value, list) else value


def find_class(class_path: str) -> Any:
    """Return the class at an import path."""
    module, _, name = class_path.rpartition(".")
    return getattr(import_module(module), name)


def summary_of(class_path: str) -> str:
    """Return the first paragraph of a class's docstring on one line; empty if it has none."""
    text = inspect.getdoc(find_class(class_path)) or ""
    return " ".join(text.partition("\n\n")[0].split())
