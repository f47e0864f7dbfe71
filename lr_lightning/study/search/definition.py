"""Reads search files; imports neither torch nor Ray."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.blocks import check_keys
from lr_lightning.study.manifest import Resources, Value
from lr_lightning.study.reading import digest_of, read_mapping, read_name, read_values
from lr_lightning.study.search.space import Distribution, read_space
from lr_lightning.study.settings import parse_resources

_KEYS = {
    "name": "name of the search and of its folder",
    "config": "training config",
    "set": "values that all trials have",
    "space": "distributions of the values that are searched",
    "monitor": "key of the scalar to optimize",
    "mode": "min or max",
    "num_trials": "number of trials",
    "seed": "seed of all trials, and of the search",
    "scheduler": "asha, or none to train all trials to the end",
    "grace": "share of the training before asha may stop a trial",
    "resources": "what one trial occupies",
}
_SET_BY_THE_SEARCH = ("checkpoint.monitor", "checkpoint.mode")
SCHEDULERS = ("asha", "none")
MODES = ("min", "max")


@dataclass(frozen=True)
class SearchDefinition:
    """A search file, checked as far as possible without its config.

    Attributes:
        path: The file.
        name: Name of the search, and of its folder.
        config: Name or path of the training config.
        values: Values that all trials have, by their keys on the command line.
        space: What the values of the other keys are drawn from.
        monitor: Key of the scalar to optimize.
        mode: Whether it is to be small or large.
        num_trials: Number of trials.
        seed: Seed of each trial's training, and of the draws.
        scheduler: ``"asha"`` stops trials that are worse than others at the same point, ``"none"`` stops none.
        grace: Share of the training, in ``(0, 1)``, before a trial may be stopped.
        resources: What one trial occupies.
        digest: Hash of the values in the file.
    """

    path: Path
    name: str
    config: str
    values: Mapping[str, Value]
    space: Mapping[str, Distribution]
    monitor: str
    mode: Literal["min", "max"]
    num_trials: int
    seed: int
    scheduler: Literal["asha", "none"]
    grace: float
    resources: Resources
    digest: str


def read_search(path: Path) -> SearchDefinition:
    """Return the search that a file defines.

    Raises:
        UsageError: If there is no such file, it is not YAML, or a key or value is unknown or wrong; the message names
            the key.
    """
    if not path.is_file():
        raise UsageError(f"there is no search file {path}")
    given = read_mapping(path, "search", _KEYS)
    try:
        return _definition(path, given)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error


def _definition(path: Path, given: Mapping[str, Any]) -> SearchDefinition:
    values, space = read_values(given), read_space(given.get("space"))
    check_keys(space, "space")
    for place, keys in (("set", values), ("space", space)):
        for key in _SET_BY_THE_SEARCH:
            if key in keys:
                raise UsageError(f"{place}: {key} cannot be set in a search, which sets it to its own monitor and mode")
    return SearchDefinition(
        path=path,
        name=read_name(given.get("name", path.stem)),
        config=_config(path, _text("config", given.get("config"))),
        values=values,
        space=space,
        monitor=_text("monitor", given.get("monitor")),
        mode=_choice("mode", given.get("mode"), MODES),
        num_trials=_whole("num_trials", given.get("num_trials"), 1),
        seed=_whole("seed", given.get("seed", 0), 0),
        scheduler=_choice("scheduler", given.get("scheduler", "asha"), SCHEDULERS),
        grace=_share("grace", given.get("grace", 0.1)),
        resources=parse_resources(given.get("resources")),
        digest=digest_of(given),
    )


def _config(path: Path, given: str) -> str:
    """Return the path of a config beside the file, otherwise the path or name as it is."""
    return str(path.parent / given) if (path.parent / given).is_file() else given


def _text(key: str, given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise UsageError(f"{key}, the {_KEYS[key]}, must be text, got {given!r}")
    return given


def _choice(key: str, given: Any, choices: tuple[str, ...]) -> Any:
    if given not in choices:
        raise UsageError(f"{key} must be one of {', '.join(choices)}, got {given!r}")
    return given


def _whole(key: str, given: Any, least: int) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not least <= given < 2**32:
        raise UsageError(f"{key}, the {_KEYS[key]}, must be a whole number of at least {least}, got {given!r}")
    return given


def _share(key: str, given: Any) -> float:
    if not isinstance(given, int | float) or isinstance(given, bool) or not 0 < given < 1:
        raise UsageError(f"{key}, the {_KEYS[key]}, must lie between 0 and 1, got {given!r}")
    return float(given)
