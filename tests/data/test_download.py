"""Downloads from a server on this machine: whole, resumed, refused, broken."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lr_lightning.data.download import download, file_md5

BODY = bytes(range(256)) * 10_000
MD5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``BODY`` under any path but ``/missing``, and records the ranges asked for."""

    ranges = True  # whether it answers Range requests
    states_length = True
    breaks_after: int | None = None  # bytes after which it closes the connection
    hangs = False
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
        if self.path == "/missing":
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        if start >= len(self.server.body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if self.server.states_length:
            self.send_header("Content-Length", str(len(self.server.body) - start))
        self.end_headers()
        self.wfile.write(self.server.body[start : self.server.breaks_after])
        if self.server.hangs:
            self.server.stopped.wait(10)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


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


def test_fetches_checks_and_renames(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    path = download(server.url, tmp_path / "new" / "f.h5", MD5, progress=lambda *state: seen.append(state))
    assert path.read_bytes() == BODY
    assert [file.name for file in path.parent.iterdir()] == ["f.h5"]
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_works_without_a_stated_length(server: Server, tmp_path: Path) -> None:
    server.states_length = False
    seen: list[tuple[int, int | None]] = []
    path = download(server.url, tmp_path / "f.h5", progress=lambda *state: seen.append(state))
    assert path.read_bytes() == BODY
    assert seen[-1] == (len(BODY), None)


def test_a_broken_download_is_resumed(server: Server, tmp_path: Path) -> None:
    server.breaks_after = 1_000_000
    with pytest.raises(ConnectionError, match=r"file\.h5 broke off after 1000000 of 2560000 bytes; run again to go on"):
        download(server.url, tmp_path / "f.h5", MD5)
    assert [file.name for file in tmp_path.iterdir()] == ["f.h5.part"]
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
    with pytest.raises(ValueError, match=rf"gave a file with md5 \w+, expected {MD5}; it was removed"):
        download(server.url, tmp_path / "f.h5", MD5)
    assert list(tmp_path.iterdir()) == []
    assert download(server.url, tmp_path / "f.h5", MD5).read_bytes() == BODY


def test_a_file_that_is_there_is_checked_and_never_replaced(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "f.h5"
    path.write_bytes(BODY)
    assert download(server.url, path, MD5) == path
    path.write_bytes(b"mine")
    with pytest.raises(ValueError, match=rf"f\.h5 has md5 {file_md5(path)}, expected {MD5}; move it away"):
        download(server.url, path, MD5)
    assert path.read_bytes() == b"mine"
    assert server.asked == []


def test_a_refusal_names_the_code_and_the_remedy(server: Server, tmp_path: Path) -> None:
    url = server.url.replace("file.h5", "missing")
    with pytest.raises(ConnectionError, match=r"/missing answered 404 Not Found; use RenderedShapes3D"):
        download(url, tmp_path / "f.h5", MD5, remedy="use RenderedShapes3D")
    assert list(tmp_path.iterdir()) == []


def test_a_silent_server_times_out_and_keeps_the_part(server: Server, tmp_path: Path) -> None:
    server.breaks_after, server.hangs = 1 << 20, True
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=r"file\.h5 broke off \(timed out\); run again to go on, or use the twin"):
        download(server.url, tmp_path / "f.h5", MD5, timeout=0.2, remedy="use the twin")
    assert time.monotonic() - start < 4  # the server would be silent for 10 s
    assert (tmp_path / "f.h5.part").read_bytes() == BODY[: 1 << 20]


def test_without_a_server_the_error_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # not listening
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/f.h5"
        with pytest.raises(ConnectionError, match=r"cannot be reached \(.*refused\); use RenderedShapes3D"):
            download(url, tmp_path / "f.h5", remedy="use RenderedShapes3D")
