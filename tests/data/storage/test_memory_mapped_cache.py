"""The memory-mapped cache: which files are used, rebuilt, and never used."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import time
from collections import namedtuple
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lr_lightning.data.storage import memory_mapped_cache
from lr_lightning.data.storage.memory_mapped_cache import MemoryMappedCache
from lr_lightning.data.storage.write_lock import write_lock

ROWS = torch.arange(30, dtype=torch.uint8).view(10, 3)


class Numbers:
    """Ten rows of three numbers, which are those of ``ROWS`` less the one in its file; counts its readings there.

    Args:
        path: File with a number; ``<path>.log`` gets a line for each reading.
        num_rows: Rows that it yields.
    """

    key = "group/numbers"
    shape: tuple[int, ...] = (10, 3)

    def __init__(self, path: Path, num_rows: int = 10) -> None:
        self.paths = (path,)
        self.num_rows = num_rows

    def blocks(self) -> Iterator[Tensor]:
        """Yield blocks of four."""
        with self.paths[0].with_suffix(".log").open("a") as file:
            file.write("read\n")
        rows = ROWS[: self.num_rows] - int(self.paths[0].read_text())
        for start in range(0, len(rows), 4):
            yield rows[start : start + 4]


@pytest.fixture
def source(tmp_path: Path) -> Numbers:
    path = tmp_path / "numbers.txt"
    path.write_text("1")
    return Numbers(path)


def add_one(rows: Tensor) -> Tensor:
    return rows + 1


def cache_of(source: Numbers) -> MemoryMappedCache:
    return MemoryMappedCache(source, (3,), add_one, "plus-one")


def readings(source: Numbers) -> int:
    log = source.paths[0].with_suffix(".log")
    return len(log.read_text().splitlines()) if log.exists() else 0


def files(folder: Path) -> list[str]:
    """Names of all files but locks."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_converts_once_and_maps_from_then_on(source: Numbers, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    for _ in range(3):
        rows = cache_of(source).open(progress=lambda *state: seen.append(state))
        assert isinstance(rows, np.memmap)
        np.testing.assert_array_equal(rows, ROWS.numpy())
    assert seen == [(4, 10), (8, 10), (10, 10)]
    assert readings(source) == 1
    name = "numbers.txt.group.numbers.plus-one.v1.rows"
    assert cache_of(source).path == tmp_path / "lr_lightning_cache" / name
    assert files(tmp_path) == ["numbers.log", "numbers.txt", name]


def test_rows_cannot_be_changed_through_the_map(source: Numbers) -> None:
    rows = cache_of(source).open()
    with pytest.raises(ValueError, match="read-only"):
        rows[0, 0] = 3


def test_the_file_is_a_line_of_json_and_the_rows_from_a_page_on(source: Numbers) -> None:
    cache = cache_of(source)
    cache.open()
    content = cache.path.read_bytes()
    assert content[4096:] == ROWS.numpy().tobytes()
    header = json.loads(content[:4096])
    assert content[4095:4096] == b"\n"
    assert (header["version"], header["shape"], header["array"]) == (1, [10, 3], "group/numbers")
    assert header["md5"] == ["c4ca4238a0b923820dcc509a6f75849b"]  # of "1"
    assert (
        header["blake2b"]
        == subprocess.run(
            ["b2sum", "-l", "256"], input=content[4096:], capture_output=True, check=True
        ).stdout.decode()[:64]
    )


def test_a_header_of_many_sources_takes_several_pages(source: Numbers, tmp_path: Path) -> None:
    others = [tmp_path / f"{'x' * 60}{i}.png" for i in range(100)]
    for other in others:
        other.write_text("7")
    source.paths = (*source.paths, *others)  # type: ignore[assignment]
    np.testing.assert_array_equal(cache_of(source).open(), ROWS.numpy())
    np.testing.assert_array_equal(cache_of(source).open(verify=True), ROWS.numpy())
    assert cache_of(source).path.stat().st_size % 4096 == 30
    others[50].write_text("77")
    with pytest.warns(UserWarning, match=r"rebuilding .*numbers\.txt and 100 more changed"):
        cache_of(source).open()


