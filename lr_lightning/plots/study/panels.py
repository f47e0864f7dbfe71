"""Panels side by side, one for each data set, and what their labels share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from lr_lightning.plots.style import PALETTE, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_COLUMNS = 4
"""Panels in a row."""


def panels(names: Sequence[str], *, title: str, height: float = 3.0) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with a panel for each name, in rows, which share the y axis.

    Args:
        names: Titles of the panels.
        title: Title of the figure.
        height: Height of a panel in inches.
    """
    columns = min(MOST_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = new_figure(max(8.0, 3.4 * columns), 0.9 + height * rows)
    first: Axes | None = None
    found = {}
    for number, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, number + 1, sharey=first)
        first = first or axes
        axes.set_title(name, fontsize=10)
        axes.tick_params(labelleft=number % columns == 0)
        tidy(axes, grid="y")
        found[name] = axes
    figure.suptitle(title)
    return figure, found


def leftmost(axes: Mapping[str, Axes]) -> list[Axes]:
    """Return the first panel of each row, which has the labels of the y axis."""
    return list(axes.values())[:: min(MOST_COLUMNS, len(axes))]


def legend_below(figure: Figure, axes: Axes) -> None:
    """Put the legend of a panel below all panels, in as many columns as the figure is wide."""
    handles, labels = axes.get_legend_handles_labels()
    column = 0.7 + 0.09 * max(map(len, labels))  # inches: the line, and about a tenth for each letter
    columns = max(1, min(len(labels), int(figure.get_figwidth() / column)))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)


def group_colors(names: Iterable[str]) -> dict[str, str]:
    """Return a color for each distinct name, in their order; more than eight share colors."""
    return {name: PALETTE[number % len(PALETTE)] for number, name in enumerate(dict.fromkeys(names))}


def short_score(name: str, higher_is_better: Mapping[str, bool | None] | None = None) -> str:
    """Return the name of a score for labels: without ``assay/``, and with an arrow if lower is better.

    Example:
        >>> short_score("assay/response_matrix/independence"), short_score("val/loss", {"val/loss": False})
        ('response_matrix/independence', 'val/loss ↓')
    """
    arrow = " ↓" if (higher_is_better or {}).get(name) is False else ""
    return name.removeprefix("assay/") + arrow


def counted(num_runs: int, num_missing: int, what: str = "without this score") -> str:
    """Return how many runs a figure shows, and how many are missing.

    Example:
        >>> counted(1798, 2), counted(8, 0)
        ('n = 1,798 runs; 2 without this score', 'n = 8 runs, none missing')
    """
    runs = f"n = {num_runs:,} run{'' if num_runs == 1 else 's'}"
    return f"{runs}; {num_missing:,} {what}" if num_missing else f"{runs}, none missing"


def counted_between(rows: pd.DataFrame, what: str = "runs", per: str = "") -> str:
    """Return the range of the number of runs over rows with ``num_runs`` and ``num_missing``, and what is missing.

    Example:
        >>> counted_between(pd.DataFrame({"num_runs": [1800, 1798], "num_missing": [0, 2]}), per=" for each pair")
        'n = 1,798 to 1,800 runs for each pair; up to 2 missing'
    """
    least, most = rows["num_runs"].min(), rows["num_runs"].max()
    runs = f"n = {most:,} {what}" if least == most else f"n = {least:,} to {most:,} {what}{per}"
    missing = rows["num_missing"].max()
    if missing == 0:
        return f"{runs}, none missing"
    return f"{runs}; {'' if missing == rows['num_missing'].min() else 'up to '}{missing:,} missing"
