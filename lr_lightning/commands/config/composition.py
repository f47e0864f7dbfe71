"""How configs are read, and how assays of several configs and options come together: by name."""

from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ActionConfigFile, ArgumentParser, Namespace  # type: ignore[attr-defined]
from typing_extensions import override

from lr_lightning.commands.config.includes import read_config
from lr_lightning.commands.config.registered_names import with_class_paths
from lr_lightning.common.renamed_keys import with_current_names

ASSAYS = "assays"


class ComposingConfigFile(ActionConfigFile):
    """A config file whose assays are added to those before it; ``assays: null`` drops them all.

    Names that have changed since the file was written are replaced by the current ones, and names that installed
    packages have registered by import paths.
    """

    @staticmethod
    @override
    def apply_config(parser: ArgumentParser, cfg: Namespace, dest: str, value: Any) -> None:
        """Merge the config ``value`` into ``cfg``.

        Raises:
            FileNotFoundError: If it includes a file that does not exist.
            ValueError: If ``value`` is a file that is not YAML or too large, includes itself, gives an argument under
                two names, or names a registered class that cannot be imported.
        """
        if not (isinstance(value, str) and _is_file(value)):
            _merge(parser, cfg, dest, value)
            return
        path = Path(value)
        config = read_config(path)
        if not isinstance(config, dict):  # the parser has the message for this
            _merge(parser, cfg, dest, value)
            return
        with chdir(path.parent):  # where files named in the config are looked for, as jsonargparse does
            text = yaml.safe_dump(with_class_paths(with_current_names(config)), sort_keys=False)
            _merge(parser, cfg, dest, text)


def _merge(parser: ArgumentParser, cfg: Namespace, dest: str, value: str) -> None:
    """Merge a config, a file or text, into ``cfg``; its assays are added to those that are there."""
    before = cfg.get(ASSAYS)
    ActionConfigFile.apply_config(parser, cfg, dest, value)
    after = cfg.get(ASSAYS)
    if before and after:  # arguments of assays in both have been merged by the parser
        cfg[ASSAYS] = before | after


def _is_file(value: str) -> bool:
    try:
        return Path(value).is_file()
    except (OSError, ValueError):  # the text of a config
        return False


def split_assays(arguments: list[str]) -> list[str]:
    """Let ``--assays {NAME: ASSAY, ...}`` stand for ``--assays.NAME ASSAY ...``, which keeps the others.

    ``--assays null`` and ``--assays {}``, which drop all, are returned as they are, and so is what is no mapping.
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
    """Return the arguments that ``--assays text`` stands for."""
    try:
        assays = yaml.safe_load(text)
    except yaml.YAMLError:
        assays = None
    if not isinstance(assays, Mapping) or not assays:
        return [f"--{ASSAYS}={text}"]
    # YAML on one line: what it reads back is what was given
    lines = {name: yaml.safe_dump(assay, default_flow_style=True, width=10**9) for name, assay in assays.items()}
    return [f"--{ASSAYS}.{name}={line.removesuffix('...' + chr(10)).strip()}" for name, line in lines.items()]
