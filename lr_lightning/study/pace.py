"""How fast a study is and how long it still takes: the one estimate that ``study run`` and ``study status`` show."""

import heapq
import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from lr_lightning.study.evaluation_file import read_evaluation
from lr_lightning.study.job import Run
from lr_lightning.study.layout import CELL_CONFIG, cell_folder, evaluation_path, run_folder
from lr_lightning.study.manifest import Cell, Manifest
from lr_lightning.study.packing import jobs_of
from lr_lightning.study.rate import runs_per_hour
from lr_lightning.study.running import RunProgress, run_progress, total_steps, training_times

_TIMED = 10
"""How many of the last runs are asked for the rate at which they ended."""
_TIMED_OF_A_KIND = 5
"""How many of the last runs of each kind are asked how long they took."""
_NOT_BEGUN = RunProgress(0, 0, 0.0, False)


@dataclass(frozen=True)
class Pace:
    """How fast a study is.

    Attributes:
        runs_per_hour: Rate at which runs have ended lately; ``None`` if none has.
        seconds_left: Estimate of the time until all runs have ended; ``None`` if nothing is known about their times.
        under_way: The parts of the runs under way that are trained, added up, such as 1.5 for two runs at 75 %.
    """

    runs_per_hour: float | None = None
    seconds_left: float | None = None
    under_way: float = 0.0


class _Kind(NamedTuple):
    """What the time of a run depends on: what the grid sets for its cell, apart from numbers of the objective."""

    block: int
    objective: str
    dataset: str
    values: str


class _Times(NamedTuple):
    """Seconds that a run took, and its number of steps."""

    training: float
    evaluation: float
    steps: int


