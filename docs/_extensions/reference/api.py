"""Pages of the public API, one for each module, with a section for each file that defines a part of it."""

import inspect
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, Literal, get_args, get_origin

from sphinx.pycode import ModuleAnalyzer

from reference.tables import heading, table

MODULES = {
    "lr_lightning": "Runs",
    "lr_lightning.assays": "Assays",
    "lr_lightning.callbacks": "Callbacks",
    "lr_lightning.metrics": "Metrics",
    "lr_lightning.metrics.functional": "Metrics as functions",
    "lr_lightning.models": "Models",
    "lr_lightning.networks": "Networks",
    "lr_lightning.losses": "Losses",
    "lr_lightning.data": "Data",
    "lr_lightning.plots": "Plots",
    "lr_lightning.study": "Studies",
}
"""Public modules and the titles of their pages."""

_CONSTANTS = "Constants and types"


def api_pages() -> dict[str, str]:
    """Return the pages by name."""
    pages = {module.replace(".", "_"): _page(module, title) for module, title in MODULES.items()}
    rows = [
        (f":doc:`{title} <{module.replace('.', '_')}>`", f":mod:`{module}`", _first_line(import_module(module)))
        for module, title in MODULES.items()
    ]
    index = [*heading("API", "="), *table(("page", "module", "contents"), rows)]
    index += [".. toctree::", "   :hidden:", "", *(f"   {name}" for name in pages), ""]
    return {"index": "\n".join(index), **pages}


def public_names(module: ModuleType) -> list[str]:
    """Return the names that a module exports; not those of classes that its parent exports, too."""
    names = getattr(module, "__all__", None) or [name for name in dir(module) if _is_own(getattr(module, name, None))]
    parent = import_module(module.__name__.rpartition(".")[0] or module.__name__)
    exported = {} if parent is module else {name: getattr(parent, name, None) for name in dir(parent)}
    found = {name: getattr(module, name) for name in names if not name.startswith("_")}
    return [name for name, value in found.items() if not (inspect.isclass(value) and exported.get(name) is value)]


def _is_own(value: Any) -> bool:
    """Return whether this package defines ``value``, a class, a function or a constant with several members."""
    return _file_of(value).startswith("lr_lightning.") or isinstance(value, Mapping | tuple | frozenset)


def _page(name: str, title: str) -> str:
    module = import_module(name)
    sections = defaultdict(list)
    for public in public_names(module):
        sections[_section(getattr(module, public))].append(public)
    ordered = sorted(sections, key=lambda section: (section == _CONSTANTS, section))
    lines = [*heading(title, "="), f".. automodule:: {name}", ""]
    lines += [".. autosummary::", "   :nosignatures:", ""]
    lines += [f"   {public}" for section in ordered for public in sections[section] if section != _CONSTANTS]
    for section in ordered:
        lines += ["", *heading(section, "-")]
        for public in sections[section]:
            lines += _entry(name, public, getattr(module, public))
    return "\n".join(lines) + "\n"


def _entry(module: str, name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        yield from (f".. autoclass:: {name}", "   :members:", "")
    elif inspect.isroutine(value):
        yield from (f".. autofunction:: {name}", "")
    else:
        yield from (f".. py:data:: {name}", "", *(f"   {line}" for line in _described(module, name, value)), "")


def _described(module: str, name: str, value: Any) -> list[str]:
    """Return the text under a constant in the file that defines it, or the values that a type allows."""
    if get_origin(value) is Literal:
        return [f"One of {', '.join(f'``{each!r}``' for each in get_args(value))}."]
    for file in sorted(each for each in sys.modules if each.startswith(module)):
        if vars(sys.modules[file]).get(name) is value:
            found = ModuleAnalyzer.for_module(file).find_attr_docs().get(("", name))
            if found:
                return [line for line in found if line]
    raise ValueError(f"{module}.{name} has no text under its definition")


def _section(value: Any) -> str:
    """Return the name of the file that defines ``value``, in words."""
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return _CONSTANTS
    return _file_of(value).rpartition(".")[2].replace("_", " ").capitalize()


def _file_of(value: Any) -> str:
    found = getattr(value, "__module__", None)
    return found if isinstance(found, str) else ""


def _first_line(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().splitlines()[0]
