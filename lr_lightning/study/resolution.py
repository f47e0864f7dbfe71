"""Resolves the cells of a study, and checks everything in it before anything runs."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lr_lightning import __version__
from lr_lightning.commands.messages import UsageError
from lr_lightning.study.blocks import Block
from lr_lightning.study.data_content import data_content, data_set_name, expected_content
from lr_lightning.study.definition import StudyDefinition
from lr_lightning.study.evaluation_check import check_evaluation
from lr_lightning.study.identity import PINNED, cell_identity
from lr_lightning.study.labels import Named, unique_labels
from lr_lightning.study.manifest import Cell, Manifest, Value
from lr_lightning.study.sections import RefusedError, Section, SectionResolver, sections

_LEFT_OUT = ("seed_everything", "seeds", "ckpt_path")
"""Keys that have no place in the config of a cell: its runs differ in them."""


@dataclass(frozen=True)
class ResolvedStudy:
    """A study whose cells are resolved.

    Attributes:
        manifest: Its cells and seeds.
        configs: The complete training config of each cell, plain values, by the cell's identity.
        missing: Why data sets cannot be opened, a sentence each; cells of these have provisional identities.
    """

    manifest: Manifest
    configs: Mapping[str, Mapping[str, Any]]
    missing: tuple[str, ...]


def resolve_study(definition: StudyDefinition) -> ResolvedStudy:
    """Resolve the cells of a study as ``lr-lightning fit`` resolves a config, and construct the model of each.

    Nothing is written and nothing is trained. It takes a tenth of a second for each different model and data set.

    Raises:
        UsageError: If a value is refused, two cells are equal, or a metric or assay in ``test`` does not exist or has
            a wrong argument.
    """
    check_evaluation(definition.evaluation)
    study = _Study(definition)
    cells = [cell for block in definition.blocks for cell in study.resolve(block)]
    _check_different(cells)
    labels = unique_labels([Named(each.objective, each.dataset, each.parameters, each.config) for each in cells])
    manifest = Manifest(
        name=definition.name,
        definition=definition.digest,
        version=__version__,
        cells=tuple(
            Cell(each.identity, each.block.number, label, each.objective, each.dataset, each.parameters)
            for each, label in zip(cells, labels, strict=True)
        ),
        seeds=definition.seeds,
        seeds_per_job=definition.seeds_per_job,
        evaluation=definition.evaluation,
        resources=definition.resources,
        wandb=definition.wandb,
    )
    return ResolvedStudy(manifest, {each.identity: each.config for each in cells}, tuple(study.missing))


@dataclass(frozen=True)
class _ResolvedCell:
    block: Block
    parameters: Mapping[str, Value]
    config: Mapping[str, Any]
    identity: str
    objective: str
    dataset: str


class _Study:
    """What the cells of a study share while they are resolved."""

    def __init__(self, definition: StudyDefinition) -> None:
        self.missing: dict[str, None] = {}
        self._values = definition.values
        self._resolver = SectionResolver()
        self._contents: dict[Section, Any] = {}

    def resolve(self, block: Block) -> Iterator[_ResolvedCell]:
        """Yield the cells of a block."""
        for parameters in block:
            # a value of the block takes the place of that in `set`, and comes after it
            values = {key: value for key, value in self._values.items() if key not in parameters} | parameters
            try:
                config, content = self._resolved(block, values)
            except RefusedError as error:
                raise UsageError(f"{self._place(block, error.key, values)}: {error}") from error
            except UsageError as error:
                raise UsageError(f"{block}: {error}") from error
            yield _ResolvedCell(
                block,
                parameters,
                config,
                cell_identity(config, content),
                block.objective or config["model"]["class_path"].rpartition(".")[2],
                _data_set(config),
            )

    def _resolved(self, block: Block, values: Mapping[str, Value]) -> tuple[dict[str, Any], Any]:
        """Return the complete config of a cell, and what its data and initial weights are."""
        parts = sections(block.config, values)
        config: dict[str, Any] = {}
        for part in parts:
            config |= self._resolver.plain(part)
        for key in ("model", "data"):
            if not config.get(key):
                raise RefusedError(None, f"the config {block.config} has no {key}")
        config = {key: value for key, value in config.items() if key not in _LEFT_OUT}
        config["trainer"] = _pinned(config["trainer"])
        config["wandb"] = config["wandb"] | {"run_id": None}
        content: dict[str, Any] = {}
        for part in parts:
            if part.name == "data":
                content["data"] = self._content(part, config)
            elif part.name in config:
                self._resolver.built(part)
        if (weights := config.get("initial_weights")) is not None:
            config["initial_weights"] = str(Path(weights).absolute())
            content["initial_weights"] = _hash_of_file(Path(weights))
        return config, content

    def _content(self, section: Section, config: Mapping[str, Any]) -> Any:
        if section not in self._contents:
            try:
                module = self._resolver.built(section)
            except FileNotFoundError as error:
                self.missing[f"{_data_set(config)}: {error}"] = None
                self._contents[section] = expected_content(config["data"]["init_args"]["dataset"])
            else:
                self._contents[section] = data_content(getattr(module, "dataset", None))
        return self._contents[section]

    def _place(self, block: Block, key: str | None, values: Mapping[str, Value]) -> str:
        if key is None:
            return f"{block}, config {block.config}"
        where = block if key in block.values else "set"
        return f"{where}, {key}: {values.get(key)!r}" if where == "set" else f"{where}, {key}: {values[key]!r}"


def _pinned(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the Trainer with those set whose defaults depend on the machine, and without a folder."""
    pinned = {key: value for key, value in PINNED.items() if trainer.get(key) in (None, "auto")}
    return {**trainer, **pinned, "default_root_dir": None}


def _data_set(config: Mapping[str, Any]) -> str:
    entry = (config["data"].get("init_args") or {}).get("dataset")
    return config["data"]["class_path"].rpartition(".")[2] if entry is None else data_set_name(entry)


def _hash_of_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RefusedError("initial_weights", f"cannot read {path} ({error.strerror})") from error


def _check_different(cells: list[_ResolvedCell]) -> None:
    """Raise ``UsageError`` if two cells train the same models."""
    first: dict[str, _ResolvedCell] = {}
    for cell in cells:
        other = first.setdefault(cell.identity, cell)
        if other is not cell:
            raise UsageError(
                f"{other.block}, {_text(other.parameters)}, and {cell.block}, {_text(cell.parameters)}, are the same "
                "cell; remove one of them"
            )


def _text(parameters: Mapping[str, Value]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in parameters.items()) or "without values"
