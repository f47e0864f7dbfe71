"""Four cells of a study, packed into one job, against one after the other; process start and evaluation included.

OMP_NUM_THREADS=1 python benchmarks/packed_cells.py

All ways do the jobs of `lr-lightning study run`, and leave the same weights. CPU time counts all processes of a way, so
that it can be compared on a machine that others use.
"""

import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
import yaml
from measuring import Cell, Group, Spread, Table, Target, benchmark_parser, deliver, machine, ratio

from lr_lightning.study.definition import read_definition
from lr_lightning.study.driver import Driver
from lr_lightning.study.job import Job
from lr_lightning.study.layout import run_folder
from lr_lightning.study.packing import jobs_of
from lr_lightning.study.preparation import prepare_study
from lr_lightning.study.run_job import run_job

BETAS = [0.05, 0.2, 1.0, 4.0]
TASKS: dict[str, tuple[str, dict[str, object], int]] = {
    "double helix, a tiny network": ("helix", {"data.batches_per_epoch": 1000}, 2000),
    "dSprites, network of Burgess et al.": (
        "dsprites_betavae",
        {"data.dataset": "RenderedDSprites", "data.test_size": 4096},
        100,
    ),
}
CHILD = "import pickle, sys; from packed_cells import work; work(pickle.loads(sys.stdin.buffer.read()))"


def work(jobs: Sequence[Job]) -> None:
    """Do jobs one after the other, in a process of its own."""
    for job in jobs:
        for outcome in run_job(job):
            if outcome.state != "done":
                raise RuntimeError(f"{outcome.run}: {outcome.sentence}")


def call(jobs: Sequence[Job]) -> None:
    """Do jobs in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=pickle.dumps(jobs), capture_output=True, cwd=Path(__file__).parent
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])


def make_jobs(config: str, values: dict[str, object], steps: int, runs_per_job: int) -> list[Job]:
    """Return the jobs of a new study, whose folder is removed when this process ends."""
    root = Path(tempfile.mkdtemp(dir=FOLDER.name))
    study = {
        "name": "packed",
        "config": config,
        "set": values | {"trainer.max_steps": steps, "trainer.accelerator": "cpu", "assays": None},
        "grid": [{"model.beta": BETAS}],
        "test": {"metrics": ["mig"]},
        "runs_per_job": runs_per_job,
        "resources": {"cpus": 1},
        "wandb": "disabled",
    }
    path = root / "packed.yaml"
    path.write_text(yaml.safe_dump(study))
    manifest, _ = prepare_study(read_definition(path), root)
    driver = Driver(root, manifest)
    return [driver._job(runs, 1) for runs in jobs_of(manifest)]


def weights(jobs: Sequence[Job]) -> list[dict[str, torch.Tensor]]:
    """Return the final weights of each run."""
    folders = [run_folder(job.root, *run) for job in jobs for run in job.runs]
    return [torch.load(each / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for each in folders]


def are_equal(one: list[dict[str, torch.Tensor]], other: list[dict[str, torch.Tensor]]) -> bool:
    """Return whether all weights are equal to the bit."""
    return all(torch.equal(value, b[key]) for a, b in zip(one, other, strict=True) for key, value in a.items())


def measured(do: Callable[[], None]) -> tuple[float, float]:
    """Return the wall time and the CPU time of child processes that ``do`` takes."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    do()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


def apart(jobs: Sequence[Job]) -> None:
    """Do each job in a new process."""
    for job in jobs:
        call([job])


def compare(title: str, config: str, values: dict[str, object], steps: int, rounds: int) -> tuple[Table, list[Target]]:
    """Let the ways take turns on one task."""
    ways: dict[str, tuple[int, Callable[[Sequence[Job]], None]]] = {
        "one process for each cell": (1, apart),
        "one process, one cell after the other": (1, call),
        "one process, cells packed": (len(BETAS), call),
    }
    wall, cpu = defaultdict(list), defaultdict(list)
    equal = dict.fromkeys(ways, True)
    for _ in range(rounds):
        expected = None
        for name, (size, do) in ways.items():
            jobs = make_jobs(config, values, steps, size)
            seconds, cpu_seconds = measured(partial(do, jobs))
            wall[name].append(seconds)
            cpu[name].append(cpu_seconds)
            found = weights(jobs)
            expected = expected or found
            equal[name] &= are_equal(expected, found)
    spreads = {name: (Spread(tuple(wall[name])), Spread(tuple(cpu[name]))) for name in ways}
    first = spreads["one process for each cell"]
    rows: list[list[Cell]] = [
        [name, *spread, *map(ratio, spread, first), "yes" if equal[name] else "**no**"]
        for name, spread in spreads.items()
    ]
    columns = ["", "wall time, s", "CPU time, s", "wall time relative", "CPU time relative", "same weights"]
    packed = spreads["one process, cells packed"]
    targets = [
        Target(f"{title}: CPU time, packed / {name}", ratio(packed[1], spreads[name][1]).median, 1.0, at_least=False)
        for name in list(ways)[:2]
    ]
    note = f"{len(BETAS)} cells of one seed, {steps:,} steps each. {', '.join(machine().values())}."
    return Table(f"{title}, {rounds} turns", columns, rows, note), targets


FOLDER = tempfile.TemporaryDirectory()


def main() -> None:
    """Run the benchmark."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    parser.add_argument("--task", choices=["helix", "dsprites_betavae"], help="one config alone")
    parser.add_argument("--steps", type=int, help="training steps of each run")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    group = Group("Cells packed into one job")
    for title, (config, values, steps) in TASKS.items():
        if options.task in (None, config):
            steps, rounds = (20, 1) if options.quick else (options.steps or steps, options.rounds)
            table, targets = compare(title, config, values, steps, rounds)
            group.tables.append(table)
            group.targets += targets
    deliver(group, options)


if __name__ == "__main__":
    main()
