"""The loop that keeps an engine busy until all runs of a study are done."""

import errno
import math
import socket
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from lr_lightning import __version__
from lr_lightning.commands.run.lease import LeaseWatch
from lr_lightning.study.engines.engine import Engine, Finished
from lr_lightning.study.failure import Failure, write_failure
from lr_lightning.study.job import Job, Outcome, Run
from lr_lightning.study.layout import run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.pace import Pace, PaceEstimate
from lr_lightning.study.packing import jobs_of
from lr_lightning.study.run_states import RunKey, RunState, run_state, run_states

_LOOK = 2.0
"""Seconds between two looks at the runs that other processes have."""
_ESTIMATE = 5.0
"""Seconds between two estimates of the time left, each of which reads the files of the runs under way."""
_NEAR = 64
"""How many of the jobs that wait are looked at for an estimate, because other drivers may have them."""
_WAIT = 0.5
"""Seconds to wait for an engine before progress is shown again."""


@dataclass
class Progress:
    """What has become of the runs of a study.

    Attributes:
        total: Number of runs.
        done_before: Number of runs that were done when the driver started.
        done: The runs that are done.
        failures: The runs that failed or diverged.
        held: The runs that another process has.
        running: Number of runs in the engine that it has room for at once.
        stopped: Why no more runs start; empty if they do.
        pace: How fast it goes, and how long it still takes.
    """

    total: int
    done_before: int = 0
    done: set[Run] = field(default_factory=set)
    failures: dict[Run, Failure] = field(default_factory=dict)
    held: set[Run] = field(default_factory=set)
    running: int = 0
    stopped: str = ""
    pace: Pace = field(default_factory=Pace)


class Display(Protocol):
    """Shows the progress of a study."""

    def show(self, progress: Progress) -> None:
        """Show it; called about twice a second."""
        ...


