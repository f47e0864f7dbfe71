"""Clusters to start and to join, and what their nodes have room for."""

import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.engines import ray_cluster
from lr_lightning.study.engines.choice import EngineChoice, make_engine
from lr_lightning.study.engines.ray_cluster import Node, RayCluster, check_room
from lr_lightning.study.manifest import Resources
from tests.extras import needs
from tests.study.engines.ray_driver import start_driver
from tests.study.jobs import noted, wait_until_dead, work


@pytest.mark.parametrize(
    ("cpus", "gpus", "room"),
    [(None, 0, 8), (0.5, 0, 16), (3, 0, 2), (None, 0.25, 8), (1, 0.3, 6), (1, 1, 2), (1, 2, 1), (0, 1, 2), (9, 0, 0)],
)
def test_room_of_a_node(cpus: float | None, gpus: float, room: int) -> None:
    assert Node("n", 8.0, 2.0).room(Resources(cpus, gpus)) == room


@pytest.mark.parametrize(
    ("resources", "named"),
    [(Resources(cpus=9), "cpus 9"), (Resources(gpus=3), "gpus 3"), (Resources(gpus=1.5), "whole number, got 1.5")],
)
def test_what_fits_on_no_node_is_refused(resources: Resources, named: str) -> None:
    nodes = Node("first", 8.0, 2.0), Node("second", 4.0, 0.0)
    check_room(Resources(gpus=0.5), nodes)
    with pytest.raises(UsageError, match=named):
        check_room(resources, nodes)


def test_options_are_checked_before_ray_starts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--address auto"):
        make_engine(EngineChoice(address="auto"), work, Resources(), tmp_path)
    with pytest.raises(UsageError, match="--jobs must be at least 1, got 0"):
        make_engine(EngineChoice("ray", jobs=0), work, Resources(), tmp_path)


def test_without_ray_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'lr-lightning\[study\]'"):
        make_engine(EngineChoice("ray"), work, Resources(), tmp_path)


@needs("ray")
@pytest.mark.parametrize("address", ["nowhere", "host:", ":6379", "ray://host:10001", "host:port"])
def test_a_wrong_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="--address"):
        RayCluster(address)


@needs("ray")
def test_addresses_that_cannot_be_reached_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ray_cluster._KNOCK + ray_cluster._STATUS < 20
    monkeypatch.setattr(ray_cluster, "_STATUS", 1.0)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=address):
            RayCluster(address)
        server.listen()  # accepts connections, but never responds
        start = time.monotonic()
        with pytest.raises(ConnectionError, match=address):
            RayCluster(address)
        assert time.monotonic() - start < 5


@needs("ray")
def test_a_cluster_of_its_own_ends_with_the_driver(tmp_path: Path) -> None:
    folder = tmp_path / ("long_" * 20)
    folder.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    driver = start_driver(TMPDIR=str(folder), HOME=str(home))  # a folder too long for the names of sockets
    try:
        pid = noted(tmp_path, "hang_0")["pid"]
        raylet = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        assert "raylet" in Path(f"/proc/{raylet}/cmdline").read_text()
    finally:
        driver.send_signal(signal.SIGTERM)
        code = driver.wait(timeout=20)
    assert code == -signal.SIGTERM
    wait_until_dead(pid, raylet)
    assert not (home / ".ray").exists()
