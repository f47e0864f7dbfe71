"""The assays that ``lr-lightning assay --assays`` stands for."""

from collections.abc import Sequence
from typing import NamedTuple

from lr_lightning.callbacks import AssayCallback
from lr_lightning.callbacks.registry import ASSAYS


class Choice(NamedTuple):
    """Assays of a report.

    Attributes:
        assays: Classes by the name that each has in the report, in its order.
        unavailable: Why a class of another package cannot be imported, by its name.
    """

    assays: dict[str, type[AssayCallback]]
    unavailable: dict[str, str]


def choose_assays(names: Sequence[str]) -> Choice:
    """Return the assays that ``names`` stand for, each once: those of the registry in its order, then others.

    Args:
        names: Names of :data:`~lr_lightning.callbacks.registry.ASSAYS`, or import paths; ``"all"`` is all of the
            registry, without those that cannot be imported.

    Raises:
        ValueError: If there is no name, a name is unknown, a class that is named cannot be imported, or two classes
            have one name.

    Example:
        >>> list(choose_assays(["response_map", "response_matrix"]).assays)
        ['response_matrix', 'response_map']
    """
    if not names:
        raise ValueError("--assays is empty; separate names by commas, or use all")
    choice = Choice({}, {})
    for name in ASSAYS:
        if name in names:
            choice.assays[name] = ASSAYS[name]
        elif "all" in names:
            try:
                choice.assays[name] = ASSAYS[name]
            except ValueError as error:
                choice.unavailable[name] = str(error)
    for path in [name for name in names if name != "all" and name not in ASSAYS]:
        assay = ASSAYS[path]
        name = ASSAYS.name_of(assay) or str(getattr(assay, "name", assay.__name__))
        if choice.assays.setdefault(name, assay) is not assay:
            raise ValueError(f"--assays has two assays named {name!r}; add one as --assays.NAME {path}")
    return choice
