"""How far a study is: counts, rate, what runs now, and what failed why."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lr_lightning.study.failure import Failure
from lr_lightning.study.job import Run
from lr_lightning.study.layout import run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.pace import Pace, PaceEstimate
from lr_lightning.study.packing import jobs_of
from lr_lightning.study.run_states import STATES, RunKey, RunState, StateName, run_states
from lr_lightning.study.running import RunningRun, running_run
from lr_lightning.study.udr_file import read_study_udr

_NUMBER = re.compile(r"\d[\d.e+-]*")


@dataclass(frozen=True)
class BlockStatus:
    """How far a block of the grid is.

    Attributes:
        block: Its number, from 0.
        objective: What its cells train.
        counts: Number of runs in each state.
    """

    block: int
    objective: str
    counts: Mapping[StateName, int]


@dataclass(frozen=True)
class FailureGroup:
    """Runs that failed with the same sentence, apart from numbers and the paths of their folders.

    Attributes:
        state: Whether an error ended them, or a loss that is not finite.
        sentence: The sentence of the first of them.
        count: How many they are.
        folder: Folder of the first of them.
    """

    state: StateName
    sentence: str
    count: int
    folder: Path


@dataclass(frozen=True)
class StudyStatus:
    """How far a study is.

    Attributes:
        name: Name of the study.
        counts: Number of runs in each state.
        blocks: The same for each block of the grid.
        runs_per_hour: Rate at which runs have ended lately; ``None`` if none has.
        seconds_left: Estimate of the time until all runs are done; ``None`` if nothing runs, or it is not known.
        running: The runs that processes have now.
        failures: What failed, the most frequent failures first.
        cells_without_udr: Number of cells whose UDR is missing or out of date though two runs are done; 0 if the study
            does not ask for it.
    """

    name: str
    counts: Mapping[StateName, int]
    blocks: tuple[BlockStatus, ...]
    runs_per_hour: float | None
    seconds_left: float | None
    running: tuple[RunningRun, ...]
    failures: tuple[FailureGroup, ...]
    cells_without_udr: int

    @property
    def total(self) -> int:
        """Number of runs."""
        return sum(self.counts.values())


def study_status(manifest: Manifest, root: Path) -> StudyStatus:
    """Return how far a study is.

    Files of runs that are done are not read, except those of the last few of each kind, which show how long one takes.

    Args:
        manifest: The study.
        root: Folder of all studies.
    """
    states = run_states(manifest, root)
    labels = {cell.identity: cell.label for cell in manifest.cells}
    running = [running_run(root, cell, labels[cell], seed) for (cell, seed) in _in_state(states, "running")]
    pace = _pace(manifest, root, states)
    failures = ((key, state.failure) for key, state in states.items() if state.failure is not None)
    return StudyStatus(
        name=manifest.name,
        counts=_counts(states.values()),
        blocks=_blocks(manifest, states),
        runs_per_hour=pace.runs_per_hour,
        seconds_left=pace.seconds_left,
        running=tuple(run for run in running if run is not None),
        failures=failure_groups(root, failures),
        cells_without_udr=len(read_study_udr(manifest, root, states).missing),
    )


def _in_state(states: Mapping[RunKey, RunState], name: StateName) -> list[RunKey]:
    return [key for key, state in states.items() if state.state == name]


def _counts(states: Iterable[RunState]) -> dict[StateName, int]:
    counted = Counter(state.state for state in states)
    return {name: counted[name] for name in STATES}


def _blocks(manifest: Manifest, states: Mapping[RunKey, RunState]) -> tuple[BlockStatus, ...]:
    members: dict[tuple[int, str], list[RunState]] = {}
    for cell, seed in manifest.runs:
        members.setdefault((cell.block, cell.objective), []).append(states[cell.identity, seed])
    return tuple(BlockStatus(*key, _counts(of_block)) for key, of_block in members.items())


def _pace(manifest: Manifest, root: Path, states: Mapping[RunKey, RunState]) -> Pace:
    """Return how fast runs end, and how long those take that run or wait."""
    finished = {Run(*key): state.finished for key, state in states.items() if state.finished is not None}
    held = [Run(*key) for key in _in_state(states, "running")]
    is_open = {*held, *(Run(*key) for key in _in_state(states, "waiting"))}
    jobs = [[run for run in runs if run in is_open] for runs in jobs_of(manifest)]
    return PaceEstimate(manifest, root).pace(finished, jobs, held)


def failure_groups(root: Path, failures: Iterable[tuple[RunKey, Failure]]) -> tuple[FailureGroup, ...]:
    """Return failures grouped by their sentences, the most frequent ones first."""
    groups: dict[tuple[StateName, str], FailureGroup] = {}
    for key, failure in failures:
        folder, sentence = run_folder(root, *key), failure.sentence
        kind = failure.state, _NUMBER.sub("0", sentence.replace(str(folder), "").replace(str(folder.absolute()), ""))
        first = groups.get(kind, FailureGroup(failure.state, sentence, 0, folder))
        groups[kind] = FailureGroup(first.state, first.sentence, first.count + 1, first.folder)
    return tuple(sorted(groups.values(), key=lambda group: -group.count))
