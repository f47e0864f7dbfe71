"""The grid of a study: a list of blocks, each the product of its lists."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.manifest import Value

_EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")
_OWN_KEYS = ("config", "objective")
_SECTIONS = ("assays", "checkpoint", "data", "initial_weights", "model", "trainer", "wandb")
_SET_BY_THE_STUDY = {
    "ckpt_path": "runs resume from their own checkpoints; for other initial weights, set initial_weights",
    "seed_everything": "use seeds of the study",
    "seeds": "use seeds and runs_per_job of the study",
    "trainer.default_root_dir": "each run has its own folder",
    "wandb.config": "it has the values of the grid and the seed",
    "wandb.group": "the group is the name of the study",
    "wandb.mode": "use wandb of the study",
    "wandb.name": "each run is named after its cell and seed",
    "wandb.run_id": "each run has its own",
}
"""Keys that neither ``set`` nor a block may have, with the reason."""


@dataclass(frozen=True)
class Block:
    """A block of the grid.

    Attributes:
        number: Its number in the grid, from 1.
        config: Name or path of its training config.
        objective: Name of its objective in labels and tables; the class of the model if ``None``.
        values: The values of each key, one after the other.
    """

    number: int
    config: str
    objective: str | None
    values: Mapping[str, tuple[Value, ...]]

    def __len__(self) -> int:
        """Number of cells."""
        size = 1
        for values in self.values.values():
            size *= len(values)
        return size

    def __iter__(self) -> Iterator[dict[str, Value]]:
        """Yield the values of each cell by their keys; those of the last key change fastest."""
        return (dict(zip(self.values, values, strict=True)) for values in product(*self.values.values()))

    def __str__(self) -> str:
        return f"block {self.number} of the grid"


def read_blocks(grid: Any, config: str | None, folder: Path) -> tuple[Block, ...]:
    """Return the blocks of a grid.

    Args:
        grid: The value of ``grid`` in a study file.
        config: The config of blocks that have none of their own.
        folder: Where configs are looked for before the working folder and the packaged ones.

    Raises:
        UsageError: If there is no block, a block is not a mapping, has no config, an empty list or an unknown key.
    """
    if not isinstance(grid, list) or not grid:
        raise UsageError(
            "grid must be a list of blocks, such as [{model.beta: [1, 4]}], or [{}] for a single cell, "
            f"got {grid if grid is None else repr(grid)}"
        )
    return tuple(_block(number, block, config, folder) for number, block in enumerate(grid, start=1))


def check_keys(values: Mapping[Any, Any], place: str) -> None:
    """Raise ``UsageError`` if a key is no argument of training, or one that the study itself sets.

    Args:
        values: Values by their keys on the command line.
        place: Where they stand, for the message.
    """
    for key in values:
        if not isinstance(key, str):
            raise UsageError(f"{place}: keys must be text, such as model.beta, got {key!r}")
        if key in _SET_BY_THE_STUDY:
            raise UsageError(f"{place}: {key} cannot be set in a study; {_SET_BY_THE_STUDY[key]}")
        if key.partition(".")[0] not in _SECTIONS:
            raise UsageError(
                f"{place}: there is no key {key!r}; keys are those of the command line, such as model.beta, "
                "data.batch_size or trainer.max_steps"
            )


def with_numbers(value: Value) -> Value:
    """Return a value; numbers such as ``1e-3``, which YAML reads as text, become floats, as on the command line."""
    return float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value


def _block(number: int, given: Any, config: str | None, folder: Path) -> Block:
    place = f"block {number} of the grid"
    if not isinstance(given, dict):
        raise UsageError(f"{place} must be a mapping of keys to lists of values, got {given!r}")
    values = {key: value for key, value in given.items() if key not in _OWN_KEYS}
    check_keys(values, place)
    own = {key: given.get(key) for key in _OWN_KEYS}
    for key, value in own.items():
        if value is not None and not (isinstance(value, str) and value):
            raise UsageError(f"{place}: {key} must be a name, got {value!r}")
    chosen = own["config"] or config
    if chosen is None:
        raise UsageError(f"{place} has no config; set config in the block, or for all blocks at the top of the file")
    if (folder / chosen).is_file():
        chosen = str(folder / chosen)
    return Block(number, chosen, own["objective"], {key: _values(key, value, place) for key, value in values.items()})


def _values(key: str, given: Any, place: str) -> tuple[Value, ...]:
    """Return the values of a key: those of a list, or a single one."""
    if not isinstance(given, list):
        return (with_numbers(given),)
    if not given:
        raise UsageError(f"{place}: {key} is an empty list, so the block has no cells; give it values, or remove it")
    return tuple(map(with_numbers, given))