class PaceEstimate:
    """Estimates how long the rest of a study takes, from the files of its runs.

    A run is expected to take as long as those of its kind that are done. Without any, the runs under way show how long
    a step takes, or those of other kinds, whose time counts as it is where the number of steps is not known. What runs
    have done so far is taken from their files, so that it makes no difference which driver they belong to. As time
    passes without news from a run, the time that it still needs falls.

    Keep it while a study runs: the scores of each run are read once.

    Args:
        manifest: The study.
        root: Folder of all studies.
    """

    def __init__(self, manifest: Manifest, root: Path) -> None:
        self._manifest = manifest
        self._root = root
        self._kinds = {cell.identity: _kind(cell) for cell in manifest.cells}
        self._cells = {kind: cell for cell, kind in self._kinds.items()}
        self._job_of = {run: runs for runs in jobs_of(manifest) for run in runs}
        self._times: dict[Run, _Times | None] = {}
        self._steps: dict[_Kind, int | None] = {}
        self._trained_steps: dict[_Kind, int] = {}
        self._begun: dict[Run, RunProgress] = {}

    def pace(
        self,
        finished: Mapping[Run, float],
        jobs: Iterable[Sequence[Run]],
        held: Collection[Run],
        own: Collection[Run] = (),
        slots: int = 0,
    ) -> Pace:
        """Return the pace of the study now.

        Args:
            finished: When runs ended that are done, in seconds since 1970.
            jobs: The runs of each job that has not ended, in the order in which they start.
            held: The runs among them that processes may have.
            own: Those among these that this driver has given to its engine.
            slots: How many jobs the engine runs at once, also if fewer are under way at this moment.
        """
        now = time.time()
        open_jobs = list(dict.fromkeys(tuple(runs) for runs in jobs if runs))
        seen = {run: run_progress(run_folder(self._root, *run)) for run in held}
        seen = {run: progress for run, progress in seen.items() if progress.since is not None}
        self._begun = {run: known for run, known in self._begun.items() if run not in seen}
        expected = self._expected(finished, open_jobs, seen)
        left = {runs: self._seconds_left(runs, seen, expected, now) for runs in open_jobs}
        under_way = [runs for runs in open_jobs if any(run in seen for run in runs)]
        of_others = [runs for runs in under_way if not any(run in own for run in runs)]
        lanes = len(of_others) + max(len(under_way) - len(of_others), slots)
        busy, waiting = [left.pop(runs) for runs in under_way], list(left.values())
        seconds_left = _makespan(busy, waiting, lanes)
        if seconds_left == 0 and open_jobs and not finished:  # evaluations, of which none has ended yet
            seconds_left = None
        return Pace(
            self._rate(finished),
            seconds_left,
            sum(self._share(run, progress) for run, progress in seen.items()),
        )

    def _rate(self, finished: Mapping[Run, float]) -> float | None:
        last = heapq.nlargest(_TIMED, finished, key=finished.__getitem__)
        # times are each run's share of those of its job, whose runs end together
        longest = [
            (times.training + times.evaluation) * len(self._job_of.get(run, (run,)))
            for run in last
            if (times := self._measured(run)) is not None
        ]
        return runs_per_hour(list(finished.values()), max(longest, default=0.0))

    def _expected(
        self, finished: Mapping[Run, float], jobs: Iterable[Sequence[Run]], seen: Mapping[Run, RunProgress]
    ) -> Mapping[_Kind, tuple[float | None, float | None]]:
        """Return how long training and evaluation of runs take, by their kind; ``None`` where nothing is known.

        An evaluation of unknown time counts nothing: it is short compared with the training.
        """
        ended: dict[_Kind, list[Run]] = defaultdict(list)
        for run in finished:
            ended[self._kinds[run.cell]].append(run)
        measured = {
            kind: times
            for kind, runs in ended.items()
            if (times := self._mean_times(heapq.nlargest(_TIMED_OF_A_KIND, runs, key=finished.__getitem__)))
        }
        under_way: dict[_Kind, list[float]] = defaultdict(list)
        for kind, seconds in self._step_seconds(jobs, seen):
            under_way[kind].append(seconds)
        self._trained_steps |= {kind: times.steps for kind, times in measured.items()}
        steps = [times.training / times.steps for times in measured.values() if times.steps]
        steps = steps or [fmean(seconds) for seconds in under_way.values()]
        expected: dict[_Kind, tuple[float | None, float | None]] = {}
        for kind in dict.fromkeys(self._kinds[run.cell] for runs in jobs for run in runs):
            if kind in measured:
                expected[kind] = measured[kind].training, measured[kind].evaluation
                continue
            training = _mean([times.training for times in measured.values()])
            step, total = _mean(under_way.get(kind, steps)), self._total(kind)
            if step is not None and total is not None:
                training = step * total
            expected[kind] = training, _mean([times.evaluation for times in measured.values()])
        return expected

    def _step_seconds(
        self, jobs: Iterable[Sequence[Run]], seen: Mapping[Run, RunProgress]
    ) -> Iterator[tuple[_Kind, float]]:
        """Yield the kind of each run under way, and its share of the time of a step of its job."""
        for runs in jobs:
            in_training = [run for run in runs if run in seen and not seen[run].is_trained]
            for run in in_training:
                progress = seen[run]
                done, seconds = progress.step - progress.first_step, progress.logged - (progress.since or 0.0)
                if done > 0 and seconds > 0:
                    yield self._kinds[run.cell], seconds / done / len(in_training)
            for run in [run for run in runs if run in seen and seen[run].is_trained]:
                times = training_times(run_folder(self._root, *run))
                if times is not None and times[1] > 0:
                    yield self._kinds[run.cell], times[0] / times[1]

    def _seconds_left(
        self,
        runs: Sequence[Run],
        seen: Mapping[Run, RunProgress],
        expected: Mapping[_Kind, tuple[float | None, float | None]],
        now: float,
    ) -> float | None:
        """Return how long a job still takes from now on, or from its start; ``None`` if that is not known."""
        training, evaluation = 0.0, 0.0
        for run in runs:
            progress = seen.get(run) or self._before_it_waited(run)
            of_training, of_evaluation = expected[self._kinds[run.cell]]
            if not progress.is_trained:
                if of_training is None:
                    return None
                training += of_training * (1 - self._share(run, progress))
            evaluation += of_evaluation or 0.0
        under_way = [seen[run] for run in runs if run in seen]
        if not under_way:
            return training + evaluation
        is_training = not all(progress.is_trained for progress in under_way)
        # an entry from before an interruption is no news
        news = max(max(each.since or 0.0, each.logged if is_training else 0.0) for each in under_way)
        silence = max(now - news, 0.0)
        if is_training:
            return max(training - silence, 0.0) + evaluation
        return training + max(evaluation - silence, 0.0)

    def _share(self, run: Run, progress: RunProgress) -> float:
        """Return which part of its training a run has done."""
        total = self._total(self._kinds[run.cell])
        if progress.is_trained:
            return 1.0
        return min(progress.step / total, 1.0) if total else 0.0

    def _before_it_waited(self, run: Run) -> RunProgress:
        """Return how far a run is that no process has; looked up once, because it does not change meanwhile."""
        if run not in self._begun:
            folder = run_folder(self._root, *run)
            self._begun[run] = run_progress(folder) if folder.is_dir() else _NOT_BEGUN
        return self._begun[run]

    def _total(self, kind: _Kind) -> int | None:
        """Return the number of training steps of runs of a kind; ``None`` if it is not known, as of epochs."""
        if kind not in self._steps:
            self._steps[kind] = total_steps(cell_folder(self._root, self._cells[kind]) / CELL_CONFIG)
        known = self._steps[kind]
        return self._trained_steps.get(kind) if known is None else known

    def _mean_times(self, runs: Iterable[Run]) -> _Times | None:
        found = [times for run in runs if (times := self._measured(run)) is not None]
        if not found:
            return None
        training, evaluation, steps = (fmean(column) for column in zip(*found, strict=True))
        return _Times(training, evaluation, round(steps))

    def _measured(self, run: Run) -> _Times | None:
        """Return how long a run took; ``None`` for a damaged file, which the table names."""
        if run not in self._times:
            self._times[run] = None
            with suppress(OSError, ValueError):
                digest = self._manifest.evaluation.digest
                record = read_evaluation(evaluation_path(run_folder(self._root, *run), digest))
                self._times[run] = _Times(record.training_seconds, record.evaluation_seconds, record.step)
        return self._times[run]


