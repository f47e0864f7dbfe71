"""A score table for the terminal."""

import math
import re
from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from lr_lightning.metrics.score_table import ScoreRow


def score_report(rows: Iterable[ScoreRow], title: str = "") -> Table:
    """Return ``rows`` as a table that is readable at 80 columns; empty columns are left out.

    Args:
        rows: Scores.
        title: Title of the table, none if empty; folded to its width.
    """
    rows = list(rows)
    table = Table(title=escape(title) or None, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("score")
    with_error = any(row.standard_error is not None for row in rows)
    headings = ["value", *(["± s.e."] if with_error else []), "best", "ceiling", "chance", "seconds"]
    for heading in headings:
        # numbers are never cut; a narrow terminal folds the names
        table.add_column(heading, justify="right", no_wrap=True, min_width=len(heading))
    previous = None
    for row in rows:
        errors = [_number(row.standard_error)] if with_error else []
        # a metric has one time for all its scores
        seconds = f"{row.seconds:.2f}" if (row.metric, row.seconds) != previous else ""
        previous = (row.metric, row.seconds)
        best = "high" if row.higher_is_better else "low"
        table.add_row(
            _Name(row.name), _number(row.value), *errors, best, _number(row.ceiling), _number(row.chance), seconds
        )
    level_seconds = sum(seconds for _, seconds in {(row.metric, row.level_seconds) for row in rows})
    notes = [_what_errors_are(rows)] if with_error else []
    if level_seconds >= 0.05:
        notes.append(f"ceilings and chance took {level_seconds:.1f} seconds more")
    table.caption, table.caption_justify = "\n".join(notes) or None, "left"
    return table


def _what_errors_are(rows: list[ScoreRow]) -> str:
    """Return a sentence on the variation that standard errors measure, and on the width of the intervals."""
    over = {
        "rows": "over new rows, of which the table is a sample",
        "draws": "over draws of rows: the table has each combination of factors once and is the whole population",
    }
    kinds = {row.error_over for row in rows}
    sentence = f"s.e. {'; '.join(text for kind, text in over.items() if kind in kinds)}"
    # one number of repeats, and so one quantile of Student's t, for all rows
    reaches = [
        (row.high - row.value) / row.standard_error for row in rows if row.high is not None and row.standard_error
    ]
    known = [reach for reach in reaches if math.isfinite(reach)]
    return sentence + (f"; 95 % intervals: value ± {known[0]:.2f} s.e." if known else "")


class _Name:
    """A name that is broken after underscores, within a word only where that alone does not fit."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, len(self.name)).with_maximum(options.max_width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line = ""
        for word in re.findall(r"[^_]*_+|[^_]+", self.name):
            if line and len(line) + len(word) > options.max_width:
                yield Text(line, overflow="fold")
                line = ""
            line += word
        yield Text(line, overflow="fold")


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if math.isnan(value):
        return "nan"
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"
