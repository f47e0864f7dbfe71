"""Jobs on a real Ray cluster of two nodes on this machine, whose workers and nodes die."""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree
from threading import Thread
from typing import Any

import pytest

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.driver import Driver, Progress
from lr_lightning.study.engines import ray_engine
from lr_lightning.study.engines.engine import Engine, Finished
from lr_lightning.study.engines.ray_cluster import RayCluster
from lr_lightning.study.engines.ray_engine import RayEngine
from lr_lightning.study.job import Outcome, Run
from lr_lightning.study.layout import CELL_CONFIG, cell_folder, run_folder
from lr_lightning.study.manifest import Resources
from lr_lightning.study.run_job import run_job
from tests.extras import needs
from tests.study.engines.ray_driver import start_driver
from tests.study.interruptions import PauseOnce
from tests.study.jobs import is_alive, make_job, noted, wait_until_dead, work
from tests.study.small_study import WITH_CODES, comparable, job_of, make_study

pytestmark = needs("ray")
MakeEngine = Callable[..., RayEngine]
PATIENCE = 300.0
"""Seconds to wait for something on a busy machine."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster with two nodes of one CPU each, to which this process is connected."""
    folder = tempfile.mkdtemp(prefix="ray_", dir="/tmp")  # names of sockets are limited to 107 characters
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.chdir(folder)  # Ray lets workers import from the working folder, which is that of the project otherwise
        from ray.cluster_utils import Cluster

        cluster = Cluster()
        cluster.add_node(num_cpus=1, include_dashboard=False)  # the driver belongs to it, so it stays
        cluster.add_node(num_cpus=1)
        connection = RayCluster(cluster.address)
        yield cluster
        connection.close()
        cluster.shutdown()
    rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def third_node(cluster: Any) -> Any:
    """A node that joins later, with one GPU that is only declared."""
    return cluster.add_node(num_cpus=1, num_gpus=1)


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
    found, deadline = list[Finished](), time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < deadline, found
        found += engine.wait(1.0)
    return sorted(found, key=lambda finished: finished.job.runs)


def running(engine: Engine, root: Path, seed: int) -> dict[str, Any]:
    """Return the note of a job that hangs, once it runs."""
    deadline = time.monotonic() + PATIENCE
    while not (root / f"hang_{seed}").exists():
        assert time.monotonic() < deadline
        assert not engine.wait(0.1)
    return noted(root, f"hang_{seed}")


def test_all_jobs_are_done_by_one_process_per_slot(engines: MakeEngine, tmp_path: Path) -> None:
    engine = engines(threads=3)
    assert engine.slots == 2
    for seed in range(6):
        engine.submit(make_job(tmp_path, "note", seed))
    assert [end.outcomes for end in ends(engine, 6)] == [(Outcome(Run("cell", seed), "done"),) for seed in range(6)]
    assert engine.wait(0.0) == []
    notes = [noted(tmp_path, f"note_{seed}") for seed in range(6)]
    assert len({entry["pid"] for entry in notes}) <= 2  # the first may be done before the second has started
    assert os.getpid() not in {entry["pid"] for entry in notes}
    assert {entry["OMP_NUM_THREADS"] for entry in notes} == {"3"}
    assert {entry["CUDA_VISIBLE_DEVICES"] for entry in notes} == {""}
    assert not any(entry["torch"] for entry in notes)  # it reads the number of threads when it is imported


def test_workers_get_the_settings_of_the_driver_but_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_PROJECT", "WANDB_API_KEY", "LR_LIGHTNING_TRACEBACK", "OTHER"):
        monkeypatch.setenv(name, "x")
    found = ray_engine._environment(2, Resources(gpus=1))
    assert found["WANDB_PROJECT"] == found["LR_LIGHTNING_TRACEBACK"] == "x"
    assert not {"WANDB_API_KEY", "OTHER", "CUDA_VISIBLE_DEVICES"} & found.keys()
    assert ray_engine._environment(2, Resources())["CUDA_VISIBLE_DEVICES"] == ""


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
    assert done.outcomes == (Outcome(Run("cell", 1), "done"),)
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


