"""One clear sentence in place of the parser's report on every type that a value failed to match."""

import inspect
import re
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module

_NOISE = re.compile(
    r"Does not validate against any of the Union subtypes|Subtypes: |Errors:|Expected a <class 'NoneType'>|"
    r"Expected a path but |Given value type: |Given value: "
)
_UNKNOWN_OPTION = re.compile(r"Problem with given class_path '([\w.]+)': Option '([^']+)' is not accepted")
_UNKNOWN_CLASS = re.compile(r"Expected a dot import path string: (\S+)|Import path (\w+) does not implement .*")
_UNKNOWN_ARGUMENT = re.compile(r"unrecognized arguments: (--[\w.]+).*", re.DOTALL)


class UsageError(ValueError):
    """A command line that cannot be run; its text is one sentence."""


def plain_message(error: Exception, known_arguments: Iterable[str] = (), known_classes: Iterable[str] = ()) -> str:
    """Return what ``error`` says in one sentence, with a suggestion for a misspelt name.

    Args:
        error: An error of the command line's parser, or any other.
        known_arguments: Arguments of the command line, such as ``--trainer.max_epochs``.
        known_classes: Names of the classes that can be written without their module.

    Example:
        >>> plain_message(ValueError("unrecognized arguments: --trainer.max_epoch=3"), ["--trainer.max_epochs"])
        "there is no option '--trainer.max_epoch'; did you mean --trainer.max_epochs?"
    """
    lines = [line.strip().removeprefix("- ") for line in str(error).splitlines()]
    kept = [line for line in lines if line and not _NOISE.match(line)]
    message = " ".join(dict.fromkeys(kept)) or type(error).__name__
    message = re.sub(r'Parser key "([^"]+)":', r"\1:", message)
    message = _UNKNOWN_OPTION.sub(lambda match: _unknown_option(*match.groups()), message)
    message = _UNKNOWN_CLASS.sub(lambda match: _suggest("class", match[1] or match[2], known_classes), message)
    return _UNKNOWN_ARGUMENT.sub(lambda match: _suggest("option", match[1], known_arguments), message)


def _unknown_option(class_path: str, option: str) -> str:
    """Return the sentence for an ``option`` that the class at ``class_path`` does not take."""
    module, _, name = class_path.rpartition(".")
    accepted: set[str] = set()
    for base in inspect.getmro(getattr(import_module(module), name)):
        parameters = inspect.signature(base).parameters
        accepted |= parameters.keys()
        if "kwargs" not in parameters:  # else the rest is handed to the next class
            break
    accepted -= {"kwargs"}
    return f"{name} has no argument {option!r}; {_closest(option, accepted)}"


def _suggest(what: str, name: str, known: Iterable[str]) -> str:
    if name in (candidates := set(known)):
        return f"the {what} {name!r} is of another kind than what is needed here"
    return f"there is no {what} {name!r}; {_closest(name, candidates)}"


def _closest(name: str, known: Iterable[str]) -> str:
    candidates = sorted(set(known))
    close = get_close_matches(name, candidates, n=1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(candidates)}"