def test_lies_where_the_environment_says(source: Numbers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twin = tmp_path / "other" / "numbers.txt"
    twin.parent.mkdir()
    twin.write_text("0")
    monkeypatch.setenv("LR_LIGHTNING_CACHE", str(tmp_path / "shared"))
    for _ in range(2):  # files of one name do not replace each other
        np.testing.assert_array_equal(cache_of(source).open(), ROWS.numpy())
        np.testing.assert_array_equal(cache_of(Numbers(twin)).open(), ROWS.numpy() + 1)
    assert (readings(source), readings(Numbers(twin))) == (1, 1)
    assert files(tmp_path / "shared") == ["numbers.txt.group.numbers.plus-one.v1.rows"] * 2


def test_conversions_of_one_source_do_not_meet(source: Numbers) -> None:
    cache_of(source).open()
    other = MemoryMappedCache(source, (1,), lambda rows: rows[:, :1], "first")
    np.testing.assert_array_equal(other.open(), ROWS[:, :1].numpy() - 1)
    np.testing.assert_array_equal(cache_of(source).open(), ROWS.numpy())
    assert readings(source) == 2


def change_source(source: Numbers, path: Path) -> None:
    source.paths[0].write_text("0")
    os.utime(source.paths[0], ns=(7, 7))


def touch_source(source: Numbers, path: Path) -> None:
    os.utime(source.paths[0], ns=(7, 7))


def cut(source: Numbers, path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def lengthen(source: Numbers, path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def empty(source: Numbers, path: Path) -> None:
    path.write_bytes(b"")


def overwrite_header(source: Numbers, path: Path) -> None:
    path.write_bytes(b"\xff" * 4096 + path.read_bytes()[4096:])


def list_for_header(source: Numbers, path: Path) -> None:
    path.write_bytes(b"[]".ljust(4095) + b"\n" + path.read_bytes()[4096:])


def other_version(source: Numbers, path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"version": 1', b'"version": 0'))


def other_shape(source: Numbers, path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"[10, 3]", b"[3, 10]"))


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (change_source, r"numbers\.txt changed"),
        (touch_source, r"numbers\.txt changed"),
        (cut, "it has 4,125 bytes, not 4,126"),
        (lengthen, "it has 4,127 bytes, not 4,126"),
        (empty, r"its header cannot be read \(.*"),
        (overwrite_header, r"its header cannot be read \(.*"),
        (list_for_header, r"header .*not a JSON object"),
        (other_version, "its version is not 1"),
        (other_shape, r"its shape is not \[10, 3\]"),
    ],
)
def test_outdated_or_damaged_cache_is_rebuilt(source: Numbers, harm: object, reason: str) -> None:
    cache = cache_of(source)
    cache.open()
    harm(source, cache.path)  # type: ignore[operator]
    with pytest.warns(UserWarning, match=rf"v1\.rows: .*{reason}"):
        rows = cache.open()
    np.testing.assert_array_equal(rows, ROWS.numpy() + 1 - int(source.paths[0].read_text()))
    cache.open(verify=True)
    assert readings(source) == 2


def alter_row(source: Numbers, path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def alter_source(source: Numbers, path: Path) -> None:
    state = source.paths[0].stat()
    source.paths[0].write_text("0")
    os.utime(source.paths[0], ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize(
    ("harm", "reason"),
    [(alter_row, "rows .*checksum"), (alter_source, r"numbers\.txt changed")],
)
def test_damage_that_only_checksums_detect_is_found_on_demand(source: Numbers, harm: object, reason: str) -> None:
    cache = cache_of(source)
    cache.open()
    harm(source, cache.path)  # type: ignore[operator]
    cache.open()
    assert readings(source) == 1
    with pytest.warns(UserWarning, match=rf"v1\.rows: .*{reason}"):
        rows = cache.open(verify=True)
    np.testing.assert_array_equal(rows, ROWS.numpy() + 1 - int(source.paths[0].read_text()))


def test_a_map_outlives_the_file_that_replaces_its_own(source: Numbers) -> None:
    rows = cache_of(source).open()
    change_source(source, cache_of(source).path)
    with pytest.warns(UserWarning, match="rebuilding"):
        np.testing.assert_array_equal(cache_of(source).open(), ROWS.numpy() + 1)
    np.testing.assert_array_equal(rows, ROWS.numpy())


def test_a_cache_in_a_folder_that_is_read_only_is_used(source: Numbers, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_of(source).open()
    monkeypatch.setattr(memory_mapped_cache, "write_lock", lambda *_: pytest.fail("nothing needs to be written"))
    cache_of(source).open(verify=True)


def test_a_folder_that_cannot_be_written_to_is_told(
    source: Numbers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lr_lightning_cache").write_text("in the way")
    with pytest.raises(OSError, match=r"lr_lightning_cache.*v1\.rows cannot be written \(.*\).*LR_LIGHTNING_CACHE"):
        cache_of(source).open()
    monkeypatch.setenv("LR_LIGHTNING_CACHE", str(tmp_path / "free"))
    cache_of(source).open()


def test_too_little_room_is_told_before_anything_is_converted(
    source: Numbers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(9000, 4875, 4125))
    message = r"v1\.rows.* 4,126 bytes \(4,125 are free\).*LR_LIGHTNING_CACHE"
    with pytest.raises(OSError, match=message):
        cache_of(source).open()
    assert (readings(source), files(tmp_path)) == (0, ["numbers.txt"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(9000, 4874, 4126))
    cache_of(source).open()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_leaves_nothing(
    source: Numbers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match=rf"4,126 bytes \({os.strerror(code)}\).*LR_LIGHTNING_CACHE"):
            cache_of(source).open()
    assert files(tmp_path) == ["numbers.log", "numbers.txt"]
    cache_of(source).open()


def test_another_error_of_the_disk_passes(source: Numbers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "bad sector")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"^\[Errno 5\] bad sector$"):
        cache_of(source).open()
    assert files(tmp_path) == ["numbers.log", "numbers.txt"]


def test_a_disk_that_is_full_indeed(source: Numbers, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LR_LIGHTNING_CACHE", str(small_disk))
    large = MemoryMappedCache(source, (30_000,), lambda rows: rows.repeat(1, 10_000), "large")
    message = r"which takes 304,096 bytes \({}\)"
    with pytest.raises(OSError, match=message.format(r"[\d,]+ are free")):
        large.open()
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9))
    with pytest.raises(OSError, match=message.format("No space left on device")):
        large.open()
    assert files(small_disk) == []
    cache_of(source).open()


def test_what_is_of_no_use_any_more_makes_room(
    source: Numbers, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LR_LIGHTNING_CACHE", str(small_disk))
    large = MemoryMappedCache(source, (3_000,), lambda rows: rows.repeat(1, 1_000), "large")  # 34 of 64 kB
    large.open()
    change_source(source, large.path)
    with pytest.warns(UserWarning, match="changed"):
        large.open()
    large.path.replace(large.path.with_name(f"{large.path.name}.unfinished"))  # as a killed process leaves it
    large.open()
    assert files(small_disk) == [large.path.name]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("the source is damaged")])
def test_an_interrupted_conversion_leaves_nothing(source: Numbers, tmp_path: Path, error: BaseException) -> None:
    def fail(rows: Tensor) -> Tensor:
        if rows[0, 0] > 5:
            raise error
        return rows

    with pytest.raises(type(error)):
        MemoryMappedCache(source, (3,), fail, "plus-one").open()
    assert files(tmp_path) == ["numbers.log", "numbers.txt"]
    np.testing.assert_array_equal(cache_of(source).open(), ROWS.numpy())


def test_a_source_that_breaks_its_promise_is_told(source: Numbers, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"numbers\.txt must yield 10 rows, got 9"):
        cache_of(Numbers(source.paths[0], num_rows=9)).open()
    with pytest.raises(ValueError, match=r"rows of .*numbers\.txt must be \(4,\) uint8, got \(3,\) uint8"):
        MemoryMappedCache(source, (4,), add_one, "x").open()
    with pytest.raises(ValueError, match=r"must be \(3,\) uint8, got \(3,\) int64"):
        MemoryMappedCache(source, (3,), lambda rows: rows.long(), "x").open()
    assert files(tmp_path) == ["numbers.log", "numbers.txt"]


FORK = multiprocessing.get_context("fork")
forks = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # Python 3.12 and newer


def open_and_send(source: Numbers, sender: Connection) -> None:
    sender.send("started")
    sender.send(cache_of(source).open().tolist())


@forks
def test_of_two_processes_at_once_one_converts(source: Numbers) -> None:
    receiver, sender = FORK.Pipe(duplex=False)
    processes = [FORK.Process(target=open_and_send, args=(source, sender)) for _ in range(2)]
    with write_lock(cache_of(source).path, ""):  # so that both find no file before either can write it
        for process in processes:
            process.start()
            assert receiver.recv() == "started"
        time.sleep(0.3)
        assert not receiver.poll()
    for process in processes:
        assert receiver.recv() == ROWS.tolist()
        process.join()
    assert readings(source) == 1


def convert_half(source: Numbers, sender: Connection) -> None:
    def stall(rows: Tensor) -> Tensor:
        if rows[0, 0] > 3:  # the first block is written
            sender.send("halfway")
            time.sleep(60)
        return add_one(rows)

    MemoryMappedCache(source, (3,), stall, "plus-one").open()


@forks
def test_a_killed_conversion_is_never_used(source: Numbers, tmp_path: Path) -> None:
    receiver, sender = FORK.Pipe(duplex=False)
    process = FORK.Process(target=convert_half, args=(source, sender))
    process.start()
    assert receiver.recv() == "halfway"
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    name = cache_of(source).path.name
    assert files(tmp_path) == ["numbers.log", "numbers.txt", f"{name}.unfinished"]
    np.testing.assert_array_equal(cache_of(source).open(), ROWS.numpy())  # a warning would fail: nothing was there
    cache_of(source).open(verify=True)
    assert files(tmp_path) == ["numbers.log", "numbers.txt", name]
    assert readings(source) == 2
