"""Reads study files; imports neither torch nor the classes that a study names."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from lr_lightning.commands.config.packaged import find_packaged
from lr_lightning.commands.config.yaml_limits import check_config_file
from lr_lightning.commands.messages import UsageError
from lr_lightning.configs import CONFIG_FOLDER
from lr_lightning.study.blocks import Block, check_keys, read_blocks, with_numbers
from lr_lightning.study.manifest import Evaluation, Resources, Value
from lr_lightning.study.settings import parse_evaluation, parse_resources

STUDY_FOLDER = CONFIG_FOLDER / "studies"
"""Folder of the packaged studies."""
_KEYS = ("name", "config", "set", "seeds", "seeds_per_job", "grid", "test", "resources", "wandb")
_MODES = ("offline", "online", "disabled")
_NAME = re.compile(r"[\w][\w.+-]*")
_TAKEN = ("runs",)
"""Names of folders beside those of studies."""


@dataclass(frozen=True)
class StudyDefinition:
    """A study file, checked as far as possible without resolving its configs.

    Attributes:
        path: The file.
        name: Name of the study, and of its folder.
        values: Values that all blocks have, by their keys on the command line; those of a block take precedence.
        blocks: The blocks of the grid.
        seeds: Seeds of each cell.
        seeds_per_job: How many seeds of a cell one job trains together.
        evaluation: What is measured on each run.
        resources: What one job occupies.
        wandb: Mode of W&B.
        digest: Hash of the values in the file; comments and the order of keys do not change it.
    """

    path: Path
    name: str
    values: Mapping[str, Value]
    blocks: tuple[Block, ...]
    seeds: tuple[int, ...]
    seeds_per_job: int
    evaluation: Evaluation
    resources: Resources
    wandb: Literal["offline", "online", "disabled"]
    digest: str

    @property
    def num_cells(self) -> int:
        """Number of cells."""
        return sum(map(len, self.blocks))


def find_study(name: str | Path) -> Path:
    """Return the path of a study file: an existing file, or a packaged study.

    Args:
        name: Path of a file, or a name listed by ``lr-lightning study list``.

    Raises:
        UsageError: If there is neither; the message suggests similar names.

    Example:
        >>> find_study("small_dsprites").name
        'small_dsprites.yaml'
    """
    return find_packaged(name, STUDY_FOLDER, "study", "lr-lightning study list")


def read_definition(path: Path) -> StudyDefinition:
    """Return the study that a file defines.

    Raises:
        UsageError: If the file is not YAML, or a key or value in it is unknown or wrong; the message names the file and
            the key.
    """
    try:
        check_config_file(path)
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(str(error)) from error
    try:
        return _definition(path, given)
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error


def _definition(path: Path, given: Any) -> StudyDefinition:
    if not isinstance(given, dict):
        raise UsageError(f"a study must be a mapping with the keys {', '.join(_KEYS)}, got {type(given).__name__}")
    for key in given:
        if key not in _KEYS:
            close = get_close_matches(str(key), _KEYS, n=1)
            raise UsageError(f"there is no key {key!r}; {_hint(str(key), close)}")
    values = given.get("set") or {}
    if not isinstance(values, dict):
        raise UsageError(f"set must be a mapping, such as {{trainer.max_steps: 1000}}, got {values!r}")
    check_keys(values, "set")
    seeds = _seeds(given.get("seeds", 1))
    wandb = given.get("wandb", "offline")
    if wandb not in _MODES:
        raise UsageError(f"wandb must be one of {', '.join(_MODES)}, got {wandb!r}")
    return StudyDefinition(
        path=path,
        name=check_name(given.get("name", path.stem)),
        values={key: with_numbers(value) for key, value in values.items()},
        blocks=read_blocks(given.get("grid"), _config(given.get("config")), path.parent),
        seeds=seeds,
        seeds_per_job=_seeds_per_job(given.get("seeds_per_job", 1), seeds),
        evaluation=parse_evaluation(given.get("test")),
        resources=parse_resources(given.get("resources")),
        wandb=cast(Literal["offline", "online", "disabled"], wandb),
        digest=hashlib.sha256(yaml.safe_dump(given).encode()).hexdigest(),
    )


def _hint(key: str, close: list[str]) -> str:
    if close:
        return f"did you mean {close[0]}?"
    if "." in key:
        return f"values of training belong below set, as in set: {{{key}: ...}}"
    return f"choose from {', '.join(_KEYS)}"


def check_name(given: Any) -> str:
    """Return the name of a study or a search.

    Raises:
        UsageError: If it cannot be the name of a folder beside that of the runs.
    """
    if not isinstance(given, str) or not _NAME.fullmatch(given):
        raise UsageError(
            f"name must be the name of a folder: letters, digits, _, -, + and dots, and no slash, got {given!r}"
        )
    if given in _TAKEN:
        raise UsageError(f"name must not be {given!r}, which is the folder of the runs of all studies")
    return given


def _config(given: Any) -> str | None:
    if given is not None and not (isinstance(given, str) and given):
        raise UsageError(f"config must be the path of a config or the name of a packaged one, got {given!r}")
    return given


def _seeds(given: Any) -> tuple[int, ...]:
    """Return the seeds in a list, or the first ``given`` from 0."""
    listed = given if isinstance(given, list) else [given]
    if not listed or not all(isinstance(seed, int) and not isinstance(seed, bool) for seed in listed):
        raise UsageError(f"seeds must be a number of seeds, or a list of whole numbers, got {given!r}")
    if isinstance(given, int):
        if given < 1:
            raise UsageError(f"seeds must be at least 1, got {given}")
        return tuple(range(given))
    twice = sorted({seed for seed in listed if listed.count(seed) > 1})
    if twice:
        raise UsageError(f"seeds has {', '.join(map(str, twice))} twice")
    if min(listed) < 0 or max(listed) >= 2**32:
        raise UsageError(f"seeds must lie between 0 and 2^32 - 1, got {given}")
    return tuple(listed)


def _seeds_per_job(given: Any, seeds: tuple[int, ...]) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= len(seeds):
        raise UsageError(f"seeds_per_job must be a whole number from 1 to the {len(seeds)} seeds, got {given!r}")
    return given
