"""The config of a run without what belongs to the machine that trained it."""

from collections.abc import Mapping
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any

_OF_THE_START = ("ckpt_path", "initial_weights", "wandb", "verbose")
"""Keys that concern one start of a run, or the accounts of whoever started it; defaults replace them."""
_DATA = "data_sets"
"""The usual folder of data sets, relative to the working folder."""


def portable_config(config: Mapping[str, Any], seed: int | None = None) -> dict[str, Any]:
    """Return a config that can be read on any machine.

    Absolute paths are shortened to the name of the file or folder, or to ``data_sets/...`` for what lies in a folder of
    this name, so that they start from the working folder. The run folder is in ``runs/``, and loggers are the default
    ones.

    Args:
        config: The resolved config of a run, plain values.
        seed: Seed of one model of an ensemble, ``None`` for a run of one model.
    """
    portable: dict[str, Any] = _without_absolute_paths({key: config[key] for key in config if key not in _OF_THE_START})
    trainer = dict(portable.get("trainer") or {})
    trainer["default_root_dir"] = f"runs/{_path(str(trainer.get('default_root_dir') or 'unnamed')).name}"
    if not isinstance(trainer.get("logger"), bool):
        trainer["logger"] = None
    portable["trainer"] = trainer
    if seed is not None:
        portable |= {"seeds": None, "seed_everything": seed}
    return portable


def _without_absolute_paths(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_absolute_paths(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_absolute_paths(each) for each in value]
    return _shortened(value) if isinstance(value, str) else value


def _shortened(text: str) -> str:
    path = _path(text)
    if not path.is_absolute() and not text.startswith("~"):
        return text
    parts = path.parts
    start = len(parts) - parts[::-1].index(_DATA) - 1 if _DATA in parts else len(parts) - 1
    return "/".join(parts[start:])


def _path(text: str) -> PurePath:
    """Return ``text`` as a path of the system that it is from."""
    windows = PureWindowsPath(text)
    return windows if windows.drive else PurePosixPath(text)
