"""``lr-lightning study status``: what of a study is done, runs, failed or waits."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lr_lightning.commands.study.display import described_pace, duration
from lr_lightning.common.files import quoted_path
from lr_lightning.study.next_step import after_the_end, study_command
from lr_lightning.study.opening import open_study
from lr_lightning.study.pace import Pace
from lr_lightning.study.run_states import STATES
from lr_lightning.study.running import RunningRun
from lr_lightning.study.status import FailureGroup, StudyStatus, study_status
from lr_lightning.study.udr_file import missing_udr

T = TypeVar("T")
_LISTED = 20
"""How many running runs, and how many failures, are listed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the subcommand."""
    parser.add_argument("study", metavar="FILE|NAME", help="the file of a study, or its name")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print the status of a study."""
    opened = open_study(options.study, options.root)
    status = study_status(opened.manifest, options.root)
    if options.json:
        print(json.dumps(asdict(status) | {"total": status.total, "change": opened.change}, indent=1, default=str))
        return 0
    console = Console(highlight=False, emoji=False)
    for line in [opened.change] if opened.change else []:
        console.print(f"note: {line}", soft_wrap=True, markup=False)
    for line in _totals(status):
        console.print(line, soft_wrap=True, markup=False)
    console.print(_block_table(status))
    udr = missing_udr(opened.folder, status.cells_without_udr)
    for line in [*_running(status.running), *_failures(status.failures, options), *udr, *_next_step(status, options)]:
        console.print(line, soft_wrap=True, markup=False)
    return 0


def _totals(status: StudyStatus) -> Iterator[str]:
    """Yield the counts of all runs, and how fast it goes."""
    rest = [f"{count:,} {name}" for name, count in status.counts.items() if count and name != "done"]
    yield ", ".join([f"{status.name}: {status.counts['done']:,} of {status.total:,} runs done", *rest])
    if status.counts["running"] == 0:
        return
    pace = described_pace(Pace(status.runs_per_hour, status.seconds_left))
    yield pace or "the time left is not known yet: no run has ended or logged how far it is"


def _block_table(status: StudyStatus) -> Table:
    table = Table("block", "objective", "runs", *STATES)
    for block in status.blocks:
        counts = [f"{block.counts[name]:,}" if block.counts[name] else "" for name in STATES]
        table.add_row(str(block.block), escape(block.objective), f"{sum(block.counts.values()):,}", *counts)
    return table


def _running(runs: Sequence[RunningRun]) -> Iterator[str]:
    """Yield one line for each run that a process has."""
    yield from ["running:"] if runs else []
    for run in runs[:_LISTED]:
        step = "before its first log entry" if run.step is None else f"step {run.step:,}"
        total = f" of {run.total_steps:,}" if run.step is not None and run.total_steps is not None else ""
        host = f" on {run.host}" if run.host else ""
        yield f"  {run.label}, seed {run.seed}{host}: {step}{total}, heartbeat {duration(run.silence)} ago"
    yield from _more(runs)


def _failures(groups: Sequence[FailureGroup], options: argparse.Namespace) -> Iterator[str]:
    """Yield what failed why, and how to try again."""
    for state, how in (("failed", "retry"), ("diverged", "retry --all")):
        of_state = [group for group in groups if group.state == state]
        yield from [f"{state}; to try again: {study_command(how, options.study, options.root)}"] if of_state else []
        for group in of_state[:_LISTED]:
            yield f"  {group.count:,} x {group.sentence}"
            yield f"      {'in' if group.count == 1 else 'such as in'} {quoted_path(group.folder)}"
        yield from _more(of_state)


def _next_step(status: StudyStatus, options: argparse.Namespace) -> Iterator[str]:
    """Yield the command to go on with if nothing runs; failures are listed with theirs."""
    if status.counts["running"]:
        return
    if status.counts["waiting"]:
        yield f"nothing runs; to continue: {study_command('run', options.study, options.root)}"
    elif status.counts["done"] and not status.counts["failed"]:
        yield after_the_end(options.study, options.root)


def _more(listed: Sequence[object]) -> Iterator[str]:
    yield from [f"  and {len(listed) - _LISTED:,} more, see --json"] if len(listed) > _LISTED else []
