"""Reduces the parser's report on every type that a value failed to match to one clear sentence."""

import inspect
import re
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType

from lr_lightning.common.renamed_keys import ARGUMENTS, MODULES
from lr_lightning.common.working_folder import working_folder_hint

_NOISE = re.compile(
    r"Does not validate against any of the Union subtypes|Subtypes: |Errors:|Expected a <class 'NoneType'>|"
    r"Expected a path but |Given value type: |Given value: "
)
_KEY = re.compile(r'(?:Type \S.* expects a function or a callable class: )?Parser key "([^"]+)":\s*')
_CALLABLE = re.compile(r"Type \S.* expects a function or a callable class: ")
_INSIDE_CLASS = re.compile(r"Problem with given class_path '[\w.]+':\s*(?=\x00)")
_UNKNOWN_OPTION = re.compile(r"Problem with given class_path '([\w.]+)':\s*Option '([^']+)' is not accepted")
_UNKNOWN_OPTION_OF_CALLABLE = re.compile(
    r"Option '([^']+)' is not accepted\. Got value: Namespace\(class_path='([\w.]+)'.*"
)
_MISSING_ARGUMENTS = re.compile(
    r"Problem with given class_path '(?:[\w.]+\.)?(\w+)':\s*the following arguments are required: (.+)"
)
_UNKNOWN_CLASS = re.compile(r"Expected a dot import path string: (\S+)|Import path (\w+) does not implement .*")
_UNKNOWN_ATTRIBUTE = re.compile(
    r"(?:Problem with given class_path '[\w.]+':\s*)?module '([\w.]+)' has no attribute '(\w+)'(?:\. Got value: .*)?"
)
_UNKNOWN_MODULE = re.compile(r"No module named '([\w.]+)'(?:\. Got value: .*)?")
_RESTRICTED_NUMBER = re.compile(
    r"Not of type (Positive|NonNegative)(Int|Float): (?:(\S+) does not conform to restriction .*|.*'(.*)'|.*)",
    re.DOTALL,
)
_UNKNOWN_ARGUMENT = re.compile(r"unrecognized arguments: (--[\w.]+).*", re.DOTALL)
_UNKNOWN_CONFIG_KEY = re.compile(r"Subcommand '\w+' does not accept option '([\w.]+)'")
_GIVEN = re.compile(
    r"Given value: (?:NestedArg\(key='.*', val='(.*)'\)|([^{(\n]{1,60}?)(?:\. Got value: .*)?)$", re.MULTILINE
)
_ABSTRACT = re.compile(r"Expected an instantiatable class, but (?:[\w.]+\.)?(\w+) is abstract")
_LIST = re.compile(r"Expected a <class 'collections\.abc\.Sequence'>\. Got value: ([^\s\[{]+)$")
_MAPPING = "assays"
"""Key of the values that users name themselves; the parser's report leaves these names out."""
_NESTED = re.compile(r"Given value: NestedArg\(key='([^'.]+)")
_ALL_GIVEN = re.compile(r"Given value: (.+)")
_TOO_MANY = 20
"""With more candidates than this and no close match, the candidates are not listed."""
_SEE_HELP = "see --help and --print_config"


class UsageError(ValueError):
    """An invalid command line or config; its text is one sentence."""


def plain_message(error: Exception, known_arguments: Iterable[str] = (), known_classes: Iterable[str] = ()) -> str:
    """Reduce ``error`` to one sentence, with a suggestion for a misspelled name.

    Args:
        error: An error raised by the command line's parser, or any other error.
        known_arguments: Options of the command line, e.g. ``--trainer.max_epochs``.
        known_classes: Class names that may be written without their module.

    Example:
        >>> plain_message(ValueError("unrecognized arguments: --trainer.max_epoch=3"), ["--trainer.max_epochs"])
        "there is no option '--trainer.max_epoch'; did you mean --trainer.max_epochs?"
    """
    report = str(error)
    arguments, classes = set(known_arguments), set(known_classes)
    causes = [_cause(text, arguments, classes) for text in _causes(report)]
    path, _, _ = causes[0].rpartition("\x00") if causes else ("", "", "")
    texts = [text.rpartition("\x00")[2].strip() for text in causes]
    message = _choose(list(dict.fromkeys(text for text in texts if text)), report) or type(error).__name__
    parts = [key for key in path.split("\x00") if key.strip()]
    if parts[:1] == [_MAPPING] and (name := _name_in_mapping(report)):
        parts.insert(1, name)
    keys = ".".join(parts)
    return f"{keys}: {message}" if keys else message


def _name_in_mapping(report: str) -> str:
    """Return the name of the value at fault in a mapping, empty if the report does not tell."""
    if option := _NESTED.search(report):
        return option[1]
    given = _ALL_GIVEN.findall(report)  # the value at fault first, and the whole mapping last
    named = re.search(rf"'([\w-]+)': '?{re.escape(given[0])}", given[-1]) if len(given) > 1 else None
    return named[1] if named else ""


def _causes(report: str) -> list[str]:
    """Return the lines of a report that state a cause, each with the lines that introduce it; drop the rest."""
    causes, introduction = [], ""
    for line in report.splitlines():
        line = line.strip().removeprefix("- ")
        if not line or _NOISE.match(line):
            continue
        introduction = f"{introduction} {line}".lstrip()
        if not line.endswith(":"):
            causes.append(introduction)
            introduction = ""
    return [*causes, introduction] if introduction else causes