class Driver:
    """Drives one study. What is done is known from the files of the runs alone, so any number of drivers may share it.

    Args:
        root: Folder of all studies.
        manifest: The study.
        chosen: The runs to drive, also those that have failed; by default, all runs of the study that have not.

    Attributes:
        progress: What has become of the runs.
    """

    def __init__(self, root: Path, manifest: Manifest, chosen: Collection[Run] | None = None) -> None:
        self._root = root.absolute()
        self._manifest = manifest
        self._cells = {cell.identity: cell for cell in manifest.cells}
        self._losses: Counter[Run] = Counter()
        self._in_engine: dict[tuple[Run, ...], Job] = {}
        self._watches: dict[Run, LeaseWatch] = {}
        self._forgiven = set(chosen or ())  # their records of failures stay until they are done or fail again
        self._last_look = self._last_estimate = -math.inf
        self._estimate = PaceEstimate(manifest, self._root)
        self._finished: dict[Run, float] = {}
        self.progress = Progress(len(manifest.cells) * len(manifest.seeds) if chosen is None else len(chosen))
        self._waiting = deque(self._open_jobs(run_states(manifest, self._root), chosen))
        self.progress.done_before = len(self.progress.done)

    @property
    def has_work(self) -> bool:
        """Whether a run is neither done nor failed."""
        return bool(self._waiting)

    def drive(self, engine: Engine, threads: int, retries: int, display: Display) -> None:
        """Run everything that is neither done nor failed.

        Args:
            engine: Runs the jobs.
            threads: Threads of each job.
            retries: How often a run whose worker was lost is started again.
            display: Shows the progress.

        Raises:
            ValueError: If no machine has the resources of a job.
            OSError: If the record of a failure cannot be written, except because the disk is full.
        """
        while self._in_engine or (not self.progress.stopped and (self._waiting or self.progress.held)):
            self._start_jobs(engine, threads)
            for finished in engine.wait(_WAIT):
                self._take(finished, retries)
            self._look_at_held()
            room = engine.slots * self._manifest.runs_per_job
            self.progress.running = min(sum(map(len, self._in_engine)), room)
            self._estimate_pace(engine.slots)
            display.show(self.progress)

    def _open_jobs(
        self, states: Mapping[RunKey, RunState], chosen: Collection[Run] | None
    ) -> Iterator[tuple[Run, ...]]:
        """Yield the runs of each job that have not ended, and count the others."""
        for runs in jobs_of(self._manifest):
            of_driver = [run for run in runs if chosen is None or run in chosen]
            if open_runs := tuple(run for run in of_driver if not self._count_ended(run, states[run])):
                yield open_runs

    def _count_ended(self, run: Run, state: RunState) -> bool:
        """Return whether a run is done or has failed, and then count it."""
        if state.finished is not None:
            self._count_done(run, state.finished)
        elif state.failure is not None and run not in self._forgiven:
            self.progress.failures[run] = state.failure
        else:
            return False
        return True

    def _count_done(self, run: Run, finished: float) -> None:
        self.progress.done.add(run)
        self._finished.setdefault(run, finished)

    def _has_ended(self, run: Run) -> bool:
        """Look whether a run is done or has failed by now."""
        return self._count_ended(run, run_state(self._folder(run), self._manifest.evaluation))

    def _start_jobs(self, engine: Engine, threads: int) -> None:
        """Give the engine two jobs for each of its slots, so that none waits for this process when its job ends."""
        while self._waiting and not self.progress.stopped and len(self._in_engine) < 2 * max(engine.slots, 1):
            runs = tuple(run for run in self._waiting.popleft() if self._is_free(run))
            if runs:
                self._in_engine[runs] = job = self._job(runs, threads)
                engine.submit(job)

    def _is_free(self, run: Run) -> bool:
        """Return whether nobody has done a run in the meantime, or is doing it; keep an eye on it if somebody is."""
        if self._has_ended(run):
            return False
        if self._watch(run).is_free():
            return True
        self.progress.held.add(run)
        return False

    def _watch(self, run: Run) -> LeaseWatch:
        """Return what is known about the lease of a run; it is kept, because a lease has to be watched for a while."""
        return self._watches.setdefault(run, LeaseWatch(self._folder(run)))

    def _job(self, runs: tuple[Run, ...], threads: int) -> Job:
        return Job(
            study=self._manifest.name,
            root=self._root,
            runs=runs,
            cells={run.cell: self._cells[run.cell] for run in runs},
            evaluation=self._manifest.evaluation,
            resources=self._manifest.resources,
            threads=threads,
            wandb=self._manifest.wandb,
        )

    def _take(self, finished: Finished, retries: int) -> None:
        """Record how a job ended."""
        runs = finished.job.runs
        del self._in_engine[runs]
        if finished.outcomes is None:
            self._take_loss(runs, finished.lost, retries)
            return
        for outcome in finished.outcomes:
            self._take_outcome(outcome.run, outcome)

    def _take_loss(self, runs: tuple[Run, ...], lost: str, retries: int) -> None:
        """Start lost runs again, before those that the engine has not got yet, or record that they failed."""
        again = []
        for run in runs:
            self._losses[run] += 1
            if self._losses[run] <= retries:
                again.append(run)
            elif not self._has_ended(run):
                self._record(run, Failure("failed", lost, self._losses[run], 0.0, socket.gethostname(), __version__))
        if again:
            self._waiting.appendleft(tuple(again))

    def _take_outcome(self, run: Run, outcome: Outcome) -> None:
        match outcome.state:
            case "done":
                self._count_done(run, time.time())
            case "failed" | "diverged":
                attempts, host = self._losses[run] + 1, outcome.host or socket.gethostname()
                failure = Failure(outcome.state, outcome.sentence, attempts, outcome.seconds, host, __version__)
                self._record(run, failure)
            case "held":
                self.progress.held.add(run)
            case "full":
                self.progress.stopped = outcome.sentence

    def _record(self, run: Run, failure: Failure) -> None:
        try:
            write_failure(self._folder(run), failure)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self.progress.stopped = f"cannot write to {self._folder(run)} ({error.strerror})"
        else:
            self.progress.failures[run] = failure

    def _look_at_held(self) -> None:
        """Make the runs that others had wait again, if they are not done but nobody has them any more."""
        if time.monotonic() - self._last_look < _LOOK:
            return
        self._last_look = time.monotonic()
        for run in list(self.progress.held):
            is_free = self._watch(run).is_free()  # before the look at its files: it may end between the two looks
            if self._has_ended(run):
                self.progress.held.remove(run)
            elif is_free:
                self.progress.held.remove(run)
                self._waiting.append((run,))

    def _estimate_pace(self, slots: int) -> None:
        """Estimate the time left, now and then."""
        if time.monotonic() - self._last_estimate < _ESTIMATE:
            return
        self._last_estimate = time.monotonic()
        jobs = [*((run,) for run in self.progress.held), *self._in_engine, *self._waiting]
        own = {run for runs in self._in_engine for run in runs}
        # drivers start runs in the same order, so that those of others are not far behind
        near = {run for runs in islice(self._waiting, _NEAR) for run in runs}
        held = {*self.progress.held, *own, *near}
        with suppress(OSError):  # a file that cannot be read now must not end the study
            self.progress.pace = self._estimate.pace(self._finished, jobs, held, own, max(slots, 1))

    def _folder(self, run: Run) -> Path:
        return run_folder(self._root, run.cell, run.seed)
