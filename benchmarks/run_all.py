"""Run all benchmarks in order, each in its own process, and write the tables.

    python benchmarks/setup_peers.py
    python benchmarks/run_all.py            # an hour on two idle cores
    python benchmarks/run_all.py --quick    # a quick check that all of them run
    python benchmarks/run_all.py --keep     # after a failure: only what is missing

Writes ``benchmarks/results.json``, ``docs/benchmarks.md`` and the goals in the README. With ``--quick`` or ``--only``,
or if a benchmark fails, it writes the first two to the folder of ``--folder`` and does not change the README. Results
of each benchmark stay in that folder, where ``--keep`` finds those of the same commit. All benchmarks run on the CPU;
GPUs are hidden from them. How threads wait is left to OpenMP, as for users: with ``OMP_WAIT_POLICY=PASSIVE``, each
operation begins by waking threads. ``--gpu FILE`` includes the results of
``gpu_training.py --json FILE`` from a machine with a GPU.
"""

import json
import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from front_page import goals, write_goals
from measuring import Group, benchmark_parser, group_of, machine
from race import HERE
from setup_peers import DISENT, PYTHAE, peers_python

from lr_lightning.callbacks.run.provenance import git_commit, versions
from lr_lightning.commands.fit.precision import default_precision

GROUPS = (
    "training",
    "shared_cores",
    "step_overhead",
    "start_up",
    "memory",
    "evaluation",
    "scores",
    "assay_growth",
    "seed_ensembles",
    "packed_cells",
)


def run(name: str, options: list[str], result: Path) -> bool:
    """Run one benchmark, which writes its results to a file; return whether it succeeded."""
    result.unlink(missing_ok=True)
    start = time.perf_counter()
    command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(result), *options]
    code = subprocess.run(command).returncode
    print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    return code == 0


def page(groups: list[Group], facts: dict[str, str]) -> str:
    """Return the tables as one page."""
    about = "\n".join(f"- {name}: {fact}" for name, fact in facts.items())
    head = (
        "# Benchmarks\n\nWritten by `python benchmarks/run_all.py`. Contestants ran in turns. Numbers are medians, "
        "with the lowest and highest turn in parentheses; ratios are medians of the ratios within each turn.\n"
    )
    return "\n".join([head, about, "", *(group.markdown() for group in groups)])


def main() -> None:
    """Run all benchmarks."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, help="benchmarks to run (default: all)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="OpenMP threads of each process")
    parser.add_argument("--gpu", type=Path, help="results of gpu_training.py")
    parser.add_argument("--keep", action="store_true", help="keep results of this commit from an earlier run")
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": str(options.threads), "CUDA_VISIBLE_DEVICES": ""}
    options.folder.mkdir(parents=True, exist_ok=True)
    if not peers_python(options.folder).exists():
        print("the peers are missing, continuing without them; run setup_peers.py to install them", file=sys.stderr)
    passed_on = ["--folder", str(options.folder), *(["--quick"] if options.quick else [])]
    commit = git_commit() or "unknown"
    results = options.folder / f"results-{commit[:12]}{'-quick' if options.quick else ''}"
    results.mkdir(exist_ok=True)
    files = {name: results / f"{name}.json" for name in options.only}
    failed = [
        name for name, file in files.items() if not (options.keep and file.is_file()) and not run(name, passed_on, file)
    ]
    groups = [group_of(json.loads(file.read_text())) for name, file in files.items() if name not in failed]
    if options.gpu is not None:
        groups.append(group_of(json.loads(options.gpu.read_text())))
    facts = {"date": date.today().isoformat(), "commit": commit} | machine()
    facts["versions"] = ", ".join(f"{name} {version}" for name, version in versions().items())
    facts["precision"] = default_precision("cpu")
    facts["peers"] = f"{DISENT}, {PYTHAE}"
    complete = not options.quick and set(options.only) == set(GROUPS) and not failed
    table, record = (
        (HERE.parent / "docs" / "benchmarks.md", HERE / "results.json")
        if complete
        else (options.folder / "benchmarks.md", options.folder / "results.json")
    )
    table.write_text(page(groups, facts))
    record.write_text(json.dumps({"facts": facts, "groups": [group.record() for group in groups]}, indent=1) + "\n")
    if complete:
        write_goals(HERE.parent / "README.md", goals(groups, facts))
    print(f"written to {table} and {record}")
    if failed:
        sys.exit(f"failed, and missing from the tables: {', '.join(failed)}")


if __name__ == "__main__":
    main()