def test_two_jobs_share_a_cpu(engines: MakeEngine, tmp_path: Path) -> None:
    half = Resources(cpus=0.5)
    engine = engines(half)
    assert engine.slots == 2 * len(engine._cluster.nodes)
    for seed in range(engine.slots):
        engine.submit(make_job(tmp_path, "hang", seed, resources=half))
    pids = {running(engine, tmp_path, seed)["pid"] for seed in range(engine.slots)}
    assert len(pids) == engine.slots


@pytest.mark.parametrize("resources", [Resources(cpus=2), Resources(gpus=0.25), Resources(cpus=0.5, gpus=1)])
def test_resources_that_no_node_has_are_refused_at_once(engines: MakeEngine, resources: Resources) -> None:
    start = time.monotonic()
    with pytest.raises(UsageError, match=r"(?s)resources\.(cpus|gpus).*CPUs: 1, GPUs: 0"):
        engines(resources)
    assert time.monotonic() - start < 2


def test_a_node_with_another_version_of_the_package_is_not_used(
    cluster: Any, engines: MakeEngine, tmp_path: Path
) -> None:
    package = tmp_path / "site" / "lr_lightning"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "0.0.1"')
    node = cluster.add_node(num_cpus=2, env_vars={"PYTHONPATH": str(package.parent)})
    told: list[str] = []
    try:
        engine = engines(tell=told.append)
        slots, deadline = engine.slots, time.monotonic() + PATIENCE
        for seed in range(slots):
            engine.submit(make_job(tmp_path, "hang", seed))
        while engine.slots != slots - 2 or len(list(tmp_path.glob("hang_*"))) != slots - 2:
            assert time.monotonic() < deadline
            assert not engine.wait(0.1)
        [reason] = told
        assert "0.0.1" in reason
        assert socket.gethostname() in reason
        large = engines(Resources(cpus=2), tell=told.append)  # only this node has as many
        engine.close()  # its refused workers hold the node
        large.submit(make_job(tmp_path, resources=Resources(cpus=2)))
        with pytest.raises(RuntimeError, match=r"0\.0\.1"):
            ends(large, 1)
    finally:
        cluster.remove_node(node, allow_graceful=False)


