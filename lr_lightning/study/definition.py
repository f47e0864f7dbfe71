"""Reads study files; imports neither torch nor the classes that a study names."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from lr_lightning.commands.config.packaged import find_packaged
from lr_lightning.commands.messages import UsageError
from lr_lightning.configs import CONFIG_FOLDER
from lr_lightning.study.blocks import Block, read_blocks
from lr_lightning.study.manifest import Evaluation, Resources, Value
from lr_lightning.study.reading import digest_of, read_mapping, read_name, read_values
from lr_lightning.study.settings import parse_evaluation, parse_resources

STUDY_FOLDER = CONFIG_FOLDER / "studies"
"""Folder of the packaged studies."""
_KEYS = ("name", "config", "set", "seeds", "runs_per_job", "grid", "test", "resources", "wandb")
_EARLIER_KEYS = {"seeds_per_job": "runs_per_job"}
"""Key of an earlier version -> current key."""
_MODES = ("offline", "online", "disabled")
_MOST_SEEDS = 1_000_000


@dataclass(frozen=True)
class StudyDefinition:
    """A study file, checked as far as possible without resolving its configs.

    Attributes:
        path: The file.
        name: Name of the study, and of its folder.
        values: Values that all blocks have, by their keys on the command line; those of a block take precedence.
        blocks: The blocks of the grid.
        seeds: Seeds of each cell.
        runs_per_job: How many runs one job trains together, at most.
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
    runs_per_job: int
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
    written = read_mapping(path, "study", _KEYS, _EARLIER_KEYS)
    try:
        return _definition(path, _with_current_keys(written), digest_of(written))
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error


def _with_current_keys(given: Mapping[str, Any]) -> dict[str, Any]:
    for old, new in _EARLIER_KEYS.items():
        if old in given and new in given:
            raise UsageError(f"it has both {old!r} and {new!r}, its current name; remove {old!r}")
    return {_EARLIER_KEYS.get(key, key): value for key, value in given.items()}


def _definition(path: Path, given: Mapping[str, Any], digest: str) -> StudyDefinition:
    seeds = _seeds(given.get("seeds", 1))
    evaluation = parse_evaluation(given.get("test"))
    if evaluation.udr_inputs is not None and len(seeds) < 2:
        raise UsageError(
            "test.udr compares the seeds of each cell, but there is only one; raise seeds, best to 5 or more"
        )
    wandb = given.get("wandb", "offline")
    if wandb not in _MODES:
        raise UsageError(f"wandb must be one of {', '.join(_MODES)}, got {wandb!r}")
    blocks = read_blocks(given.get("grid"), _config(given.get("config")), path.parent)
    return StudyDefinition(
        path=path,
        name=read_name(given.get("name", path.stem)),
        values=read_values(given),
        blocks=blocks,
        seeds=seeds,
        runs_per_job=_runs_per_job(given.get("runs_per_job", 1), sum(map(len, blocks)) * len(seeds)),
        evaluation=evaluation,
        resources=parse_resources(given.get("resources")),
        wandb=cast(Literal["offline", "online", "disabled"], wandb),
        digest=digest,
    )


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
        if not 1 <= given <= _MOST_SEEDS:
            raise UsageError(f"seeds must be a number from 1 to {_MOST_SEEDS:,}, or a list of seeds, got {given}")
        return tuple(range(given))
    twice = sorted(seed for seed, count in Counter(listed).items() if count > 1)
    if twice:
        raise UsageError(f"seeds has {', '.join(map(str, twice))} twice")
    if min(listed) < 0 or max(listed) >= 2**32:
        raise UsageError(f"seeds must lie between 0 and 2^32 - 1, got {given}")
    return tuple(listed)


def _runs_per_job(given: Any, num_runs: int) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= num_runs:
        raise UsageError(f"runs_per_job must be a whole number from 1 to the number of runs, {num_runs}, got {given!r}")
    return given
