"""Status and table of a study of 12,600 runs with 60 scores each: time and peak memory of the commands.

python benchmarks/study_scale.py

Each command runs in a process of its own, from the start of Python; the files are in the page cache. The runs are not
trained: their results are written by this script.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from measuring import Cell, Group, Spread, Table, Target, benchmark_parser, deliver, machine

from lr_lightning.testing.synthetic_study import synthetic_manifest, write_synthetic_study

PYTHON_TABLE = "import sys, lr_lightning.study as study; study.read_table(*sys.argv[1:])"


def measured(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its wall time in seconds and its peak resident memory in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed with exit code {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def commands(root: Path) -> dict[str, list[str]]:
    """Return the commands by their names in the table."""
    start = [sys.executable, "-m", "lr_lightning", "study"]
    study = ["synthetic", "--root", str(root)]
    formats = [".csv", *([".parquet"] if find_spec("pyarrow") else [])]
    tables = {
        f"table, {suffix}": [*start, "table", *study, "--out", str(root / f"table{suffix}")] for suffix in formats
    }
    python = [sys.executable, "-c", PYTHON_TABLE, "synthetic", str(root)]
    return {"status": [*start, "status", *study], **tables, "read_table, Python": python}


def main() -> None:
    """Run the benchmark."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each command")
    options = parser.parse_args()
    manifest = synthetic_manifest(num_seeds=2 if options.quick else 50)
    num_runs = len(list(manifest.runs))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        start = time.perf_counter()
        write_synthetic_study(root, manifest)
        print(f"wrote {num_runs:,} runs in {time.perf_counter() - start:.0f} s", flush=True)
        found: dict[str, list[tuple[float, float]]] = {}
        for _ in range(1 if options.quick else options.rounds):
            for name, command in commands(root).items():
                found.setdefault(name, []).append(measured(command))
        megabytes = sum(path.stat().st_size for path in root.glob("runs/*/*/evaluations/*")) / 1e6
    seconds = {name: Spread(tuple(each[0] for each in values)) for name, values in found.items()}
    memory = {name: Spread(tuple(each[1] for each in values)) for name, values in found.items()}
    rows: list[list[Cell]] = [[name, seconds[name], memory[name]] for name in found]
    note = (
        f"{num_runs:,} runs, 60 scores and 42 other scalars each, {megabytes:.0f} MB. {', '.join(machine().values())}."
    )
    group = Group("Status and table of a large study")
    group.tables.append(Table("Commands", ["", "wall time, s", "peak memory, MiB"], rows, note))
    group.targets.append(Target("status: s", seconds["status"].median, 2, at_least=False))
    for name in found:
        if name != "status":
            group.targets.append(Target(f"{name}: s", seconds[name].median, 10, at_least=False))
            group.targets.append(Target(f"{name}: MiB", max(memory[name].values), 1024, at_least=False))
    deliver(group, options)


if __name__ == "__main__":
    main()
