"""Resolves the cells of a study, and checks everything in it before anything runs."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lr_lightning import __version__
from lr_lightning.commands.fit.members import setting_for_one_run
from lr_lightning.commands.fit.packable import shared_values
from lr_lightning.commands.messages import UsageError
from lr_lightning.models import AutoencoderModule
from lr_lightning.models.architecture import Architecture
from lr_lightning.study.blocks import Block
from lr_lightning.study.data_content import data_content, data_set_name, expected_content
from lr_lightning.study.definition import StudyDefinition
from lr_lightning.study.evaluation_check import check_evaluation
from lr_lightning.study.identity import PINNED, cell_identity
from lr_lightning.study.labels import Named, unique_labels
from lr_lightning.study.manifest import Cell, Manifest, Value
from lr_lightning.study.sections import RefusedError, Section, SectionResolver
from lr_lightning.study.trainer_check import check_trainer

_LEFT_OUT = ("seed_everything", "seeds", "ckpt_path")
"""Keys that have no place in the config of a cell: its runs differ in them."""


@dataclass(frozen=True)
class ResolvedStudy:
    """A study whose cells are resolved.

    Attributes:
        manifest: Its cells and seeds.
        configs: The complete training config of each cell, plain values, by the cell's identity.
        missing: Why data sets cannot be opened, a sentence each; cells of these have provisional identities.
        missing_shapes: Shape of an observation, as far as it is known, by the cells whose data are missing.
    """

    manifest: Manifest
    configs: Mapping[str, Mapping[str, Any]]
    missing: tuple[str, ...]
    missing_shapes: Mapping[str, tuple[int, ...] | None]


def resolve_study(definition: StudyDefinition) -> ResolvedStudy:
    """Resolve the cells of a study as ``lr-lightning fit`` resolves a config, and construct the model of each.

    Nothing is written and nothing is trained. It takes a tenth of a second for each different model and data set.

    Raises:
        UsageError: If a value is refused, a cell could not be trained or evaluated, two cells are equal, or a metric
            or assay in ``test`` does not exist or has a wrong argument.
    """
    study = _Study(definition)
    try:
        check_evaluation(definition.evaluation)
        cells = [cell for block in definition.blocks for cell in study.resolve(block)]
        _check_different(cells)
        if definition.evaluation.udr_inputs is not None:
            _check_data_sets(cells)
    except UsageError as error:
        raise UsageError(f"{definition.path}: {error}") from error
    labels = unique_labels([Named(each.objective, each.dataset, each.parameters, each.config) for each in cells])
    manifest = Manifest(
        name=definition.name,
        definition=definition.digest,
        version=__version__,
        cells=tuple(
            Cell(
                each.identity,
                each.block.number,
                label,
                each.objective,
                each.dataset,
                each.parameters,
                each.group,
                (setting_for_one_run(each.config["trainer"]) or "") if definition.runs_per_job > 1 else "",
            )
            for each, label in zip(cells, labels, strict=True)
        ),
        seeds=definition.seeds,
        runs_per_job=definition.runs_per_job,
        evaluation=definition.evaluation,
        resources=definition.resources,
        wandb=definition.wandb,
    )
    configs = {each.identity: each.config for each in cells}
    missing_shapes = {each.identity: each.data.shape for each in cells if each.data.is_missing}
    return ResolvedStudy(manifest, configs, tuple(study.missing), missing_shapes)


@dataclass(frozen=True)
class _ResolvedCell:
    block: Block
    parameters: Mapping[str, Value]
    config: Mapping[str, Any]
    data: "_Data"
    identity: str
    objective: str
    dataset: str
    group: str


class _Study:
    """What the cells of a study share while they are resolved."""

    def __init__(self, definition: StudyDefinition) -> None:
        self.missing: dict[str, None] = {}
        self._values = definition.values
        self._evaluation = definition.evaluation
        self._resolver = SectionResolver()
        self._data: dict[Section, _Data] = {}

    def resolve(self, block: Block) -> Iterator[_ResolvedCell]:
        """Yield the cells of a block."""
        for parameters in block:
            # a value of the block takes the place of that in `set`, and comes after it
            values = {key: value for key, value in self._values.items() if key not in parameters} | parameters
            try:
                config, data, group = self._resolved(block, values)
            except RefusedError as error:
                raise UsageError(f"{self._place(block, error.key, values)}: {error}") from error
            except (UsageError, FileNotFoundError) as error:
                raise UsageError(f"{block}: {error}") from error
            yield _ResolvedCell(
                block,
                parameters | ({"data.dataset": _data_set(config)} if "data.dataset" in parameters else {}),
                config,
                data,
                cell_identity(config, data.content, evaluates_best=self._evaluation.checkpoint == "best"),
                block.objective or _class_name(config["model"]),
                _data_set(config),
                group,
            )

    def _resolved(self, block: Block, values: Mapping[str, Value]) -> tuple[dict[str, Any], "_Data", str]:
        """Return the complete config of a cell, what its data are, and its group."""
        parts = self._resolver.sections(block.config, values)
        config: dict[str, Any] = {}
        for part in parts:
            config |= self._resolver.plain(part)
        config = {key: value for key, value in config.items() if key not in _LEFT_OUT}
        config["trainer"] = _pinned(config["trainer"])
        check_trainer(config["trainer"], self._evaluation)
        config["wandb"] = config["wandb"] | {"run_id": None}
        if config["initial_weights"] is not None:
            config["initial_weights"] = str(Path(config["initial_weights"]).absolute())
            if not Path(config["initial_weights"]).is_file():
                raise RefusedError("initial_weights", f"there is no file {config['initial_weights']}")
        by_name = {part.name: part for part in parts}
        self._resolver.examined(by_name["assays"], lambda _: None)
        reads, architecture = self._resolver.examined(by_name["model"], _examined_model)
        data = self._examined_data(by_name["data"], config)
        if None not in (reads, data.shape) and reads != data.shape:
            raise RefusedError(
                None,
                f"{_class_name(config['model'])} reads observations of shape {reads}, those of {_data_set(config)} "
                f"have {data.shape}; change model.network or data.dataset",
            )
        return config, data, _group(config, architecture)

    def _examined_data(self, section: Section, config: Mapping[str, Any]) -> "_Data":
        """Return what the observations are, also if they are missing."""
        if section not in self._data:
            try:
                self._data[section] = self._resolver.examined(section, _data_of_module)
            except FileNotFoundError as error:
                self.missing[f"{_data_set(config)}: {error}"] = None
                self._data[section] = _Data(*expected_content(config["data"]["init_args"]["dataset"]), is_missing=True)
        return self._data[section]

    @staticmethod
    def _place(block: Block, key: str | None, values: Mapping[str, Value]) -> str:
        if key is None:
            return f"{block}, config {block.config}"
        return f"{block if key in block.values else 'set'}, {key}: {values[key]!r}"


class _Data(NamedTuple):
    """What is known about the observations of a cell.

    Attributes:
        content: What they are; part of the identity.
        shape: Shape of one; ``None`` if unknown.
        is_missing: Whether their files are missing.
    """

    content: Any
    shape: tuple[int, ...] | None
    is_missing: bool = False


def _data_of_module(module: Any) -> _Data:
    dataset = getattr(module, "dataset", None)
    shape = getattr(dataset, "image_shape", None)
    return _Data(data_content(dataset), None if shape is None else tuple(shape))


def _examined_model(model: AutoencoderModule) -> tuple[tuple[int, ...] | None, Architecture]:
    """Return the shape of the observations that a model reads, and its architecture."""
    shape = getattr(model, "observation_shape", None)
    return None if shape is None else tuple(shape), Architecture.of(model)


def _group(config: Mapping[str, Any], architecture: Architecture) -> str:
    """Return a hash that is the same for cells whose runs can be trained together."""
    text = json.dumps([shared_values(config), architecture], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _pinned(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the Trainer with those set whose defaults depend on the machine, and without a folder."""
    pinned = {key: value for key, value in PINNED.items() if trainer.get(key) in (None, "auto")}
    return {**trainer, **pinned, "default_root_dir": None}


def _data_set(config: Mapping[str, Any]) -> str:
    entry = (config["data"].get("init_args") or {}).get("dataset")
    return _class_name(config["data"]) if entry is None else data_set_name(entry)


def _class_name(entry: Mapping[str, Any]) -> str:
    return str(entry["class_path"]).rpartition(".")[2]


def _check_data_sets(cells: Sequence[_ResolvedCell]) -> None:
    """Raise ``UsageError`` if a cell has no data set from which inputs could be drawn."""
    for cell in cells:
        if cell.data.content is None:
            raise UsageError(
                f"{cell.block}: test.udr needs a data set, and {_class_name(cell.config['data'])} has none; remove "
                "test.udr, or use FactorDataModule"
            )


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