def _kind(cell: Cell) -> _Kind:
    """Return the kind of a cell, as far as the manifest shows it; a plan, which has the configs, compares more."""
    values = {key: value for key, value in cell.parameters.items() if not _is_number_of_objective(key, value)}
    return _Kind(cell.block, cell.objective, cell.dataset, json.dumps(values, sort_keys=True))


def _is_number_of_objective(key: str, value: object) -> bool:
    return key.startswith("model.") and key.count(".") == 1 and isinstance(value, int | float)


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _makespan(busy: Sequence[float | None], waiting: Sequence[float | None], lanes: int) -> float | None:
    """Return when the last job ends if each that waits starts as soon as another one ends.

    Args:
        busy: Seconds until jobs end that are under way; ``None`` where that is not known.
        waiting: Seconds that the others take, in the order in which they start.
        lanes: How many jobs run at once.

    Returns:
        Seconds from now; ``None`` if the time of a job is not known, or none runs.
    """
    known = [seconds for seconds in busy if seconds is not None]
    later = [seconds for seconds in waiting if seconds is not None]
    if len(known) < len(busy) or len(later) < len(waiting) or not lanes:
        return None
    ends = [*known, *[0.0] * (lanes - len(known))]
    heapq.heapify(ends)
    for seconds in later:
        heapq.heappush(ends, heapq.heappop(ends) + seconds)
    return max(ends)
