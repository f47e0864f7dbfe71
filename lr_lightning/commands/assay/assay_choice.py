"""The assays selected by ``lr-lightning assay --assays``."""

from collections.abc import Sequence
from typing import NamedTuple

from lr_lightning.callbacks import AssayCallback
from lr_lightning.callbacks.registry import ASSAYS


class Choice(NamedTuple):
    """Assays of a report.

    Attributes:
        assays: Classes by name, in the order of the report.
        unavailable: Errors of classes in other packages that cannot be imported, by name.
    """

    assays: dict[str, type[AssayCallback]]
    unavailable: dict[str, str]


def choose_assays(names: Sequence[str]) -> Choice:
    """Return the assays called ``names`` without duplicates: those of the registry in its order, then others.

    Args:
        names: Names of :data:`~lr_lightning.callbacks.registry.ASSAYS`, or import paths; ``"all"`` selects every class
            of the registry that can be imported, except those that only run where they are named.

    Raises:
        ValueError: If there is no name, a name is unknown, a named class cannot be imported, or two classes share a
            name.

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
                assay = ASSAYS[name]
            except ValueError as error:
                choice.unavailable[name] = str(error)
                continue
            if assay.by_default:
                choice.assays[name] = assay
    for path in [name for name in names if name != "all" and name not in ASSAYS]:
        assay = ASSAYS[path]
        name = ASSAYS.name_of(assay) or str(getattr(assay, "name", assay.__name__))
        if choice.assays.setdefault(name, assay) is not assay:
            raise ValueError(f"--assays has two assays named {name!r}; add one as --assays.NAME {path}")
    return choice
