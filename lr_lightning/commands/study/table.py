"""``lr-lightning study table``: all results of a study as one tidy table."""

import argparse
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from lr_lightning.study.manifest import Manifest
from lr_lightning.study.opening import open_study
from lr_lightning.study.run_states import RunKey, RunState, run_states
from lr_lightning.study.udr_file import missing_udr, read_study_udr


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument("study", metavar="FILE|NAME", help="the file of a study, or its name")
    parser.add_argument(
        "--out", type=Path, help="file for the table, .parquet or .csv (default: table.csv in the study's folder)"
    )


def run(options: argparse.Namespace) -> int:
    """Write the table of a study, and beside it the table of what is missing from it."""
    from lr_lightning.study.table_file import (  # imports pandas, which --help does not need
        check_table_file,
        write_table,
    )

    opened = open_study(options.study, options.root)
    out: Path = options.out or opened.folder.path / "table.csv"
    check_table_file(out)

    from lr_lightning.study.table import coverage_of, table_of

    console = Console(highlight=False, emoji=False)
    states = run_states(opened.manifest, options.root)
    udr = read_study_udr(opened.manifest, options.root, states)
    table, coverage = table_of(opened.manifest, options.root, states, udr), coverage_of(opened.manifest, states)
    beside = out.with_name(f"{out.stem}_coverage{out.suffix}")
    write_table(out, table)
    write_table(beside, coverage)
    lines = [*([f"note: {opened.change}"] if opened.change else []), f"wrote {out} with {len(table):,} rows"]
    for line in [
        *lines,
        f"wrote {beside}: {_covered(opened.manifest, states)}",
        *missing_udr(opened.folder, len(udr.missing)),
    ]:
        console.print(line, soft_wrap=True, markup=False)
    return 0


def _covered(manifest: Manifest, states: Mapping[RunKey, RunState]) -> str:
    """Return how many runs the table has, and of how many cells it has none."""
    done = Counter(cell for (cell, _), state in states.items() if state.state == "done")
    covered = f"{done.total():,} of {len(states):,} runs are done"
    missing = sum(done[cell.identity] == 0 for cell in manifest.cells)
    return f"{covered}; {missing:,} of {len(manifest.cells):,} cells have none" if missing else covered
