"""Downloads from a server on this machine: whole, resumed, refused, broken."""

import hashlib
import multiprocessing
import shutil
import signal
import socket
import struct
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from lr_lightning.data.storage.download import download, file_md5

BODY = bytes(range(256)) * 10_000
MD5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``BODY`` under any path but ``/error<code>``, and records the ranges asked for."""

    ranges = True  # whether it answers Range requests
    states_length = True
    breaks_after: int | None = None  # bytes after which it closes the connection
    hangs = False
    pause = 0.0  # seconds between parts of 500,000 bytes
    resets = False  # whether it drops the connection instead of closing it
    body = BODY

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/file.h5"
        self.stopped = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """Answers as its server's attributes say."""

    server: Server

    def do_GET(self) -> None:
        """Send the file, or the part asked for."""
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.path.startswith("/error"):
            self.send_error(int(self.path.removeprefix("/error")))
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        if start >= len(self.server.body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if self.server.states_length:
            self.send_header("Content-Length", str(len(self.server.body) - start))
        self.end_headers()
        for first in range(start, len(self.server.body), 500_000):
            self.wfile.write(self.server.body[first : first + 500_000][: self._left(first)])
            time.sleep(self.server.pause)
        if self.server.resets:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self.server.hangs:
            self.server.stopped.wait(10)

    def _left(self, first: int) -> int | None:
        """Bytes until the connection breaks."""
        return None if self.server.breaks_after is None else max(0, self.server.breaks_after - first)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


FORK = multiprocessing.get_context("fork")
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # from Python 3.12


def fetch_when(start: Event, url: str, path: Path) -> None:
    start.wait(60)
    download(url, path, MD5)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A running server; its attributes say how it behaves."""
    monkeypatch.setenv("no_proxy", "*")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.stopped.set()
        server.shutdown()
        thread.join()


def files(folder: Path) -> list[str]:
    """Names of the files in ``folder``, but for the lock that a failure leaves."""
    return [path.name for path in folder.iterdir() if path.name != ".f.h5.lock"]


def test_fetches_checks_and_renames(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = download(server.url, tmp_path / "new" / "f.h5", MD5, progress=lambda *state: seen.append(state))
    assert path.read_bytes() == BODY
    assert [file.name for file in path.parent.iterdir()] == ["f.h5"]
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_wrong_content_of_the_right_length_is_never_used(server: Server, tmp_path: Path) -> None:
    server.body = BODY[:-1] + b"?"
    with pytest.raises(ValueError, match=r"file\.h5 .*md5 "):
        download(server.url, tmp_path / "f.h5", MD5)
    assert files(tmp_path) == []
    server.body = BODY
    assert download(server.url, tmp_path / "f.h5", MD5).read_bytes() == BODY


def test_a_slow_server_is_waited_for(server: Server, tmp_path: Path) -> None:
    server.pause = 0.15  # 0.9 s in all
    assert download(server.url, tmp_path / "f.h5", MD5, timeout=0.6).read_bytes() == BODY


def test_a_dropped_connection_is_resumed(server: Server, tmp_path: Path) -> None:
    server.breaks_after, server.resets, server.pause = 2_000_000, True, 0.03
    with pytest.raises(ConnectionError, match=r"file\.h5 disconnected"):
        download(server.url, tmp_path / "f.h5", MD5)
    there = (tmp_path / "f.h5.part").read_bytes()  # what had not come through when the connection was dropped is lost
    assert there == BODY[: len(there)]
    server.breaks_after, server.resets = None, False
    assert download(server.url, tmp_path / "f.h5", MD5).read_bytes() == BODY
    assert server.asked == [None, f"bytes={len(there)}-" if there else None]


def test_works_without_a_stated_length(server: Server, tmp_path: Path) -> None:
    server.states_length = False
    seen: list[tuple[int, int | None]] = []
    path = download(server.url, tmp_path / "f.h5", progress=lambda *state: seen.append(state))
    assert path.read_bytes() == BODY
    assert seen[-1] == (len(BODY), None)


def test_a_broken_download_is_resumed(server: Server, tmp_path: Path) -> None:
    server.breaks_after = 1_000_000
    with pytest.raises(ConnectionError, match=r"file\.h5 .*1000000 of 2560000 bytes"):
        download(server.url, tmp_path / "f.h5", MD5)
    assert files(tmp_path) == ["f.h5.part"]
    server.breaks_after = None
    seen: list[tuple[int, int | None]] = []
    assert download(server.url, tmp_path / "f.h5", MD5, progress=lambda *s: seen.append(s)).read_bytes() == BODY
    assert server.asked == [None, "bytes=1000000-"]
    assert seen[0][0] > 1_000_000
    assert seen[-1] == (len(BODY), len(BODY))


def test_begins_anew_where_the_server_ignores_ranges(server: Server, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "f.h5.part").write_bytes(BODY[:1000])
    assert download(server.url, tmp_path / "f.h5", MD5).read_bytes() == BODY
    assert server.asked == ["bytes=1000-"]


def test_begins_anew_without_a_checksum(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.h5.part").write_bytes(b"of an older version")
    assert download(server.url, tmp_path / "f.h5").read_bytes() == BODY
    assert server.asked == [None]


def test_a_part_that_is_already_whole_is_only_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.h5.part").write_bytes(BODY)
    assert download(server.url, tmp_path / "f.h5", MD5).read_bytes() == BODY
    assert server.asked == [f"bytes={len(BODY)}-"]


def test_a_wrong_checksum_removes_the_part(server: Server, tmp_path: Path) -> None:
    (tmp_path / "f.h5.part").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=rf"md5 \w+, expected {MD5}"):
        download(server.url, tmp_path / "f.h5", MD5)
    assert files(tmp_path) == []
    assert download(server.url, tmp_path / "f.h5", MD5).read_bytes() == BODY


def test_a_file_that_is_there_is_checked_and_never_replaced(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    path.write_bytes(BODY)
    assert download(server.url, path, MD5) == path
    path.write_bytes(b"mine")
    with pytest.raises(ValueError, match=rf"f\.h5 .*{file_md5(path)}, expected {MD5}"):
        download(server.url, path, MD5)
    assert path.read_bytes() == b"mine"
    assert server.asked == []


@pytest.mark.parametrize("refusal", ["404 Not Found", "403 Forbidden", "503 Service Unavailable"])
def test_a_refusal_names_the_code_and_the_remedy(server: Server, tmp_path: Path, refusal: str) -> None:
    url = server.url.replace("file.h5", f"error{refusal[:3]}")
    (tmp_path / "f.h5.part").write_bytes(BODY[:1000])
    with pytest.raises(ConnectionError, match=rf"/error{refusal[:3]} .*{refusal}; use RenderedShapes3D"):
        download(url, tmp_path / "f.h5", MD5, remedy="use RenderedShapes3D")
    assert files(tmp_path) == ["f.h5.part"]


def test_a_silent_server_times_out_and_keeps_the_part(server: Server, tmp_path: Path) -> None:
    server.breaks_after, server.hangs = 1 << 20, True
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=r"file\.h5 .*\(timed out\).*use the twin"):
        download(server.url, tmp_path / "f.h5", MD5, timeout=0.2, remedy="use the twin")
    assert time.monotonic() - start < 4  # the server would be silent for 10 s
    assert (tmp_path / "f.h5.part").read_bytes() == BODY[: 1 << 20]


def test_without_a_server_the_error_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # not listening
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/f.h5"
        with pytest.raises(ConnectionError, match=r"\(.*refused\); use RenderedShapes3D"):
            download(url, tmp_path / "f.h5", remedy="use RenderedShapes3D")


def test_of_two_processes_at_once_one_fetches(server: Server, tmp_path: Path) -> None:
    server.pause = 0.05
    start = FORK.Event()
    processes = [FORK.Process(target=fetch_when, args=(start, server.url, tmp_path / "f.h5")) for _ in range(2)]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert server.asked == [None]
    assert (tmp_path / "f.h5").read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["f.h5"]


def test_a_killed_download_is_resumed(server: Server, tmp_path: Path) -> None:
    server.breaks_after, server.hangs = 1 << 20, True
    start = FORK.Event()
    process = FORK.Process(target=fetch_when, args=(start, server.url, tmp_path / "f.h5"))
    process.start()
    start.set()
    part = tmp_path / "f.h5.part"
    while not (part.exists() and part.stat().st_size == 1 << 20):
        time.sleep(0.01)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert files(tmp_path) == ["f.h5.part"]
    server.breaks_after, server.hangs = None, False
    assert download(server.url, tmp_path / "f.h5", MD5).read_bytes() == BODY
    assert server.asked == [None, "bytes=1048576-"]


def test_too_little_room_is_told_at_once(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    (tmp_path / "f.h5.part").write_bytes(BODY[:1000])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2_558_999))
    message = r"f\.h5\.part.* 2,559,000 bytes \(2,558,999 are free\)"
    with pytest.raises(OSError, match=message):
        download(server.url, tmp_path / "f.h5", MD5)
    assert (tmp_path / "f.h5.part").read_bytes() == BODY[:1000]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2_559_000))
    assert download(server.url, tmp_path / "f.h5", MD5).read_bytes() == BODY
    assert server.asked == ["bytes=1000-"] * 2


def test_a_disk_that_fills_up_keeps_the_part(server: Server, small_disk: Path) -> None:
    server.states_length = False
    path = small_disk / "f.h5"
    with pytest.raises(OSError, match=r"unknown number of bytes \(No space left on device\)"):
        download(server.url, path, MD5)
    assert files(small_disk) == ["f.h5.part"]
    server.body = BODY[: 1 << 14]
    md5 = hashlib.md5(server.body, usedforsecurity=False).hexdigest()
    with pytest.raises(ValueError, match="md5"):  # longer than that
        download(server.url, path, md5)
    assert download(server.url, path, md5).read_bytes() == server.body


def test_a_part_that_is_of_no_use_makes_room(server: Server, small_disk: Path) -> None:
    server.body, server.ranges = BODY[:40_000], False
    (small_disk / "f.h5.part").write_bytes(server.body[:30_000])  # of 64 kB
    md5 = hashlib.md5(server.body, usedforsecurity=False).hexdigest()
    assert download(server.url, small_disk / "f.h5", md5).read_bytes() == server.body


def test_a_folder_that_cannot_be_written_to_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match=r"file/f\.h5 cannot be written \(.*\); choose"):
        download(server.url, tmp_path / "file" / "f.h5", MD5)
    assert server.asked == []