def _cause(text: str, arguments: set[str], classes: set[str]) -> str:
    """Add suggestions to one cause; the keys that lead to it precede it, each enclosed in NUL characters."""
    text = _UNKNOWN_OPTION_OF_CALLABLE.sub(lambda match: _unknown_option(match[2], match[1]), text)
    text = _UNKNOWN_ATTRIBUTE.sub(lambda match: _unknown_attribute(match[1], match[2]), text)
    text = _UNKNOWN_MODULE.sub(lambda match: f"No module named '{match[1]}'{working_folder_hint(match[1])}", text)
    text = re.sub(r"\.? Got value: Namespace\(.*", "", text)
    text = _KEY.sub("\x00\\1\x00", text)
    text = _ABSTRACT.sub(
        r"no class is given here or before (\1 is abstract); give a class_path, or check the key", text
    )
    text = _LIST.sub(r"Expected a list such as '[\1]'. Got value: \1", text)
    text = _INSIDE_CLASS.sub("", _CALLABLE.sub("", text))
    text = re.sub(r"a typing\.Literal\[([^\],]*)\]", r"\1", text)
    text = re.sub(r"a typing\.Literal\[([^\]]*)\]", r"one of \1", text)
    text = _RESTRICTED_NUMBER.sub(lambda match: _expected_number(*match.groups()), text)
    text = _UNKNOWN_OPTION.sub(lambda match: _unknown_option(*match.groups()), text)
    text = _MISSING_ARGUMENTS.sub(r"\1 is missing required arguments: \2", text)
    text = re.sub(r"a <class '(?:[\w.]+\.)?(\w+)'>", r"\1", text)
    text = _UNKNOWN_CLASS.sub(lambda match: _suggest("class", match[1] or match[2], classes), text)
    names = {name.removeprefix("--") for name in arguments}
    text = _UNKNOWN_CONFIG_KEY.sub(lambda match: _suggest("key", match[1], names), text)
    return _UNKNOWN_ARGUMENT.sub(lambda match: _suggest("option", match[1], arguments), text)


def _choose(texts: list[str], report: str) -> str:
    """Merge the causes into one: a suggestion if any, otherwise the accepted types."""
    suggestions = [text for text in texts if "did you mean" in text]
    expected = [text for text in texts if text.startswith("Expected ")]
    if suggestions and len(texts) > 1:
        return suggestions[0]
    if not expected:
        return " ".join(texts)
    message = f"expected {' or '.join(text.removeprefix('Expected ') for text in expected)}"
    given = _GIVEN.search(report)
    if given is not None and "Got value" not in message:
        message += f", got {given[1] or given[2]}"
    return message.replace(". Got value: ", ", got ")


def _expected_number(restriction: str, kind: str, number: str | None, text: str | None) -> str:
    """Return what is expected of a number, given the parts of the name of its type, such as ``PositiveInt``.

    The value stands in the report as a number or as text, or elsewhere.
    """
    bound = "above 0" if restriction == "Positive" else "of at least 0"
    expected = f"Expected a {'whole number' if kind == 'Int' else 'number'} {bound}"
    given = number if text is None else text
    return expected if given is None else f"{expected}. Got value: {given}"


def _unknown_option(class_path: str, option: str) -> str:
    """Return the message for an ``option`` that the class at ``class_path`` does not accept."""
    module, _, name = class_path.rpartition(".")
    accepted: set[str] = set()
    for base in inspect.getmro(getattr(import_module(module), name)):
        if option in (renamed := ARGUMENTS.get(base.__name__, {})):
            return f"{name} has no argument {option!r}; did you mean {renamed[option]}?"
        parameters = inspect.signature(base).parameters
        accepted |= parameters.keys()
        if "kwargs" not in parameters:  # with **kwargs, the next base class accepts the rest
            break
    accepted -= {"kwargs"}
    return f"{name} has no argument {option!r}; {_closest(option, accepted)}"


def _unknown_attribute(module_name: str, name: str) -> str:
    """Return the message for a class, or a module with classes, that a module does not define."""
    if (moved := MODULES.get(f"{module_name}.{name}")) is not None:
        return f"there is no module '{module_name}.{name}'; did you mean {moved}?"
    module = import_module(module_name)
    public = {
        key for key, value in vars(module).items() if not key.startswith("_") and not isinstance(value, ModuleType)
    }
    return f"there is no class '{module_name}.{name}'; {_closest(name, public, f'{module_name}.')}"


def _suggest(what: str, name: str, known: Iterable[str]) -> str:
    if name in (candidates := set(known)):
        return f"the {what} {name!r} has the wrong type for this argument"
    if what == "key" and "." in name and not get_close_matches(name, candidates, n=1):
        first, _, rest = name.partition(".")  # e.g. "assay.mine": below "assays", names are chosen by the user
        close = get_close_matches(first, {candidate.partition(".")[0] for candidate in candidates}, n=1)
        if close:
            return f"there is no {what} {name!r}; did you mean {close[0]}.{rest}?"
    hint = "see --help, or give the import path of your own class" if what == "class" else _SEE_HELP
    return f"there is no {what} {name!r}; {_closest(name, candidates, too_many=hint)}"


def _closest(name: str, known: Iterable[str], prefix: str = "", too_many: str = _SEE_HELP) -> str:
    candidates = sorted(set(known))
    close = get_close_matches(name, candidates, n=1)
    if close:
        return f"did you mean {prefix}{close[0]}?"
    if len(candidates) > _TOO_MANY:
        return too_many
    return f"choose from {', '.join(candidates)}"
