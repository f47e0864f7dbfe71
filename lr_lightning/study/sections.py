"""Resolves the sections of training configs, each once, however many cells share it."""

from argparse import ArgumentError
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass
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
    """A part of a training config with the values that are set in it.

    Attributes:
        name: ``"model"``, ``"data"``, ``"assays"`` or ``"rest"``.
        config: The config file.
        words: Key and value of each setting, as on the command line.
    """

    name: str
    config: Path
    words: tuple[tuple[str, str], ...]


def sections(config: str, values: Mapping[str, Value]) -> list[Section]:
    """Return the sections of a cell.

    Args:
        config: Name or path of its config.
        values: Values by their keys on the command line; later ones take precedence.

    Raises:
        UsageError: If there is no such config.
    """
    path = find_config(config).absolute()
    words: dict[str, list[tuple[str, str]]] = {name: [] for name in (*_SECTIONS, REST)}
    for key, value in values.items():
        words[_section_of(key)].append((key, _text(value)))
    return [Section(name, path, tuple(each)) for name, each in words.items()]


_Found = TypeVar("_Found")
_Step: TypeAlias = Callable[[Section], Any]
"""What is done with a section: it is parsed, or its objects are constructed."""


class SectionResolver:
    """Parses sections as ``lr-lightning fit`` parses a config; each different one once.

    The sections of a config do not depend on each other, and a study of many cells has few different ones.
    """

    def __init__(self) -> None:
        self._configs: dict[Path, dict[str, Any]] = {}
        self._parsed: dict[Section, Namespace] = {}
        self._plain: dict[Section, dict[str, Any]] = {}
        self._examined: dict[Section, Any] = {}

    @cached_property
    def _parser(self) -> LightningArgumentParser:
        return fit_parser()

    def plain(self, section: Section) -> dict[str, Any]:
        """Return a section as plain values, complete with all defaults.

        Raises:
            RefusedError: If a value is not accepted.
        """
        if section not in self._plain:
            self._check_class(section)
            parsed = self._attempt(section, self._parse)
            plain: dict[str, Any] = yaml.safe_load(self._parser.dump(parsed, skip_none=False, skip_validation=True))
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
        given = self._attempt(section, lambda each: self._config(each.config)).get(section.name)
        has_class = isinstance(given, str) or (isinstance(given, Mapping) and "class_path" in given)
        keys = {key for key, _ in section.words}
        if section.name in ("model", "data") and not (has_class or keys & {section.name, f"{section.name}.class_path"}):
            raise RefusedError(None, f"{section.config} has no {section.name}")

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
                step(Section(section.name, section.config, section.words[:length]))
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
                self._parsed[section] = self._parse_config(section)
            else:
                words = split_assays([f"--{key}={value}" for key, value in section.words])
                config = self._incomplete(Section(section.name, section.config, ()))
                self._parsed[section] = self._parser.parse_args(words_with_class_paths(words), config.clone())
        return self._parsed[section]

    def _parse_config(self, section: Section) -> Namespace:
        """Parse a section of a config file."""
        path = section.config
        values = {key: value for key, value in self._config(path).items() if _section_of(key) == section.name}
        with chdir(path.parent):  # relative paths in the config start there
            text = yaml.safe_dump(values, default_flow_style=True, width=10**9, sort_keys=False)
            return self._parser.parse_args([f"--config={text}"])

    def _config(self, path: Path) -> dict[str, Any]:
        """Return the values in a config file, with import paths in place of registered names."""
        if path not in self._configs:
            values = read_config(path)
            if not isinstance(values, dict):
                raise ValueError(f"{path} is not a mapping")
            self._configs[path] = with_class_paths(with_current_names(values))
        return self._configs[path]

    def _build(self, section: Section) -> Any:
        """Construct the objects of a section, without changing the global random state."""
        config = Namespace(**{section.name: self._parse(section)[section.name]})  # type: ignore[no-untyped-call]
        with isolate_rng():
            return self._parser.instantiate_classes(config)[section.name]


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
