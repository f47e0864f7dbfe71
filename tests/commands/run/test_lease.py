"""A folder has one holder; other processes, on this or another machine, can find out whether it is alive."""

import json
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from lr_lightning.commands.run import lease as lease_module
from lr_lightning.commands.run.lease import (
    LEASE,
    FolderInUseError,
    Holder,
    Lease,
    LeaseLostError,
    LeaseWatch,
    acquire,
    age,
    sight,
)

ELSEWHERE: dict[str, Any] = {"machine": "another", "host": "node7", "pid": 1}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "HEARTBEAT", 0.05)
    monkeypatch.setattr(lease_module, "STALE_AFTER", 0.4)
    monkeypatch.setattr(lease_module, "_POLL", 0.02)
    monkeypatch.setattr(lease_module, "_SETTLE", 0.05)


def write_lease(folder: Path, beats: int = 0, **changes: Any) -> None:
    """Write the lease of this process, or of one that differs from it in ``changes``."""
    record = vars(Holder.this_process()) | changes
    (folder / LEASE).write_text(f"{json.dumps(record)}\n{beats:012d}\n")


def pid_of_the_dead() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid


def test_a_folder_has_one_holder_until_it_is_given_back(tmp_path: Path) -> None:
    first = acquire(tmp_path)
    with pytest.raises(FolderInUseError, match=rf"\b{os.getpid()}\b"):
        acquire(tmp_path)
    first.check()
    first.release()
    first.release()
    assert list(tmp_path.iterdir()) == []
    acquire(tmp_path).release()


def test_a_heartbeat_changes_the_file_and_leaves_its_holder(tmp_path: Path) -> None:
    held = acquire(tmp_path)
    before = (tmp_path / LEASE).read_bytes()
    time.sleep(0.2)
    after = (tmp_path / LEASE).read_bytes()
    assert len(after) == len(before)
    assert int(after.split()[-1]) >= 2
    assert after.splitlines()[0] == before.splitlines()[0]
    held.release()


