"""Resolves the sections of training configs, each once, however many cells share it."""

from argparse import ArgumentError
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import yaml
from jsonargparse import Namespace
from pytorch_lightning.cli import LightningArgumentParser
from pytorch_lightning.utilities.seed import isolate_rng

from lr_lightning.commands.config.completion import check_serializable, complete_config
from lr_lightning.commands.config.composition import split_assays
from lr_lightning.commands.config.includes import read_config
from lr_lightning.commands.config.known_names import known_arguments, known_classes
from lr_lightning.commands.config.packaged import find_config
from lr_lightning.commands.config.registered_names import with_class_paths, words_with_class_paths
from lr_lightning.commands.fit.parser import fit_parser
from lr_lightning.commands.messages import plain_message
from lr_lightning.common.renamed_keys import with_current_names
from lr_lightning.study.manifest import Value

_SECTIONS = ("model", "data", "assays")
REST = "rest"
"""The section of all other keys."""


class RefusedError(ValueError):
    """A value that the config does not accept.

    Attributes:
        key: Its key; ``None`` if the config itself is wrong.
    """

    def __init__(self, key: str | None, sentence: str) -> None:
        super().__init__(sentence)
        self.key = key


@dataclass(frozen=True)
class Section:
    """A part of a training config with the values that are set in it; equal for configs that agree in this part.

    Attributes:
        name: ``"model"``, ``"data"``, ``"assays"`` or ``"rest"``.
        config: The part of the config, YAML.
        folder: Folder of the config, where relative paths in it start.
        words: Key and value of each setting, as on the command line.
    """

    name: str
    config: str
    folder: Path
    words: tuple[tuple[str, str], ...]


_Found = TypeVar("_Found")
_Step: TypeAlias = Callable[[Section], Any]
"""What is done with a section: it is parsed, or its objects are constructed."""


