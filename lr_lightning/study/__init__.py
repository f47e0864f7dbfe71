"""Studies: many runs of one design, their scores in one table, and what the table shows."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lr_lightning.study.table import read_coverage, read_table

__all__ = ["read_coverage", "read_table"]

_MODULES = {
    "read_coverage": "table",
    "read_table": "table",
}
"""Module of each public name, in this package."""


def __getattr__(name: str) -> Any:
    """Import a name on first use: the commands that do without pandas start in a fraction of its import time."""
    if name in _MODULES:
        return getattr(import_module(f"lr_lightning.study.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
