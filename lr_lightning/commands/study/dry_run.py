"""``lr-lightning study run --dry_run``: what a study would run, and how long it would take."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lr_lightning.commands.progress import progress_bar
from lr_lightning.commands.study.display import duration
from lr_lightning.study.definition import StudyDefinition
from lr_lightning.study.packing import cells_trained_alone
from lr_lightning.study.planning import Plan, plan_study
from lr_lightning.study.preparation import change_on_disk
from lr_lightning.study.resolution import resolve_study


def dry_run(definition: StudyDefinition, root: Path, jobs: int | None) -> None:
    """Resolve a study, measure a step of each kind of cell, and print the plan; nothing is written.

    Args:
        definition: The study.
        root: Folder of all studies.
        jobs: How many jobs run at once; ``None`` for as many as there is room for.

    Raises:
        UsageError: If a value of the study, or ``jobs``, is invalid.
        ValueError: If the runs of a cell were made by a version with other defaults.
    """
    resolved = resolve_study(definition)
    change = change_on_disk(resolved, root)
    with progress_bar("measuring steps") as advance:
        plan = plan_study(resolved, root, jobs, tell=advance)
    console = Console(highlight=False, emoji=False)
    console.print(plan_table(plan))
    for line in [*plan_lines(plan), *([change] if change else [])]:
        console.print(line, markup=False, soft_wrap=True)


def plan_table(plan: Plan) -> Table:
    """Return the cells of a plan by block, objective and data set; it fits into 80 columns."""
    table = Table(box=None, pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("objective", overflow="fold")
    table.add_column("data set", overflow="fold")
    for name in ("cells", "runs", "done", "steps", "ms/step", "a run"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in plan.rows:
        counts = [f"{count:,}" for count in (row.cells, row.runs, row.done)]
        times = ["", "", ""]
        if row.step is not None:
            milliseconds = row.step.seconds * 1000
            precision = 0 if milliseconds >= 100 else 1
            mark = "*" if row.is_stand_in else ""
            times = [f"{row.steps:,}", f"{milliseconds:,.{precision}f}{mark}", duration(row.run_seconds)]
        table.add_row(str(row.block), escape(row.objective), escape(row.dataset), *counts, *times)
    return table


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield the totals of a plan, the estimate, and what it rests on."""
    cells, runs = len(plan.manifest.cells), sum(row.runs for row in plan.rows)
    done = sum(row.done for row in plan.rows)
    seeds = len(plan.manifest.seeds)
    left = f"{runs - done:,} left in {plan.jobs_left:,} jobs"
    yield f"{plan.manifest.name}: {cells:,} cells x {seeds:,} seeds = {runs:,} runs; {done:,} done, {left}"
    if done == runs:
        return
    jobs, threads = _number(plan.jobs, "job"), _number(plan.threads, "thread")
    yield f"about {duration(plan.seconds_left)} on this machine, with {jobs} of {threads} at once"
    steps = min(row.step.measured for row in plan.rows if row.step is not None)
    covered = "training steps alone"
    if plan.evaluation_seconds is not None:
        covered = f"training steps, and evaluation in {duration(plan.evaluation_seconds)} a run, as in those done"
    yield (
        f"The estimate covers {covered}: at least {steps} steps of one cell in each row, timed here one after the "
        "other. Validation, assays during training, and starting up come on top"
        + ("." if plan.evaluation_seconds is not None else ", and the evaluation of each run.")
    )
    if alone := cells_trained_alone(plan.manifest):
        yield alone
    if plan.lacks_gpus:
        gpus = plan.manifest.resources.gpus
        yield f"The study asks for {gpus:g} GPU per job, which this machine does not have; measured on its CPU."
    if plan.missing:
        yield "* measured on random images, because the data are missing:"
        yield from (f"  {sentence}" for sentence in plan.missing)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