def test_a_dead_node_loses_its_jobs_and_a_new_one_is_used(
    cluster: Any, engines: MakeEngine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    engine = engines()
    for seed in range(2):
        engine.submit(make_job(tmp_path, "hang", seed))
    pids = [running(engine, tmp_path, seed)["pid"] for seed in range(2)]
    [node] = cluster.worker_nodes
    cluster.remove_node(node, allow_graceful=False)
    [lost] = ends(engine, 1)
    assert lost.outcomes is None
    assert "node" in lost.lost
    assert str(pids[lost.job.runs[0].seed]) in lost.lost
    [(_, seed)] = lost.job.runs
    wait_until_dead(pids[seed])
    deadline = time.monotonic() + PATIENCE
    while engine.slots != 1:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for seed in (2, 3):
        engine.submit(make_job(tmp_path, "hang", seed))
    assert engine.wait(1.0) == []  # the only slot that is left is taken
    request.getfixturevalue("third_node")
    running(engine, tmp_path, 2)
    assert engine.slots == 2


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


def test_no_worker_outlives_its_driver(cluster: Any, engines: MakeEngine, tmp_path: Path) -> None:
    driver = start_driver("auto")  # RAY_TMPDIR says where Ray finds the cluster
    try:
        pid = noted(tmp_path, "hang_0")["pid"]
    finally:
        driver.kill()
        driver.wait()
    wait_until_dead(pid)
    engine = engines()
    engine.submit(make_job(tmp_path, "note", 1))
    [done] = ends(engine, 1)
    assert done.outcomes == (Outcome(Run("cell", 1), "done"),)


def test_four_jobs_share_a_gpu(third_node: Any, engines: MakeEngine, tmp_path: Path) -> None:
    """Only the placement is tested: the device does not exist."""
    share = Resources(cpus=0.25, gpus=0.25)
    engine = engines(share)
    assert engine.slots == 4
    for seed in range(4):
        engine.submit(make_job(tmp_path, "note", seed, resources=share))
        engine.submit(make_job(tmp_path, "hang", seed, resources=share))
    ends(engine, 4)
    assert len({running(engine, tmp_path, seed)["pid"] for seed in range(4)}) == 4
    assert {noted(tmp_path, f"note_{seed}")["CUDA_VISIBLE_DEVICES"] for seed in range(4)} == {"0"}


def test_a_job_that_needs_too_much_memory_is_lost(cluster: Any, engines: MakeEngine, tmp_path: Path) -> None:
    """Ray's own monitor of memory kills it, with a lower threshold than usual."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    kilobytes = {name: int(value.split()[0]) for name, value in (line.split(":") for line in lines)}
    total, available = kilobytes["MemTotal"], kilobytes["MemAvailable"]
    threshold = (total - available + 1_500_000) / total  # of the whole machine, so other processes count
    node = cluster.add_node(num_cpus=3, env_vars={"RAY_memory_usage_threshold": str(threshold)})
    resources = Resources(cpus=3)  # only this node has as many
    try:
        engine = engines(resources)
        engine.submit(make_job(tmp_path, "eat 6", 0, resources=resources))
        [lost] = ends(engine, 1)
    finally:
        cluster.remove_node(node, allow_graceful=False)
    assert lost.outcomes is None
    assert "low on memory" in lost.lost
    assert len(lost.lost) < 400


class NoDisplay:
    def show(self, progress: Progress) -> None:
        pass


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:score undefined")  # models of a few steps
def test_runs_whose_node_or_worker_dies_leave_the_files_of_undisturbed_runs(
    cluster: Any, third_node: Any, tmp_path: Path
) -> None:
    """Both runs are lost after 30 steps of training, and go on from their checkpoints on the node that is left."""
    pause = {"class_path": f"{PauseOnce.__module__}.{PauseOnce.__qualname__}"}
    pause["init_args"] = {"steps": [30], "folder": str(tmp_path / "notes")}  # type: ignore[assignment]
    root = tmp_path / "studies"
    manifest = make_study(root, {"trainer.callbacks": [pause]}, seeds=2, test=WITH_CODES)
    [cell] = manifest.cells
    driver = Driver(root, manifest)
    engine = RayEngine(run_job, manifest.resources, 1, root / "logs")
    thread = Thread(target=driver.drive, args=(engine, 1, 1, NoDisplay()))
    thread.start()
    try:
        pids = [noted(tmp_path / "notes", f"seed_{seed}-step30")["pid"] for seed in range(2)]
        for node in list(cluster.worker_nodes):  # at least one of the runs is on one of them
            cluster.remove_node(node, allow_graceful=False)
        while all(map(is_alive, pids)):  # workers notice the end of their node
            time.sleep(0.1)
        for pid in filter(is_alive, pids):
            os.kill(pid, signal.SIGKILL)
        thread.join(timeout=PATIENCE)
        assert not thread.is_alive()
    finally:
        engine.close()
    assert (len(driver.progress.done), driver.progress.failures) == (2, {})
    whole = tmp_path / "whole"
    cell_folder(whole, cell.identity).mkdir(parents=True)
    config = (cell_folder(root, cell.identity) / CELL_CONFIG).read_text()
    (cell_folder(whole, cell.identity) / CELL_CONFIG).write_text(config)
    for seed in range(2):
        assert [outcome.state for outcome in run_job(job_of(manifest, whole, seed=seed))] == ["done"]
        undisturbed, found = (comparable(run_folder(folder, cell.identity, seed)) for folder in (whole, root))
        assert undisturbed.keys() == found.keys() > {f"{manifest.evaluation.digest}.npz"}
        for name in undisturbed:
            assert undisturbed[name] == found[name], (seed, name)