@pytest.mark.parametrize("changes", [{"pid": None}, {"born": "1"}], ids=["gone", "id reused"])
def test_one_that_died_on_this_machine_is_replaced_at_once(tmp_path: Path, changes: dict[str, Any]) -> None:
    write_lease(tmp_path, **{key: value or pid_of_the_dead() for key, value in changes.items()})
    told: list[str] = []
    acquire(tmp_path, wait=False, tell=told.append).release()
    assert len(told) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_zombie_is_dead(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    write_lease(tmp_path, pid=process.pid, born=lease_module._birth(process.pid))
    with pytest.raises(FolderInUseError):
        acquire(tmp_path)
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie: its exit code has not been read
    acquire(tmp_path).release()
    process.communicate()


@pytest.mark.parametrize("content", [None, b"", b"{", b"[1]\n"], ids=["elsewhere", "empty", "cut", "damaged"])
def test_one_that_cannot_be_judged_is_replaced_after_the_stated_time(tmp_path: Path, content: bytes | None) -> None:
    write_lease(tmp_path, **ELSEWHERE | {"pid": pid_of_the_dead()})  # meaningless on this machine
    if content is not None:
        (tmp_path / LEASE).write_bytes(content)
    with pytest.raises(FolderInUseError):
        acquire(tmp_path, wait=False)
    told: list[str] = []
    begin = time.monotonic()
    acquire(tmp_path, tell=told.append).release()
    assert time.monotonic() - begin > 0.4
    assert len(told) == 2
    assert ("node7" in told[1]) is (content is None)


def test_a_heartbeat_from_elsewhere_shows_life_whatever_its_clock_says(tmp_path: Path) -> None:
    write_lease(tmp_path, **ELSEWHERE | {"since": "1999-01-01 00:00:00"})
    os.utime(tmp_path / LEASE, (0, 0))

    def beat(_: str) -> None:
        write_lease(tmp_path, 7, **ELSEWHERE)
        os.utime(tmp_path / LEASE, (0, 0))

    with pytest.raises(FolderInUseError, match=r"\b1\b.*node7"):
        acquire(tmp_path, tell=beat)


def test_a_holder_that_was_replaced_learns_it_and_touches_nothing(tmp_path: Path) -> None:
    held = acquire(tmp_path)
    (tmp_path / LEASE).unlink()
    write_lease(tmp_path, **ELSEWHERE)
    other = (tmp_path / LEASE).read_bytes()
    deadline = time.monotonic() + 5
    while held.loss is None and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(LeaseLostError, match=r"\b1\b.*node7"):
        held.raise_if_lost()
    held.release()
    assert (tmp_path / LEASE).read_bytes() == other


def test_a_removed_folder_is_told_also_when_it_was_made_again(tmp_path: Path) -> None:
    for again in (False, True):
        folder = tmp_path / f"{again}"
        folder.mkdir()
        held = acquire(folder)
        shutil.rmtree(folder)
        (tmp_path / f"keeps the number of the inode in use {again}").mkdir()
        if again:
            folder.mkdir()
        with pytest.raises(LeaseLostError, match=rf"{again}.*removed"):
            held.check()
        held.release()


def test_a_lease_file_that_was_deleted_is_written_again(tmp_path: Path) -> None:
    held = acquire(tmp_path)
    (tmp_path / LEASE).unlink()
    held.check()
    time.sleep(0.15)
    assert int((tmp_path / LEASE).read_bytes().split()[-1]) >= 1
    with pytest.raises(FolderInUseError):
        acquire(tmp_path)
    held.release()
    assert list(tmp_path.iterdir()) == []


def test_the_lease_of_another_is_put_back_if_it_was_moved_by_mistake(tmp_path: Path) -> None:
    held = acquire(tmp_path)
    answers = iter([True, False])  # the dead holder's file, and then its successor's in the same place
    assert not lease_module._remove(tmp_path / LEASE, lambda _: next(answers))
    assert [path.name for path in tmp_path.iterdir()] == [LEASE]  # at once, before its holder misses it
    held.check()
    held.release()


def test_a_copy_in_another_process_checks_and_does_not_release(tmp_path: Path) -> None:
    held = acquire(tmp_path)
    copy: Lease = pickle.loads(pickle.dumps(held))
    copy.check()
    copy.release()
    held.check()
    held.release()
    shutil.rmtree(tmp_path)
    with pytest.raises(LeaseLostError):
        copy.check()


def test_age_is_that_of_the_last_heartbeat(tmp_path: Path) -> None:
    assert age(tmp_path) == 0
    write_lease(tmp_path)
    assert age(tmp_path) < 60
    os.utime(tmp_path / LEASE, (0, 0))
    assert age(tmp_path) > 1e9
    assert [path.name for path in tmp_path.iterdir()] == [LEASE]


def test_a_lease_is_judged_at_sight(tmp_path: Path) -> None:
    def seems_alive(silence: float, **changes: Any) -> bool:
        write_lease(tmp_path, **changes)
        os.utime(tmp_path / LEASE, (time.time() - silence,) * 2)
        sighting = sight(tmp_path)
        assert sighting is not None
        assert silence <= sighting.silence < silence + 60
        assert sighting.holder is not None
        assert sighting.holder.pid == changes.get("pid", os.getpid())
        return sighting.seems_alive

    assert sight(tmp_path) is None
    assert seems_alive(1000.0)  # this process works, however late its heartbeat is
    assert not seems_alive(0.0, pid=pid_of_the_dead())
    assert seems_alive(0.1, **ELSEWHERE)
    assert not seems_alive(0.5, **ELSEWHERE)
    (tmp_path / LEASE).write_text("")
    sighting = sight(tmp_path)
    assert sighting is not None
    assert sighting.holder is None
    assert sighting.seems_alive
    assert [path.name for path in tmp_path.iterdir()] == [LEASE]


def test_a_watched_folder_is_free_without_a_holder_or_after_its_death(tmp_path: Path) -> None:
    watch = LeaseWatch(tmp_path / "missing")
    assert watch.is_free()
    held = acquire(tmp_path)
    watch = LeaseWatch(tmp_path)
    assert not watch.is_free()
    held.release()
    assert watch.is_free()
    write_lease(tmp_path, pid=pid_of_the_dead())
    assert watch.is_free()


def test_a_watched_holder_elsewhere_is_dead_after_a_time_without_a_heartbeat(tmp_path: Path) -> None:
    write_lease(tmp_path, **ELSEWHERE)
    watch = LeaseWatch(tmp_path)
    assert not watch.is_free()
    time.sleep(0.3)
    write_lease(tmp_path, beats=1, **ELSEWHERE)
    assert not watch.is_free()
    time.sleep(0.2)
    assert not watch.is_free()  # it is 0.5 s old, but its heartbeat was seen 0.2 s ago
    time.sleep(0.3)
    assert watch.is_free()


def contend(folder: Path, barrier: Barrier, rounds: int) -> None:
    """Take the lease of one folder after the other, all of dead holders, and leave a mark while holding it."""
    told: list[str] = []
    for number in range(rounds):
        barrier.wait()
        try:
            held = acquire(folder / f"{number}", tell=told.append)
        except FolderInUseError:
            continue
        (folder / f"{number}" / f"{os.getpid()}").touch()
        time.sleep(0.15)
        held.raise_if_lost()
        held.release()


def test_of_many_that_find_a_holder_dead_one_takes_its_place(tmp_path: Path) -> None:
    rounds, processes, dead = 8, 4, pid_of_the_dead()
    for number in range(rounds):
        (tmp_path / f"{number}").mkdir()
        write_lease(tmp_path / f"{number}", pid=dead)
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(processes)
    workers = [fork.Process(target=contend, args=(tmp_path, barrier, rounds)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    marks = [[path.name for path in (tmp_path / f"{number}").iterdir()] for number in range(rounds)]
    assert [len(found) for found in marks] == [1] * rounds
