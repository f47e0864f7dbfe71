"""A server of files on this machine, for tests of downloads."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class FileServer:
    """A running server.

    Attributes:
        url: Its address.
        folder: The files that it serves.
        requests: Paths that were requested, in order.
    """

    url: str
    folder: Path
    requests: list[str] = field(default_factory=list)


class _Handler(SimpleHTTPRequestHandler):
    """Serves files and records requests instead of printing them."""

    def __init__(self, requests: list[str], *args: object, directory: str) -> None:
        self.requests = requests
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def log_request(self, *_: object) -> None:
        self.requests.append(self.path)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    """Does not print that a client closed the connection early, as one that is stopped does."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def serve(folder: Path) -> Iterator[FileServer]:
    """Serve the files in ``folder``, which is made, while in this context."""
    folder.mkdir()
    requests: list[str] = []
    handler = partial(_Handler, requests, directory=str(folder))
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield FileServer(f"http://127.0.0.1:{server.server_port}", folder, requests)
        finally:
            server.shutdown()
            thread.join()
