"""Jobs on a real Ray cluster of two nodes on this machine, whose workers and nodes die."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.engines import ray_engine
from lr_lightning.study.engines.engine import Engine, Finished
from lr_lightning.study.engines.ray_cluster import Node, RayCluster
from lr_lightning.study.engines.ray_engine import RayEngine
from lr_lightning.study.job import Outcome
from lr_lightning.study.manifest import Resources
from tests.extras import needs
from tests.study.jobs import is_alive, make_job, noted, wait_until_dead, work

pytestmark = needs("ray")
ROOT = Path(__file__).parents[3]
MakeEngine = Callable[..., RayEngine]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster with two nodes of one CPU each, to which this process is connected."""
    folder = tempfile.mkdtemp(prefix="ray_", dir="/tmp")  # names of sockets are limited to 107 characters
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster

        cluster = Cluster()
        cluster.add_node(num_cpus=1, include_dashboard=False)  # the driver belongs to it, so it stays
        cluster.add_node(num_cpus=1)
        connection = RayCluster(cluster.address)
        yield cluster
        connection.close()
        cluster.shutdown()
    rmtree(folder, ignore_errors=True)


@pytest.fixture
def engines(cluster: Any, tmp_path: Path) -> Iterator[MakeEngine]:
    """Makes engines on the cluster, and closes them after the test."""
    made = []

    def make(resources: Resources | None = None, threads: int = 1, **options: Any) -> RayEngine:
        made.append(RayEngine(work, resources or Resources(), threads, tmp_path / "logs", **options))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def ends(engine: Engine, count: int) -> list[Finished]:
    """Return the next ends of jobs, in the order of their seeds."""
    found, deadline = list[Finished](), time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < deadline, found
        found += engine.wait(1.0)
    return sorted(found, key=lambda finished: finished.job.seeds)


def running(engine: Engine, root: Path, seed: int) -> dict[str, Any]:
    """Return the note of a job that hangs, once it runs."""
    deadline = time.monotonic() + 60
    while not (root / f"hang_{seed}").exists():
        assert time.monotonic() < deadline
        assert not engine.wait(0.1)
    return noted(root, f"hang_{seed}")


def test_all_jobs_are_done_by_one_process_per_slot(engines: MakeEngine, tmp_path: Path) -> None:
    engine = engines(threads=3)
    assert engine.slots == 2
    for seed in range(6):
        engine.submit(make_job(tmp_path, "note", seed))
    assert [end.outcomes for end in ends(engine, 6)] == [(Outcome(seed, "done"),) for seed in range(6)]
    assert engine.wait(0.0) == []
    notes = [noted(tmp_path, f"note_{seed}") for seed in range(6)]
    assert len({entry["pid"] for entry in notes}) <= 2  # the first may be done before the second has started
    assert os.getpid() not in {entry["pid"] for entry in notes}
    assert {entry["OMP_NUM_THREADS"] for entry in notes} == {"3"}
    assert {entry["CUDA_VISIBLE_DEVICES"] for entry in notes} == {""}
    assert not any(entry["torch"] for entry in notes)  # it reads the number of threads when it is imported


