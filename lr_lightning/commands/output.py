"""Standard output and error streams whose loss does not end a run."""

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:  # importing typing_extensions would take longer than the rest of --help
    from typing_extensions import Buffer

_GONE = (errno.EPIPE, errno.EBADF, errno.EIO)
"""The pipe has no reader, the descriptor is closed, or the terminal is gone."""


class _LastingFile(io.FileIO):
    """A file that discards writes once nobody can read them; any other write error is raised once.

    Once only, because the buffered writer keeps what it failed to write and retries at interpreter exit, where nothing
    can catch the error.
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
    """Let the process continue, and exit normally, when its output is closed or no longer read.

    Streams that have been replaced, e.g. by a notebook or a test, are left alone.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # otherwise the next opened file gets this descriptor, and receives the output
            os.open(os.devnull, os.O_RDWR)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream, original = getattr(sys, name), f"__{name}__"
        if stream is None or stream is getattr(sys, original):
            lasting = _lasting(stream, descriptor)
            setattr(sys, name, lasting)
            setattr(sys, original, lasting)


def _lasting(stream: TextIO | None, descriptor: int) -> TextIO:
    """Return a stream like ``stream`` that survives the loss of its reader."""
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
