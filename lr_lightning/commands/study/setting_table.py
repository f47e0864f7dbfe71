"""The table of settings for the terminal."""

import math
import re
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from lr_lightning.study.setting_summary import SeedMean, SettingSummary

_HEADING = 16
"""Longer names of scores are broken, after underscores and slashes."""
_UNLIMITED = 100_000
"""Width of a console on which every table fits."""


def setting_table(summary: SettingSummary, scores: Sequence[str], num_seeds: int) -> Table:
    """Return a table with one row for each setting.

    Args:
        summary: The settings and their scores.
        scores: The scores to show.
        num_seeds: Number of seeds of each setting.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in summary.columns:
        table.add_column(escape(name), overflow="fold")
    table.add_column("seeds", justify="right", no_wrap=True)
    digits = {}
    for name in scores:
        # numbers are never cut
        table.add_column(escape(_broken(name.removeprefix("assay/"))), justify="right", no_wrap=True)
        digits[name] = _digits([mean.mean for (_, score), mean in summary.scores.items() if score == name])
    for row in summary.rows:
        seeds = f"{row.num_done:,}" if row.num_done == num_seeds else f"{row.num_done:,} of {num_seeds:,}"
        entries = [_entry(summary.scores.get((row.cell, name)), digits[name], row.num_done) for name in scores]
        table.add_row(*map(escape, row.values), seeds, *entries)
    return table


def fitting_parts(
    summary: SettingSummary, scores: Sequence[str], num_seeds: int, console: Console
) -> Iterator[Sequence[str]]:
    """Yield the scores in parts whose columns fit into the width of a console, each as long as possible."""
    unlimited = console.options.update(max_width=_UNLIMITED)
    start = 0
    for end in range(1, len(scores) + 1):
        table = setting_table(summary, scores[start:end], num_seeds)
        if end - start > 1 and Measurement.get(console, unlimited, table).maximum > console.width:
            yield scores[start : end - 1]
            start = end - 1
    yield scores[start:]


def _broken(name: str) -> str:
    """Return a name in lines.

    Example:
        >>> _broken("dci_lightgbm_disentanglement").splitlines()
        ['dci_lightgbm_', 'disentanglement']
    """
    lines = [""]
    for word in re.findall(r"[^_/]*[_/]+|[^_/]+", name):
        if lines[-1] and len(lines[-1]) + len(word) > _HEADING:
            lines.append("")
        lines[-1] += word
    return "\n".join(lines)


def _digits(means: Sequence[float]) -> int:
    """Return how many decimals a column shows: three of scores around 1, none of losses in the thousands."""
    largest = max(map(abs, means), default=0.0)
    return 3 if largest < 10 else max(0, 4 - len(str(int(largest))))


def _entry(mean: SeedMean | None, digits: int, num_done: int) -> str:
    if mean is None:
        return "-" if num_done else ""
    number = f"{mean.mean:,.{digits}f}"
    number += "" if math.isnan(mean.half_width) else f" ± {mean.half_width:,.{digits}f}"
    return number if mean.num_seeds == num_done else f"{number} (n={mean.num_seeds})"
