"""How far a study is: counts, rate, what runs now, and what failed why."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lr_lightning.study.evaluation_file import read_evaluation
from lr_lightning.study.failure import Failure
from lr_lightning.study.layout import evaluation_path, run_folder
from lr_lightning.study.manifest import Manifest
from lr_lightning.study.rate import runs_per_hour
from lr_lightning.study.run_states import STATES, RunKey, RunState, StateName, run_states
from lr_lightning.study.running import RunningRun, running_run
from lr_lightning.study.udr_file import read_study_udr

_NUMBER = re.compile(r"\d[\d.e+-]*")
_TIMED = 10
"""How many of the last runs are asked how long they took."""


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
        seconds_left: Time until all runs are done at this rate; ``None`` if nothing runs or the rate is not known.
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

    Files of runs that are done are not read, except those of the last few, which say how long a run takes.

    Args:
        manifest: The study.
        root: Folder of all studies.
    """
    states = run_states(manifest, root)
    labels = {cell.identity: cell.label for cell in manifest.cells}
    running = [running_run(root, cell, labels[cell], seed) for (cell, seed) in _in_state(states, "running")]
    rate, counts = _rate(manifest, root, states), _counts(states.values())
    unfinished = counts["running"] + counts["waiting"]
    failures = ((key, state.failure) for key, state in states.items() if state.failure is not None)
    return StudyStatus(
        name=manifest.name,
        counts=counts,
        blocks=_blocks(manifest, states),
        runs_per_hour=rate,
        seconds_left=unfinished / rate * 3600 if rate and counts["running"] else None,
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


def _rate(manifest: Manifest, root: Path, states: Mapping[RunKey, RunState]) -> float | None:
    """Return how many runs end in an hour."""
    ends = {key: state.finished for key, state in states.items() if state.finished is not None}
    last = sorted(ends, key=lambda key: ends[key])[-_TIMED:]
    longest = 0.0
    for key in last:
        with suppress(OSError, ValueError):  # a damaged file, which the table names, has no say
            record = read_evaluation(evaluation_path(run_folder(root, *key), manifest.evaluation.digest))
            longest = max(longest, record.training_seconds + record.evaluation_seconds)
    return runs_per_hour(list(ends.values()), longest)


def failure_groups(root: Path, failures: Iterable[tuple[RunKey, Failure]]) -> tuple[FailureGroup, ...]:
    """Return failures grouped by their sentences, the most frequent ones first."""
    groups: dict[tuple[StateName, str], FailureGroup] = {}
    for key, failure in failures:
        folder, sentence = run_folder(root, *key), failure.sentence
        kind = failure.state, _NUMBER.sub("0", sentence.replace(str(folder), "").replace(str(folder.absolute()), ""))
        first = groups.get(kind, FailureGroup(failure.state, sentence, 0, folder))
        groups[kind] = FailureGroup(first.state, first.sentence, first.count + 1, first.folder)
    return tuple(sorted(groups.values(), key=lambda group: -group.count))
