"""What running a study would take on this machine: jobs, what is done already, and an estimate of time."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from lr_lightning.common.cores import num_cores
from lr_lightning.study.engines.machine import share_machine, visible_gpus
from lr_lightning.study.evaluation_file import read_evaluation
from lr_lightning.study.identity import canonical
from lr_lightning.study.layout import evaluation_path, run_folder
from lr_lightning.study.manifest import Cell, Manifest, Resources
from lr_lightning.study.packing import jobs_of
from lr_lightning.study.resolution import ResolvedStudy
from lr_lightning.study.run_states import run_states
from lr_lightning.study.step_time import StepTime, step_time

_DEFAULT_EPOCHS = 1000
"""Epochs that Lightning trains if neither epochs nor steps are set."""
_MOST_EVALUATIONS = 20
"""How many evaluations of finished runs are read for the mean of their times."""


@dataclass(frozen=True)
class PlanRow:
    """The cells of one block with the same objective, network and data, which take the same time.

    Attributes:
        block: Number of the block.
        objective: Name of the objective.
        dataset: Name of the data set.
        cells: Number of cells.
        runs: Number of runs.
        done: How many of them are done.
        steps: Training steps of each; 0 if nothing is left to train.
        step: Time of a step; ``None`` if nothing is left to train.
        is_stand_in: Whether it was measured on random images because the data are missing.
    """

    block: int
    objective: str
    dataset: str
    cells: int
    runs: int
    done: int
    steps: int
    step: StepTime | None
    is_stand_in: bool

    @property
    def run_seconds(self) -> float:
        """Time of the training steps of one run."""
        return 0.0 if self.step is None else self.steps * self.step.seconds


@dataclass(frozen=True)
class Plan:
    """What running a study would take.

    Attributes:
        manifest: The study.
        rows: Its cells, by what determines their time.
        jobs_left: Number of jobs with runs that are not done.
        jobs: How many jobs run at once on this machine.
        threads: Threads of each.
        lacks_gpus: Whether the study asks for GPUs that this machine does not have.
        evaluation_seconds: Mean time of the evaluation of runs that are done; ``None`` if there are none.
        missing: Why data sets cannot be opened.
    """

    manifest: Manifest
    rows: tuple[PlanRow, ...]
    jobs_left: int
    jobs: int
    threads: int
    lacks_gpus: bool
    evaluation_seconds: float | None
    missing: tuple[str, ...]

    @property
    def seconds_left(self) -> float:
        """Estimate of the time until all runs are done, without validation, assays and unknown evaluations."""
        each = self.evaluation_seconds or 0.0
        left = [(row.runs - row.done, row.run_seconds + each) for row in self.rows if row.runs > row.done]
        longest = max((seconds for _, seconds in left), default=0.0)
        side_by_side = max(min(self.jobs, self.jobs_left), 1)  # runs of one job take turns
        return max(sum(runs * seconds for runs, seconds in left) / side_by_side, longest)


def plan_study(
    resolved: ResolvedStudy,
    root: Path,
    jobs: int | None = None,
    seconds: float = 1.0,
    tell: Callable[[int, int], object] | None = None,
) -> Plan:
    """Measure a step of each different model and data set of a study, and count what is left to run.

    Args:
        resolved: The study.
        root: Folder of all studies.
        jobs: How many jobs run at once; ``None`` for as many as there is room for.
        seconds: Wall time of each measurement.
        tell: Called with the number of measurements done and their total.

    Raises:
        UsageError: If ``jobs`` does not fit this machine.
    """
    manifest = resolved.manifest
    cores, gpus = num_cores(), visible_gpus()
    lacks_gpus = manifest.resources.gpus > len(gpus)
    resources = Resources(manifest.resources.cpus) if lacks_gpus else manifest.resources
    share = share_machine(resources, jobs, cores, gpus)
    groups: dict[_Kind, list[Cell]] = defaultdict(list)
    for cell in manifest.cells:
        groups[_kind(cell, resolved.configs[cell.identity])].append(cell)
    done = {key for key, state in run_states(manifest, root).items() if state.state == "done"}
    measured: dict[str, StepTime] = {}
    rows = []
    for number, (kind, cells) in enumerate(groups.items()):
        if tell is not None:
            tell(number, len(groups))
        rows.append(_row(kind, cells, resolved, done, measured, share.threads, seconds))
    return Plan(
        manifest,
        tuple(rows),
        _jobs_left(manifest, done),
        share.jobs,
        share.threads,
        lacks_gpus,
        _evaluation_seconds(manifest, root, done),
        resolved.missing,
    )


class _Kind(NamedTuple):
    """What the cells of one row have in common.

    Attributes:
        block: Number of the block.
        training: Values on which the time of a step depends.
        end: Arguments of the Trainer on which the number of steps depends.
    """

    block: int
    training: str
    end: str


def _kind(cell: Cell, config: Mapping[str, Any]) -> _Kind:
    """Return what determines the time of a cell: all but the weights of its objective."""
    model, trainer = canonical(config["model"]), config["trainer"]
    arguments = {key: value for key, value in model["init_args"].items() if not isinstance(value, int | float)}
    training = [cell.objective, cell.dataset, model["class_path"], arguments, canonical(config["data"])]
    end = [trainer["precision"], trainer["max_steps"], trainer["max_epochs"]]
    return _Kind(cell.block, json.dumps(training, sort_keys=True), json.dumps(end))


def _row(
    kind: _Kind,
    cells: list[Cell],
    resolved: ResolvedStudy,
    done: set[tuple[str, int]],
    measured: dict[str, StepTime],
    threads: int,
    seconds: float,
) -> PlanRow:
    """Return a row of the plan; its step is measured unless it is among those ``measured``, or nothing is left."""
    first = cells[0]
    config = resolved.configs[first.identity]
    runs = {(cell.identity, seed) for cell in cells for seed in resolved.manifest.seeds}
    if runs <= done:
        return PlanRow(kind.block, first.objective, first.dataset, len(cells), len(runs), len(runs), 0, None, False)
    if kind.training not in measured:
        measured[kind.training] = step_time(config, threads, seconds, resolved.missing_shapes.get(first.identity))
    step = measured[kind.training]
    return PlanRow(
        kind.block,
        first.objective,
        first.dataset,
        len(cells),
        len(runs),
        len(runs & done),
        _num_steps(config["trainer"], step),
        step,
        first.identity in resolved.missing_shapes,
    )


def _num_steps(trainer: Mapping[str, Any], step: StepTime) -> int:
    """Return the number of steps of a run."""
    steps, epochs = trainer["max_steps"], trainer["max_epochs"]
    if epochs is None:
        epochs = _DEFAULT_EPOCHS if steps < 0 else -1
    ends = [steps] if steps >= 0 else []
    ends += [epochs * step.steps_per_epoch] if epochs >= 0 else []
    return min(ends, default=0)


def _jobs_left(manifest: Manifest, done: set[tuple[str, int]]) -> int:
    return sum(any(run not in done for run in runs) for runs in jobs_of(manifest))


def _evaluation_seconds(manifest: Manifest, root: Path, done: set[tuple[str, int]]) -> float | None:
    """Return the mean time of the evaluation of some runs that are done."""
    digest = manifest.evaluation.digest
    paths = [evaluation_path(run_folder(root, *run), digest) for run in sorted(done)[:_MOST_EVALUATIONS]]
    return fmean(read_evaluation(path).evaluation_seconds for path in paths) if paths else None