class SectionResolver:
    """Parses sections as ``lr-lightning fit`` parses a config; each different one once.

    The sections of a config do not depend on each other, and a study of many cells has few different ones.
    """

    def __init__(self) -> None:
        self._configs: dict[Path, dict[str, str]] = {}
        self._parsed: dict[Section, Namespace] = {}
        self._plain: dict[Section, dict[str, Any]] = {}
        self._examined: dict[Section, Any] = {}

    @cached_property
    def _parser(self) -> LightningArgumentParser:
        return fit_parser()

    def sections(self, config: str, values: Mapping[str, Value]) -> list[Section]:
        """Return the sections of a cell.

        Args:
            config: Name or path of its config.
            values: Values by their keys on the command line; later ones take precedence.

        Raises:
            UsageError: If there is no such config.
            RefusedError: If it cannot be read.
        """
        path = find_config(config).absolute()
        if path not in self._configs:
            try:
                self._configs[path] = _read_sections(path)
            except (ValueError, OSError) as error:
                raise RefusedError(None, str(error)) from error
        words: dict[str, list[tuple[str, str]]] = {name: [] for name in (*_SECTIONS, REST)}
        for key, value in values.items():
            words[_section_of(key)].append((key, _text(value)))
        texts = self._configs[path]
        return [Section(name, texts[name], path.parent, tuple(each)) for name, each in words.items()]

    def plain(self, section: Section) -> dict[str, Any]:
        """Return a section as plain values, complete with all defaults.

        Raises:
            RefusedError: If a value is not accepted.
        """
        if section not in self._plain:
            self._check_class(section)
            parsed = self._attempt(section, self._parse)
            text = self._parser.dump(parsed, skip_none=False, skip_validation=True)
            plain: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
            self._attempt(section, lambda _: check_serializable(plain))
            self._plain[section] = {key: value for key, value in plain.items() if _section_of(key) == section.name}
        return self._plain[section]

    def examined(self, section: Section, examine: Callable[[Any], _Found]) -> _Found:
        """Construct the model, data module or assays of a section, and return what is found out about them.

        The objects themselves are not kept, because a study may have hundreds of models.

        Args:
            section: The section.
            examine: Called with the objects, once for each different section.

        Raises:
            RefusedError: If a constructor does not accept a value.
            FileNotFoundError: If a file is missing.
        """
        if section not in self._examined:
            self._examined[section] = self._attempt(section, lambda each: examine(self._build(each)))
        found: _Found = self._examined[section]
        return found

    def _check_class(self, section: Section) -> None:
        """Raise ``RefusedError`` if a section must be a class and is none."""
        if section.name not in ("model", "data"):
            return
        given = yaml.safe_load(section.config).get(section.name)
        has_class = isinstance(given, str) or (isinstance(given, Mapping) and "class_path" in given)
        if not has_class and not {key for key, _ in section.words} & {section.name, f"{section.name}.class_path"}:
            raise RefusedError(None, f"it has no {section.name}")

    def _attempt(self, section: Section, step: _Step) -> Any:
        try:
            return step(section)
        except (ArgumentError, ValueError, TypeError, KeyError, OSError, ImportError) as error:
            if (missing := _missing_file(error)) is not None:
                raise missing from error
            raise self._refusal(section, step, error) from error

    def _refusal(self, section: Section, step: _Step, error: Exception) -> RefusedError:
        """Return the error about the first setting with which ``step`` fails in the same way."""
        sentence = _sentence(error)
        for length in range(len(section.words)):
            try:
                step(replace(section, words=section.words[:length]))
            except Exception as earlier:
                if _sentence(earlier) == sentence:
                    return RefusedError(section.words[length - 1][0] if length else None, sentence)
        return RefusedError(section.words[-1][0] if section.words else None, sentence)

    def _parse(self, section: Section) -> Namespace:
        completed = self._incomplete(section).clone()
        complete_config(completed)
        return completed

    def _incomplete(self, section: Section) -> Namespace:
        """Parse a section; arguments of the network that the model determines are not set, because it may change."""
        if section not in self._parsed:
            if not section.words:
                with chdir(section.folder):
                    self._parsed[section] = self._parser.parse_args([f"--config={section.config}"])
            else:
                words = split_assays([f"--{key}={value}" for key, value in section.words])
                config = self._incomplete(replace(section, words=()))
                self._parsed[section] = self._parser.parse_args(words_with_class_paths(words), config.clone())
        return self._parsed[section]

    def _build(self, section: Section) -> Any:
        """Construct the objects of a section, without changing the global random state."""
        config = Namespace(**{section.name: self._parse(section)[section.name]})  # type: ignore[no-untyped-call]
        with isolate_rng():
            return self._parser.instantiate_classes(config)[section.name]


def _read_sections(path: Path) -> dict[str, str]:
    """Return the sections of a config file as YAML, with import paths in place of registered names."""
    values = read_config(path)
    if not isinstance(values, dict):
        raise ValueError(f"{path} is not a mapping")
    parts: dict[str, dict[str, Any]] = {name: {} for name in (*_SECTIONS, REST)}
    for key, value in with_class_paths(with_current_names(values)).items():
        parts[_section_of(key)][key] = value
    return {
        name: yaml.safe_dump(part, default_flow_style=True, width=10**9, sort_keys=False)
        for name, part in parts.items()
    }


def _section_of(key: str) -> str:
    first = key.partition(".")[0]
    return first if first in _SECTIONS else REST


def _missing_file(error: BaseException | None) -> FileNotFoundError | None:
    """Return the error about a missing file that led to ``error``, if one did; the parser wraps those of classes."""
    while error is not None and not isinstance(error, FileNotFoundError):
        error = error.__cause__ or error.__context__
    return error


def _sentence(error: Exception) -> str:
    return plain_message(error, known_arguments(), known_classes())


def _text(value: Value) -> str:
    """Return a value as a word of a command line."""
    if isinstance(value, str):
        return value
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**9)
    return text.removesuffix("...\n").strip()
