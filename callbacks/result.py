"""The result of an assay callback."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from lr_lightning.common.printed_result import PrintedResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(repr=False)
class AssayResult(PrintedResult):
    """Results of an assay. Keys have no prefix; logging adds one, usually ``assay/<name>/``.

    Attributes:
        scalars: Numbers to log; they can be monitored.
        figures: Functions that draw a figure, called on one process only.
        arrays: Raw results, saved to ``assays/``.
        tables: Columns and rows, logged to W&B.
        pages: HTML documents, saved to ``pages/`` and logged to W&B; only those of one process count.
        warnings: Sentences on why the scalars may not be trustworthy.
    """

    scalars: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, Callable[[], "Figure"]] = field(default_factory=dict)
    arrays: Mapping[str, Tensor] = field(default_factory=dict)
    tables: Mapping[str, tuple[list[str], list[list[float | str]]]] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()
