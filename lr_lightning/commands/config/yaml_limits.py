"""Checks that a config file is YAML of a reasonable size before it is parsed."""

from pathlib import Path

import yaml

_MOST_BYTES = 2**24
_MOST_VALUES = 100_000
_DEEPEST = 100


def check_config_file(path: Path) -> None:
    """Check a config without constructing its values, which nested aliases can make larger than any memory.

    Raises:
        ValueError: If ``path`` is larger than 16 MiB, is not text or not YAML, contains more than 100,000 values with
            aliases expanded, is nested more than 100 levels deep, or contains itself.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} is not a config: it has {path.stat().st_size:,} bytes")
    try:
        problem = _problem(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.start})") from error
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        raise ValueError(f"{path} is not a readable YAML file{line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not a readable YAML file: {' '.join(str(error).split())}") from error
    if problem is not None:
        raise ValueError(f"{path} {problem}")


def _problem(text: str) -> str | None:
    """Return a description of what is wrong with the values of ``text``, ``None`` if nothing is."""
    anchors: dict[str | None, int] = {}  # number of values below each anchor
    open_anchors: list[str | None] = []
    counts = [0]
    for event in yaml.parse(text, yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in open_anchors:
                return f"contains itself: *{event.anchor} in line {event.start_mark.line + 1}"
            counts[-1] += anchors.get(event.anchor, 0)
        elif isinstance(event, yaml.ScalarEvent):
            counts[-1] += 1
            anchors[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_anchors.append(event.anchor)
            counts.append(1)
        elif isinstance(event, yaml.CollectionEndEvent):
            count = counts.pop()
            counts[-1] += count
            anchors[open_anchors.pop()] = count
        if len(open_anchors) > _DEEPEST:
            return f"is nested deeper than {_DEEPEST} levels in line {event.start_mark.line + 1}"
        if sum(counts) > _MOST_VALUES:
            return f"contains more than {_MOST_VALUES:,} values with its aliases expanded"
    return None
