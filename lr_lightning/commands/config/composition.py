"""Reads configs, and merges the assays of several configs and options by name."""

from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser, Namespace  # type: ignore[attr-defined]
from typing_extensions import override

from lr_lightning.commands.config.includes import read_config
from lr_lightning.commands.config.packaged import find_config
from lr_lightning.commands.config.registered_names import with_class_paths
from lr_lightning.common.renamed_keys import with_current_names

ASSAYS = "assays"


class ComposingConfigFile(ActionConfigFile):
    """A config file whose assays are merged with earlier ones; ``assays: null`` removes them all.

    The file may be given by the name of a packaged config. Names of earlier versions are replaced by current ones, and
    registered names by import paths.
    """

    @staticmethod
    @override
    def apply_config(parser: ArgumentParser, cfg: Namespace, dest: str, value: Any) -> None:
        """Merge the config ``value`` into ``cfg``.

        Raises:
            UsageError: If it, or a file that it includes, is neither a file nor the name of a packaged config.
            ValueError: If ``value`` is a file that is not YAML or too large, includes itself, has an argument under
                both its earlier and its current name, or names a registered class that cannot be imported.
        """
        if not _is_name(value):
            _merge(parser, cfg, dest, value)
            return
        path = find_config(value)
        config = read_config(path)
        if not isinstance(config, dict):  # reported by the parser
            _merge(parser, cfg, dest, value)
            return
        with chdir(path.parent):  # relative paths in the config start here, as in jsonargparse
            text = yaml.safe_dump(with_class_paths(with_current_names(config)), sort_keys=False)
            _merge(parser, cfg, dest, text)


def _merge(parser: ArgumentParser, cfg: Namespace, dest: str, value: str) -> None:
    """Merge a config, a file or text, into ``cfg``; its assays are added to the present ones."""
    before = cfg.get(ASSAYS)
    ActionConfigFile.apply_config(parser, cfg, dest, value)
    after = cfg.get(ASSAYS)
    if before and after:  # the parser has merged the arguments of assays in both
        cfg[ASSAYS] = before | after


def _is_name(value: Any) -> bool:
    """Return whether ``value`` is a path or a name, not the text of a config."""
    if not isinstance(value, str):
        return False
    try:
        return Path(value).is_file() or isinstance(yaml.safe_load(value), str)
    except (OSError, ValueError, yaml.YAMLError):
        return False


def split_assays(arguments: list[str]) -> list[str]:
    """Expand ``--assays {NAME: ASSAY, ...}`` to ``--assays.NAME ASSAY ...``, which keeps other assays.

    ``--assays null`` and ``--assays {}``, which remove all, are returned unchanged, as is anything but a mapping.
    """
    found: list[str] = []
    words = iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if option != f"--{ASSAYS}":
            found.append(word)
            continue
        given = [value] if equals else [word for word in [next(words, None)] if word is not None]
        found += _split(given[0]) if given else [word]
    return found


def _split(text: str) -> list[str]:
    """Return the expansion of ``--assays text``."""
    try:
        assays = yaml.safe_load(text)
    except yaml.YAMLError:
        assays = None
    if not isinstance(assays, Mapping) or not assays:
        return [f"--{ASSAYS}={text}"]
    # YAML on one line, which preserves types
    lines = {name: yaml.safe_dump(assay, default_flow_style=True, width=10**9) for name, assay in assays.items()}
    return [f"--{ASSAYS}.{name}={line.removesuffix('...' + chr(10)).strip()}" for name, line in lines.items()]
