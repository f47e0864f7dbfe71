"""Overhead of studies: jobs that only write their record, on the local engine and on Ray.

python benchmarks/study_overhead.py

The wall time includes the start of the engine, its workers and their imports, the driver, and the end of the engine.
Ray is left out if it is not installed.
"""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from measuring import Cell, Group, Spread, Table, Target, benchmark_parser, deliver, interleaved
from study_jobs import no_op, no_op_after_imports

from lr_lightning.study.driver import Driver, Progress
from lr_lightning.study.engines.engine import Engine
from lr_lightning.study.engines.local_engine import LocalEngine
from lr_lightning.study.engines.machine import share_machine
from lr_lightning.study.job import Work
from lr_lightning.study.manifest import Manifest, Resources
from lr_lightning.testing.synthetic_study import synthetic_manifest, write_synthetic_study

JOBS = 2
"""Jobs that run at once."""
RESOURCES = Resources(cpus=1)


class Silent:
    """Shows nothing."""

    def show(self, progress: Progress) -> None:
        """Show nothing."""


def local(work: Work, logs: Path, jobs_per_worker: int | None) -> Engine:
    """Start the local engine."""
    return LocalEngine(work, share_machine(RESOURCES, JOBS, JOBS, ()), logs, jobs_per_worker)


def ray(work: Work, logs: Path, jobs_per_worker: int | None) -> Engine:
    """Start a Ray cluster on this machine."""
    from lr_lightning.study.engines.ray_engine import RayEngine

    return RayEngine(work, RESOURCES, 1, logs, jobs=JOBS, jobs_per_worker=jobs_per_worker)


def drive(start: Callable[[Work, Path, int | None], Engine], work: Work, reused: bool, manifest: Manifest) -> None:
    """Drive a study of no-op jobs from its first to its last job."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_synthetic_study(root, manifest, [])
        engine = start(work, root / "logs", None if reused else 1)
        try:
            driver = Driver(root, manifest)
            driver.drive(engine, 1, 0, Silent())
        finally:
            engine.close()
        if len(driver.progress.done) != driver.progress.total:
            raise RuntimeError(f"only {len(driver.progress.done)} of {driver.progress.total} jobs are done")


def row(name: str, num_jobs: int, seconds: Spread) -> list[Cell]:
    """Return the row of one way to run jobs."""
    return [name, float(num_jobs), seconds, seconds.inverse(num_jobs)]


def main() -> None:
    """Run the benchmark."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    options = parser.parse_args()
    many, few = ((2, 1, 1, 5), (1, 1, 1, 2)) if options.quick else ((4, 5, 1, 50), (2, 2, 1, 5))
    engines = {"local": local} | ({"Ray": ray} if find_spec("ray") else {})
    sizes: dict[str, int] = {}
    ways: dict[str, Callable[[], None]] = {}
    for engine, start in engines.items():
        for name, work, reused, size in (
            ("workers reused", no_op, True, many),
            ("workers reused, imports of training", no_op_after_imports, True, many),
            ("a worker per job, imports of training", no_op_after_imports, False, few),
        ):
            manifest = synthetic_manifest(*size, resources=RESOURCES)
            sizes[f"{engine}, {name}"] = len(list(manifest.runs))
            ways[f"{engine}, {name}"] = partial(drive, start, work, reused, manifest)
    seconds, _ = interleaved(ways, 1 if options.quick else options.rounds, warm_up=0)
    group = Group("Overhead of studies")
    rows = [row(name, sizes[name], spread) for name, spread in seconds.items()]
    note = f"{JOBS} jobs at once, one thread each, each writes the record of one run. {time.strftime('%Y-%m-%d')}."
    group.tables.append(Table("Jobs that do nothing", ["", "jobs", "wall time, s", "jobs/s"], rows, note))
    for engine in engines:
        for imports in ("", ", imports of training"):
            name = f"{engine}, workers reused{imports}"
            group.targets.append(Target(f"{sizes[name]} jobs, {name}: s", seconds[name].median, 30, at_least=False))
    deliver(group, options)


if __name__ == "__main__":
    main()
