"""Configs that build on others: ``include: shared/assays.yaml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lr_lightning.commands.config.packaged import find_config
from lr_lightning.commands.config.reading import read_config_file
from lr_lightning.commands.messages import UsageError
from lr_lightning.configs import CONFIG_FOLDER

INCLUDE = "include"
_KEYS_OF_CLASS = frozenset({"class_path", "init_args", "dict_kwargs"})


def read_config(path: Path, including: tuple[Path, ...] = ()) -> Any:
    """Return the values in a config file, merged into those of the files that it includes.

    The key ``include`` is a file, the name of a packaged config, or a list of them. Files are searched for next to the
    config, then among the configs of this package, so that a copy of one of these works anywhere. Files are merged in
    order, and the config itself comes last; later values take precedence. Mappings are merged, unless they name
    different classes; so is the name of a class alone, which is short for ``{class_path: NAME}``.

    Args:
        path: The file.
        including: The files that include it.

    Raises:
        UsageError: If an included file does not exist.
        ValueError: If a file is not YAML or too large, is not a mapping although others include it, or includes itself.
    """
    config = read_config_file(path)
    if not isinstance(config, dict):
        if including:
            raise ValueError(f"{path}, included by {including[-1]}, is not a mapping")
        return config
    return with_includes(config, path, including)


def with_includes(config: Mapping[str, Any], path: Path, including: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return a config merged into the files that it includes; see :func:`read_config`.

    Args:
        config: The config, plain values.
        path: Where it is from: the folder to start from, and a name for messages.
        including: The files that include it.
    """
    own = {key: value for key, value in config.items() if key != INCLUDE}
    names = config.get(INCLUDE, [])
    merged: dict[str, Any] = {}
    for name in names if isinstance(names, list) else [names]:
        included = _find(name, path)
        if included.resolve() in {each.resolve() for each in (path, *including)}:
            raise ValueError(f"{included} includes itself")
        merged = _merged(merged, read_config(included, (*including, path)))
    both: dict[str, Any] = _merged(merged, own)
    return both


def _find(name: Any, path: Path) -> Path:
    """Return the file included as ``name`` by the config ``path``."""
    if not isinstance(name, str):
        raise ValueError(f"include in {path} must be the path of a config or a list of paths, got {name!r}")
    if not (path.parent / name).is_file() and (CONFIG_FOLDER / name).is_file():
        return CONFIG_FOLDER / name
    try:
        return find_config(name, path.parent)
    except UsageError as error:
        raise UsageError(f"{path} includes {name!r}: {error}") from error


def _merged(base: Any, own: Any) -> Any:
    """Return ``base`` updated by ``own``, at any depth."""
    base, own = _long_form(base, beside=own), _long_form(own, beside=base)
    if not (isinstance(base, Mapping) and isinstance(own, Mapping)):
        return own
    if "class_path" in base and not _is_same_class(own.get("class_path"), base["class_path"]):
        return own  # arguments of one class do not apply to another
    merged = {**base, **{key: _merged(base.get(key), value) for key, value in own.items()}}
    return dict(sorted(merged.items(), key=lambda item: item[0] != "class_path"))  # a class precedes its arguments


def _long_form(value: Any, beside: Any) -> Any:
    """Return the name of a class as the mapping that it stands for, if the value beside it is such a mapping."""
    names_class = isinstance(beside, Mapping) and not _KEYS_OF_CLASS.isdisjoint(beside)
    return {"class_path": value} if isinstance(value, str) and names_class else value


def _is_same_class(name: Any, other: Any) -> bool:
    """Return whether two names may be of one class: without a name, with the same, or one without its module."""
    if not (isinstance(name, str) and isinstance(other, str)):
        return name is None or name == other
    return name == other or name.endswith(f".{other}") or other.endswith(f".{name}")
