"""Shared parts of the benchmarks: taking turns, medians and spreads, peak memory, tables and their files."""

import argparse
import ctypes
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """Repeated measurements of one quantity."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median, which is robust to a busy machine."""
        return statistics.median(self.values)

    def scaled(self, factor: float) -> "Spread":
        """Return all values times ``factor``."""
        return Spread(tuple(factor * value for value in self.values))

    def inverse(self, factor: float = 1) -> "Spread":
        """Return ``factor`` over all values."""
        return Spread(tuple(factor / value for value in self.values))

    def __str__(self) -> str:
        low, high = number(min(self.values)), number(max(self.values))
        return number(self.median) if low == high else f"{number(self.median)} ({low}-{high})"


Cell = str | float | Spread | None


@dataclass
class Table:
    """A table of measurements.

    Attributes:
        title: Title of the table.
        columns: Column headings.
        rows: Cells of each row.
        note: How the values were measured.
    """

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    note: str = ""

    def markdown(self) -> str:
        """Return the table as markdown."""
        lines = [self.columns, ["---"] * len(self.columns), *(list(map(shown, row)) for row in self.rows)]
        body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return f"### {self.title}\n\n" + (f"{self.note}\n\n" if self.note else "") + body + "\n"


@dataclass
class Target:
    """A goal and its measurement.

    Attributes:
        what: The quantity.
        measured: Its measured value, ``None`` if it could not be measured.
        bound: The goal.
        at_least: Whether ``bound`` is a lower bound; otherwise it is an upper bound.
    """

    what: str
    measured: float | None
    bound: float
    at_least: bool = True

    def row(self) -> list[Cell]:
        """Return the quantity, the goal, the measured value, and whether the goal is met."""
        sign = "≥" if self.at_least else "≤"
        if self.measured is None:
            return [self.what, f"{sign} {number(self.bound)}", "not measured", ""]
        met = self.measured >= self.bound if self.at_least else self.measured <= self.bound
        return [self.what, f"{sign} {number(self.bound)}", self.measured, "yes" if met else "**no**"]


@dataclass
class Group:
    """Results of one benchmark.

    Attributes:
        title: Title of the benchmark.
        tables: Its measurements.
        targets: The goals that it measures.
        is_quick: Whether sizes were too small to measure anything, as with ``--quick``.
    """

    title: str
    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    is_quick: bool = False

    def record(self) -> dict[str, Any]:
        """Return the group as plain values; :func:`group_of` is the inverse."""
        return asdict(self)

    def markdown(self) -> str:
        """Return the group as markdown."""
        tables = list(self.tables)
        if self.targets:
            rows = [target.row() for target in self.targets]
            tables.append(Table("Goals", ["", "goal", "measured", "met"], rows))
        quick = "**A quick check with tiny sizes, not a measurement.**\n\n" if self.is_quick else ""
        return f"## {self.title}\n\n{quick}" + "\n".join(table.markdown() for table in tables)


def number(value: float) -> str:
    """Format ``value`` with three significant digits, or all digits above a thousand, with thousands separators."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}"


def shown(cell: Cell) -> str:
    """Format a cell."""
    if cell is None:
        return "-"
    return number(cell) if isinstance(cell, int | float) else str(cell)


def ratio(numerators: Spread, denominators: Spread) -> Spread:
    """Return the ratios of the values measured in the same turn."""
    return Spread(tuple(a / b for a, b in zip(numerators.values, denominators.values, strict=True)))


def interleaved(
    ways: Mapping[str, Callable[[], T]], rounds: int, warm_up: int = 1
) -> tuple[dict[str, Spread], dict[str, T]]:
    """Run all ``ways`` in turns; return the seconds of each run, and the last result of each.

    Args:
        ways: Functions to compare; each must synchronize with the device before it returns.
        rounds: Number of counted runs of each.
        warm_up: Number of rounds before the counted ones.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    results: dict[str, T] = {}
    for turn in range(warm_up + rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            results[name] = way()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return {name: Spread(tuple(values)) for name, values in seconds.items()}, results


def growth_exponent(sizes: Sequence[float], values: Sequence[float]) -> float | None:
    """Return the slope of log ``values`` over log ``sizes``, ``None`` for fewer than two sizes."""
    if len(set(sizes)) < 2:
        return None
    return statistics.linear_regression([math.log(s) for s in sizes], [math.log(v) for v in values]).slope


@contextmanager
def peak_memory(found: list[float]) -> Iterator[None]:
    """Append the peak growth of this process's memory in this context, in MB, to ``found``; Linux only."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = _status_megabytes("VmRSS")
    yield
    found.append(_status_megabytes("VmHWM") - before)


def _status_megabytes(name: str) -> float:
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) * 1024 / 1e6


def machine() -> dict[str, str]:
    """Return a description of the machine: processor, cores, threads, system."""
    models = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": f"{models[0] if models else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GB",
        "threads": f"OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'not set')}, "
        f"OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', 'not set')}",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
    }


def benchmark_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options common to all benchmarks."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to check that it runs")
    parser.add_argument("--json", type=Path, help="output file for the results")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("data_sets/benchmark"),
        help="for data and the peers",
    )
    return parser


def deliver(group: Group, options: argparse.Namespace) -> None:
    """Print ``group``, and write it to the file given by ``--json``, marked if it is a quick check."""
    group.is_quick = options.quick
    print(group.markdown(), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(group.record(), indent=1))


def group_of(record: dict[str, Any]) -> Group:
    """Restore a group from :meth:`Group.record`."""
    tables = [
        Table(table["title"], table["columns"], [list(map(_cell_of, row)) for row in table["rows"]], table["note"])
        for table in record["tables"]
    ]
    targets = [Target(**target) for target in record["targets"]]
    return Group(record["title"], tables, targets, record.get("is_quick", False))


def _cell_of(value: Any) -> Cell:
    cell: Cell = Spread(tuple(value["values"])) if isinstance(value, dict) else value
    return cell
