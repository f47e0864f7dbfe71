"""Watch what a call does: which files it opens, and whether it uses the network."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from socket import socket
from typing import Any

_LISTED = ("os.listdir", "os.scandir")
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Watch:
    """What happened while watching.

    Attributes:
        may_connect: Whether the network may be used.
        opened: Files that were opened for reading, and folders that were listed, in order; absolute paths.
        refused: Address of the first refused connection; ``None`` if there was none.
    """

    def __init__(self, may_connect: bool) -> None:
        self.may_connect = may_connect
        self.opened: list[Path] = []
        self.refused: str | None = None

    def opened_in(self, folder: Path) -> list[Path]:
        """Return the paths inside ``folder`` that were opened or listed, and the folder itself if it was."""
        return [path for path in self.opened if path.is_relative_to(folder.absolute())]

    def notice(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of an audit event.

        Raises:
            ConnectionRefusedError: If the event uses the network and this is not allowed.
        """
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, str | os.PathLike) and not flags & _WRITING:
                self.opened.append(Path(path).absolute())
        elif event in _LISTED and isinstance(arguments[0], str | os.PathLike):
            self.opened.append(Path(arguments[0]).absolute())
        elif event in _NETWORK and not self.may_connect and not _is_local(arguments[0]):
            address = arguments[-1] if event == "socket.connect" else arguments[0]
            self.refused = self.refused or (str(address[0]) if isinstance(address, tuple) else str(address))
            raise ConnectionRefusedError(f"connections are not allowed here, such as to {self.refused}")


def _is_local(where: Any) -> bool:
    """Return whether the first argument of an event of the network is a socket of processes on the same machine."""
    return isinstance(where, socket) and where.family.name == "AF_UNIX"


_current: ContextVar[Watch | None] = ContextVar("current", default=None)


@contextmanager
def watched(*, may_connect: bool) -> Iterator[Watch]:
    """Watch this thread inside the context; other threads are neither watched nor restricted.

    Files opened by C++ code, e.g. of HDF5, are not noticed.

    Args:
        may_connect: Whether Python may use the network.
    """
    _install_hook()
    watch = Watch(may_connect)
    token = _current.set(watch)
    try:
        yield watch
    finally:
        _current.reset(token)


@cache
def _install_hook() -> None:
    """Add the audit hook of this process; Python cannot remove one, so there is one for all watches."""
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    watch = _current.get()
    if watch is not None:
        watch.notice(event, arguments)
