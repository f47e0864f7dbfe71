"""``lr-lightning study table``: prints the scores of each setting, and writes all results as one tidy table."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from lr_lightning.commands.study.score_names import names_in
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.next_step import study_command
from lr_lightning.study.opening import open_study
from lr_lightning.study.run_states import RunKey, RunState, run_states
from lr_lightning.study.udr_file import missing_udr, read_study_udr

if TYPE_CHECKING:
    import pandas as pd

_LISTED = 20
"""How many lines about runs that are not done are printed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument("study", metavar="FILE|NAME", help="the file of a study, or its name")
    parser.add_argument(
        "--out",
        type=Path,
        help="file for all results, one row for each run and score, .parquet or .csv (default: table.csv in the "
        "study's folder)",
    )
    parser.add_argument(
        "--scores",
        metavar="NAMES",
        help="comma-separated names of scores, metrics or assays to print, or 'all' (default: the usual scores for "
        "which there is room)",
    )


def run(options: argparse.Namespace) -> int:
    """Write the table of a study, and beside it the table of what is missing from it; print a summary."""
    opened = open_study(options.study, options.root)

    from lr_lightning.study.table_file import check_table_file, write_table  # import pandas

    out: Path = options.out or opened.folder.path / "table.csv"
    check_table_file(out)

    from lr_lightning.study.setting_summary import missing_runs
    from lr_lightning.study.table import coverage_of, table_of

    manifest = opened.manifest
    states = run_states(manifest, options.root)
    udr = read_study_udr(manifest, options.root, states)
    table, coverage = table_of(manifest, options.root, states, udr), coverage_of(manifest, states)
    console = Console(highlight=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, emoji=False, width=120)
    _print_settings(console, manifest, states, table, names_in(options.scores))
    beside = out.with_name(f"{out.stem}_coverage{out.suffix}")
    write_table(out, table)
    write_table(beside, coverage)
    missing = list(missing_runs(manifest, states))
    status = study_command("status", options.study, options.root)
    for line in [
        *missing[:_LISTED],
        *([f"and {len(missing) - _LISTED:,} more, see {status}"] if len(missing) > _LISTED else []),
        *([f"note: {opened.change}"] if opened.change else []),
        f"wrote {out} with {len(table):,} rows",
        f"wrote {beside}: {_covered(manifest, states)}",
        *missing_udr(opened.folder, len(udr.missing)),
    ]:
        console.print(line, soft_wrap=True, markup=False)
    return 0


def _print_settings(
    console: Console,
    manifest: Manifest,
    states: Mapping[RunKey, RunState],
    table: "pd.DataFrame",
    given: Sequence[str] | None,
) -> None:
    """Print one row for each setting, with means over its seeds."""
    from lr_lightning.commands.study.setting_table import fitting_parts, setting_table
    from lr_lightning.study.setting_summary import chosen_columns, summarize_settings, usual_columns

    if table.empty:
        console.print(f"no run of {manifest.name} is done yet", markup=False)
        return
    scores: Sequence[str] = usual_columns(table) if given is None else chosen_columns(table, given)
    summary, num_seeds = summarize_settings(manifest, states, table, scores), len(manifest.seeds)
    parts = list(fitting_parts(summary, scores, num_seeds, console))
    for part in parts[:1] if given is None else parts:
        console.print(setting_table(summary, part, num_seeds))
    notes = ["means over seeds ± half of their 95 % interval"] if num_seeds > 1 else []
    others = table["name"].nunique() - len(parts[0] if given is None else scores)
    notes += [f"{others:,} other scores: choose with --scores"] if others else []
    console.print("; ".join(notes), soft_wrap=True)


def _covered(manifest: Manifest, states: Mapping[RunKey, RunState]) -> str:
    """Return how many runs the table has, and of how many cells it has none."""
    done = Counter(cell for (cell, _), state in states.items() if state.state == "done")
    covered = f"{done.total():,} of {len(states):,} runs are done"
    missing = sum(done[cell.identity] == 0 for cell in manifest.cells)
    return f"{covered}; {missing:,} of {len(manifest.cells):,} cells have none" if missing else covered
