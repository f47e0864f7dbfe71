"""Threads on shared cores: ``--threads auto`` against fixed numbers, alone, beside a busy process, and side by side.

    python benchmarks/shared_cores.py

Each run is a process of ``lr-lightning fit`` from its start to its end. In each turn, every setting runs once in every
situation. Two threads beside other processes are several times as slow as one, and are therefore run in the first turn
only. Variables of OpenMP are removed: ``OMP_NUM_THREADS`` replaces ``--threads auto``, and with
``OMP_WAIT_POLICY=PASSIVE`` two convolutional runs with two threads each take seconds for a step.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from assay_share import BURGESS, without_assays
from measuring import Cell, Group, Spread, Table, Target, benchmark_parser, deliver
from race import CONFIGS

from lr_lightning.common.cores import num_cores
from lr_lightning.common.thread_limit import VARIABLES

SITUATIONS = {"alone": (1, 0), "beside a busy process": (1, 1), "two side by side": (2, 0)}
"""Numbers of runs and of busy processes."""
GOALS = {"alone": 0.95, "beside a busy process": 0.75, "two side by side": 0.9}
AUTO, ONE = "auto", "1"


@dataclass
class Measured:
    """Seconds of one setting in one situation, and the numbers of threads that its runs recorded."""

    seconds: list[float] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)


def commands(steps: dict[str, int]) -> dict[str, list[str]]:
    """Return the words of ``lr-lightning fit`` for each workload, without its folder and threads."""
    common = ["--wandb.mode=disabled", "--trainer.enable_progress_bar=false", "--trainer.max_epochs=-1"]
    common += ["--trainer.limit_val_batches=0", "--trainer.num_sanity_val_steps=0"]
    burgess = (*BURGESS, *without_assays(), f"--data.batches_per_epoch={10**6}")
    words = {"helix": ("helix",), "dSprites, Burgess": ("dsprites_betavae", *burgess)}
    return {
        name: ["--config", str(CONFIGS / f"{config}.yaml"), *more, *common, f"--trainer.max_steps={steps[name]}"]
        for name, (config, *more) in words.items()
    }


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep ``count`` cores busy with other processes."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run(words: Sequence[str], threads: str, count: int, folder: Path) -> tuple[float, set[str]]:
    """Run ``count`` processes at once; return the seconds until all have ended, and their threads over time."""
    shutil.rmtree(folder, ignore_errors=True)
    removed = (*VARIABLES, "OMP_WAIT_POLICY")
    environment = {name: value for name, value in os.environ.items() if name not in removed}
    program = [sys.executable, "-m", "lr_lightning.cli", "fit", *words, f"--threads={threads}"]
    start = time.perf_counter()
    processes = [
        subprocess.Popen(
            [*program, f"--trainer.default_root_dir={folder / str(number)}"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in range(count)
    ]
    if any(process.wait() for process in processes):
        raise RuntimeError(f"a run failed: {' '.join(program)}")
    seconds = time.perf_counter() - start
    records = [json.loads((folder / str(number) / "results.json").read_text())["fit"] for number in range(count)]
    return seconds, {"→".join(str(entry["threads"]) for entry in record["threads"]) for record in records}


def measure(name: str, words: Sequence[str], rounds: int) -> tuple[Table, list[Target]]:
    """Measure one workload in all situations."""
    settings = [AUTO, *dict.fromkeys([ONE, str(num_cores())])]
    found = {(situation, setting): Measured() for situation in SITUATIONS for setting in settings}
    with tempfile.TemporaryDirectory() as folder:
        run(words, ONE, 1, Path(folder))  # reads files from disk
        for turn in range(rounds):
            for (situation, setting), measured in found.items():
                if turn > 0 and situation != "alone" and setting not in (AUTO, ONE):
                    continue
                count, others = SITUATIONS[situation]
                with busy(others):
                    seconds, threads = run(words, setting, count, Path(folder))
                measured.seconds.append(seconds)
                measured.threads |= threads
                print(f"{name}, {situation}, {setting}: {seconds:.1f} s, threads {sorted(threads)}", flush=True)
    rows: list[list[Cell]] = []
    targets = []
    for situation in SITUATIONS:
        spreads = {setting: Spread(tuple(found[situation, setting].seconds)) for setting in settings}
        rows += [
            [situation, setting, spread, ", ".join(sorted(found[situation, setting].threads))]
            for setting, spread in spreads.items()
        ]
        fixed = ONE if situation == "two side by side" else min(settings[1:], key=lambda each: spreads[each].median)
        relative = spreads[fixed].median / spreads[AUTO].median
        targets.append(Target(f"{name}, {situation}: auto / {fixed} threads", relative, GOALS[situation]))
    note = "Seconds from process start to the end; for two, until both have ended."
    return Table(name, ["", "--threads", "seconds", "threads in use"], rows, note), targets


def main() -> None:
    """Measure both workloads."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    steps = {"helix": 200, "dSprites, Burgess": 20} if options.quick else {"helix": 2000, "dSprites, Burgess": 400}
    group = Group("Shared cores")
    for name, words in commands(steps).items():
        table, targets = measure(name, words, 1 if options.quick else options.rounds)
        group.tables.append(table)
        group.targets += targets
    deliver(group, options)


if __name__ == "__main__":
    main()
