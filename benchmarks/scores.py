"""Scores: DCI with one and several threads, compared with an earlier version, and all values of the default suite.

    python benchmarks/scores.py
    git worktree add ../earlier COMMIT
    python benchmarks/scores.py --baseline ../earlier

The versions run in processes of their own and take turns. Codes and factors are those of ``dci.py`` and
``disentanglement_suite.py``. Scikit-learn's boosting, which LightGBM's is compared with, takes minutes: it is fitted
once, to the factors of 3 and 40 values.
"""

import json
import math
import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measuring import Cell, Group, Spread, Table, Target, benchmark_parser, deliver, ratio
from race import HERE

NAMES = ("disentanglement", "completeness")


class Contestant:
    """A process that scores with one version of the package.

    Args:
        folder: Folder of the package's repository.
        threads: Number of PyTorch's threads.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "contestant_scores.py"), str(folder.resolve()), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        )

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return seconds, processor seconds and values."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the contestant ended with code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def in_turns(
    contestants: Mapping[str, Contestant], request: Mapping[str, Any], warm_up: Mapping[str, Any], rounds: int
) -> tuple[dict[str, Spread], dict[str, Spread], dict[str, dict[str, float]]]:
    """Return wall seconds, processor seconds and values of each contestant."""
    for contestant in contestants.values():
        contestant.ask(warm_up)
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, contestant in contestants.items():
            answers[name].append(contestant.ask(request))
    wall = {name: Spread(tuple(one["seconds"] for one in each)) for name, each in answers.items()}
    processor = {name: Spread(tuple(one["processor"] for one in each)) for name, each in answers.items()}
    return wall, processor, {name: each[-1]["values"] for name, each in answers.items()}


def furthest(values: Mapping[str, float], others: Mapping[str, float], names: tuple[str, ...] | None = None) -> float:
    """Return the largest difference of the scores called ``names``, of all if ``None``."""
    pairs = [(values[name], others[name]) for name in names or values]
    return max(abs(a - b) for a, b in pairs if not (math.isnan(a) and math.isnan(b)))


def dci(contestants: Mapping[str, Contestant], ours: str, options: Namespace) -> tuple[Table, list[Target]]:
    """Return times and scores of DCI."""
    sizes = {"num_train": 600, "num_test": 300} if options.quick else {"num_train": 10_000, "num_test": 5_000}
    whole = {"function": "dci", **sizes, "num_trees": 5 if options.quick else 100, "estimator": "lightgbm"}
    every, some = {"factors": [0, 1, 2, 3, 4]}, {"factors": [0, 2]}
    warm_up = whole | every | {"num_train": 200, "num_test": 100, "num_trees": 1}
    wall, processor, values = in_turns(contestants, whole | every, warm_up, options.rounds)
    exact, histograms = (
        contestants[ours].ask(whole | some | {"estimator": estimator})["values"] for estimator in ("gbt", "lightgbm")
    )
    rows: list[list[Cell]] = [
        [name, wall[name], processor[name], *(f"{values[name][score]:.4f}" for score in NAMES)] for name in contestants
    ]
    note = (
        f"{sizes['num_train']:,} rows to train on and {sizes['num_test']:,} held out, 10 latents, factors of 3, 6, 40, "
        f"32 and 32 values; {options.rounds} turns."
    )
    earlier = "earlier version" in contestants
    targets = [
        Target(
            f"DCI, time of the earlier version / {ours}",
            ratio(wall["earlier version"], wall[ours]).median if earlier else None,
            3.0,
        ),
        Target(
            "DCI, largest difference of disentanglement and completeness from the earlier version",
            furthest(values[ours], values["earlier version"], NAMES) if earlier else None,
            0.005,
            at_least=False,
        ),
        Target(
            "DCI, largest difference of disentanglement and completeness from scikit-learn's boosting",
            furthest(histograms, exact, NAMES),
            0.03,
            at_least=False,
        ),
    ]
    columns = ["DCI with LightGBM", "seconds", "processor seconds", *NAMES]
    return Table("DCI", columns, rows, note), targets


def suite(contestants: Mapping[str, Contestant], ours: str, options: Namespace) -> tuple[Table, Target]:
    """Return the time of all values of the default suite."""
    request = {"function": "suite", "metrics": ["fast"] if options.quick else ["default"]}
    warm_up = {"function": "suite", "metrics": ["mig"]}
    wall, processor, values = in_turns(contestants, request, warm_up, options.rounds)
    rows: list[list[Cell]] = [
        [name, wall[name], processor[name], furthest(values[name], values[ours])] for name in contestants
    ]
    note = f"Without chance and ceilings, on 737,280 codes of 10 latents; {options.rounds} turns."
    title = f"Values of the {request['metrics'][0]} suite"
    target = Target(
        f"seconds of the default suite's values, {ours}",
        None if options.quick else wall[ours].median,
        12.0,
        at_least=False,
    )
    columns = ["", "seconds", "processor seconds", f"largest difference from {ours}"]
    return Table(title, columns, rows, note), target


def main() -> None:
    """Measure both."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--baseline", type=Path, help="folder of an earlier version's repository")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    options = parser.parse_args()
    if options.quick:
        options.rounds = 1
    ours = f"{options.threads} threads"
    contestants = {ours: Contestant(HERE.parent, options.threads)}
    if options.threads > 1:
        contestants["1 thread"] = Contestant(HERE.parent, 1)
    if options.baseline is not None:
        contestants["earlier version"] = Contestant(options.baseline, options.threads)
    try:
        times, targets = dci(contestants, ours, options)
        values, target = suite(contestants, ours, options)
    finally:
        for contestant in contestants.values():
            contestant.stop()
    deliver(Group("Scores", [times, values], [*targets, target]), options)


if __name__ == "__main__":
    main()
