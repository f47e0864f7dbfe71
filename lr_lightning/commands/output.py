"""Standard output and error that a run outlives."""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:  # every command imports this file, and typing_extensions takes longer than all else of --help
    from typing_extensions import Buffer

_GONE = (errno.EPIPE, errno.EBADF, errno.EIO)
"""The reader of a pipe has ended, the descriptor was closed, the terminal is gone."""


class _LastingFile(io.FileIO):
    """A file whose writes come to nothing once nobody can read them; any other failure is raised, once.

    The buffer above keeps what it could not write and tries again at the exit, where nothing can catch a failure.
    """

    _failed = False

    def write(self, data: "Buffer", /) -> int:
        try:
            return super().write(data) or 0
        except OSError as error:
            if error.errno in _GONE or self._failed:
                return memoryview(data).nbytes
            self._failed = True
            raise


def keep_output() -> None:
    """Let the process go on, and end well, when its output is closed or no longer read.

    Output that something else has taken over, such as a notebook or a test, is left alone.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # else the next file that is opened would get this number, and what is printed
            os.open(os.devnull, os.O_RDWR)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream, original = getattr(sys, name), f"__{name}__"
        if stream is None or stream is getattr(sys, original):
            lasting = _lasting(stream, descriptor)
            setattr(sys, name, lasting)
            setattr(sys, original, lasting)


def _lasting(stream: TextIO | None, descriptor: int) -> TextIO:
    """Return a stream like ``stream`` that lasts."""
    binary = io.BufferedWriter(_LastingFile(descriptor, "wb", closefd=False))
    if not isinstance(stream, io.TextIOWrapper):
        return io.TextIOWrapper(binary, encoding="utf-8", line_buffering=True)
    stream.flush()
    return io.TextIOWrapper(
        binary,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
