"""Checks names on the command line before anything heavy is imported: a typing error need not wait for PyTorch."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from lr_lightning.commands.config.packaged import find_config

_CONFIG_OPTIONS = ("-c", "--config")
_PLAIN = re.compile(r"[\w./~+-]*[A-Za-z][\w./~+-]*")
"""What can only be a name or a path: the text of a config has other characters."""
_OF_YAML = ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
"""Words that are values of YAML, and therefore no names."""


def check_names(words: Sequence[str]) -> None:
    """Check that configs and runs exist, as far as that is known without reading them.

    Whatever is in doubt is left to the parser, so that nothing is refused that it accepts.

    Args:
        words: The words of a command that takes a run or configs: the command itself and its arguments.

    Raises:
        UsageError: If a config is neither a file nor packaged.
        FileNotFoundError: If there is no such run.
    """
    if any(word in ("-h", "--help") or word.endswith(".help") for word in words):
        return
    for name in _configs(words):
        find_config(name)
    if len(words) > 1 and not words[1].startswith("-"):
        _check_run(words[1])


def _configs(words: Sequence[str]) -> Iterator[str]:
    """Yield the names and paths of configs."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        name = value if equals else following
        if option in _CONFIG_OPTIONS and _PLAIN.fullmatch(name) and name.lower() not in _OF_YAML:
            yield name


def _check_run(name: str) -> None:
    """Raise ``FileNotFoundError`` for a path that does not exist; a name without a folder may be that of a model."""
    path = Path(name).expanduser()
    if len(path.parts) == 1 or path.exists():
        return
    known = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
    close = get_close_matches(path.name, known, n=1)
    hint = f"; did you mean {path.with_name(close[0])}?" if close else ""
    raise FileNotFoundError(
        f"{name} is not a run folder, an exported model or a checkpoint in one: it does not exist{hint}"
    )