def test_output_goes_to_logs(engines: MakeEngine, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    engine = engines(jobs=1)
    assert engine.slots == 1
    engine.submit(make_job(tmp_path, seed=3))
    engine.submit(make_job(tmp_path, "raise a reason"))
    failed, _ = ends(engine, 2)
    assert failed.outcomes is not None
    assert [(outcome.state, outcome.sentence) for outcome in failed.outcomes] == [("failed", "a reason")]
    [log] = (tmp_path / "logs").glob("*.log")
    assert "working on seed 3" in log.read_text()
    assert "Traceback" in log.read_text()
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.parametrize(("label", "named"), [("die", "killed"), ("exit 3", "worker process"), ("memory", "allocate")])
def test_a_job_that_ends_its_worker_is_lost(
    engines: MakeEngine, tmp_path: Path, label: str, named: str, capfd: pytest.CaptureFixture[str]
) -> None:
    engine = engines(jobs=1)
    engine.submit(make_job(tmp_path, label, 0))
    engine.submit(make_job(tmp_path, "note", 1))
    lost, done = ends(engine, 2)
    assert lost.outcomes is None
    assert named in lost.lost
    assert "\n" not in lost.lost
    assert done.outcomes == (Outcome(1, "done"),)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_workers_are_replaced_after_a_number_of_jobs(engines: MakeEngine, tmp_path: Path) -> None:
    engine = engines(jobs=1, jobs_per_worker=2)
    for seed in range(4):
        engine.submit(make_job(tmp_path, "note", seed))
    ends(engine, 4)
    pids = [noted(tmp_path, f"note_{seed}")["pid"] for seed in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


def test_idle_workers_give_their_resources_back(
    engines: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "_IDLE", 0.2)
    first, second = engines(), engines()
    for seed in range(2):
        first.submit(make_job(tmp_path, "note", seed))
    ends(first, 2)
    second.submit(make_job(tmp_path, "hang", 3))
    second.submit(make_job(tmp_path, "hang", 4))
    while not all((tmp_path / f"hang_{seed}").exists() for seed in (3, 4)):
        first.wait(0.1)
        second.wait(0.1)


def test_closing_ends_workers(engines: MakeEngine, tmp_path: Path) -> None:
    engine = engines()
    engine.submit(make_job(tmp_path, "hang", 0))
    pids = running(engine, tmp_path, 0).values()
    assert all(map(is_alive, pids))
    engine.close()
    wait_until_dead(*pids)
    assert not list((tmp_path / "logs").glob(".shared*"))


def test_a_dead_node_loses_its_jobs_and_others_do_them(cluster: Any, engines: MakeEngine, tmp_path: Path) -> None:
    engine = engines()
    for seed in range(2):
        engine.submit(make_job(tmp_path, "hang", seed))
    pids = [running(engine, tmp_path, seed)["pid"] for seed in range(2)]
    [node] = cluster.worker_nodes
    cluster.remove_node(node, allow_graceful=False)
    [lost] = ends(engine, 1)
    assert lost.outcomes is None
    assert "node" in lost.lost
    assert str(pids[lost.job.seeds[0]]) in lost.lost
    [seed] = lost.job.seeds
    wait_until_dead(pids[seed])
    deadline = time.monotonic() + 30
    while engine.slots != 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    engine.submit(make_job(tmp_path, "note", 2))
    assert engine.wait(1.0) == []  # the only slot that is left is taken
    os.kill(pids[1 - seed], signal.SIGKILL)
    lost, done = ends(engine, 2)
    assert lost.outcomes is None
    assert done.outcomes == (Outcome(2, "done"),)
    cluster.add_node(num_cpus=1)
    while engine.slots != 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_four_jobs_share_two_cpus(engines: MakeEngine, tmp_path: Path) -> None:
    engine = engines(Resources(cpus=0.5))
    assert engine.slots == 4
    for seed in range(4):
        engine.submit(make_job(tmp_path, "hang", seed, resources=Resources(cpus=0.5)))
    assert len({running(engine, tmp_path, seed)["pid"] for seed in range(4)}) == 4


@pytest.mark.parametrize("resources", [Resources(cpus=2), Resources(gpus=0.25), Resources(cpus=0.5, gpus=1)])
def test_resources_that_no_node_has_are_refused_at_once(engines: MakeEngine, resources: Resources) -> None:
    start = time.monotonic()
    with pytest.raises(UsageError, match=r"(?s)resources\.(cpus|gpus).*CPUs: 1, GPUs: 0"):
        engines(resources)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    ("cpus", "gpus", "room"),
    [(None, 0, 8), (0.5, 0, 16), (3, 0, 2), (None, 0.25, 8), (1, 0.3, 6), (1, 1, 2), (1, 2, 1), (0, 1, 2), (9, 0, 0)],
)
def test_room_of_a_node(cpus: float | None, gpus: float, room: int) -> None:
    assert Node("n", 8, 2).room(Resources(cpus, gpus)) == room


def test_a_folder_that_nodes_do_not_share_is_refused(engines: MakeEngine, tmp_path: Path) -> None:
    told: list[str] = []
    engine = engines(tell=told.append)
    [token] = (tmp_path / "logs").glob(".shared*")
    token.unlink()  # as on a machine that has another folder of this name
    engine.submit(make_job(tmp_path))
    with pytest.raises(RuntimeError, match="share"):
        ends(engine, 1)
    assert told == [told[0]]
    assert str(tmp_path / "logs") in told[0]


DRIVER = """
import sys
from pathlib import Path
from lr_lightning.study.engines.ray_engine import RayEngine
from lr_lightning.study.manifest import Resources
from tests.study.jobs import make_job, work

root = Path()
engine = RayEngine(work, Resources(), 1, root / "logs", *sys.argv[1:])
print("started", flush=True)
engine.submit(make_job(root.absolute(), "hang", 0))
while True:
    engine.wait(60.0)
"""


def start_driver(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    environment |= {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", DRIVER, *arguments], env=os.environ | environment)


def test_no_worker_outlives_its_driver(cluster: Any, engines: MakeEngine, tmp_path: Path) -> None:
    driver = start_driver(cluster.address)
    pid = noted(tmp_path, "hang_0")["pid"]
    driver.kill()
    driver.wait()
    wait_until_dead(pid)
    engine = engines()
    engine.submit(make_job(tmp_path, "note", 1))
    [done] = ends(engine, 1)
    assert done.outcomes == (Outcome(1, "done"),)


def test_a_cluster_of_its_own_ends_with_the_driver(tmp_path: Path) -> None:
    folder = tmp_path / ("long_" * 20)
    folder.mkdir()
    driver = start_driver(TMPDIR=str(folder))  # too long for the names of sockets
    pid = noted(tmp_path, "hang_0")["pid"]
    raylet = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    assert "raylet" in Path(f"/proc/{raylet}/cmdline").read_text()
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(timeout=20) == -signal.SIGTERM
    wait_until_dead(pid, raylet)
