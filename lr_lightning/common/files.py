"""Files that are either complete or not there, and their paths as words of a command."""

import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

UNFINISHED = ".unfinished"
"""How the name of a file ends that is still being written; it begins with a dot."""


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file under a temporary name in the same folder, and rename it when it is complete and on the disk.

    Whenever the process is killed or the machine loses power, ``path`` holds its old content or the whole new one.

    Args:
        path: Final name; its folder is made if needed.
        write: Called with the open binary file.
    """
    with replaced_atomically(path) as unfinished, unfinished.open("wb") as file:
        write(file)


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Yield the name of an empty file beside ``path``, which takes its place when the context ends without an error.

    Args:
        path: Final name; its folder is made if needed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
    os.close(descriptor)
    unfinished = Path(name)
    try:
        yield unfinished
        umask = os.umask(0)
        os.umask(umask)
        unfinished.chmod(0o666 & ~umask)  # mkstemp makes private files
        flush_to_disk(unfinished)  # first: a rename may reach the disk before the content it names
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # some file systems cannot flush a folder
        flush_to_disk(path.parent)


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left of files that they were writing in ``folder`` and the folders in it.

    Call it only where no other process writes there.
    """
    for path in [*folder.glob(f".*{UNFINISHED}"), *folder.glob(f"*/.*{UNFINISHED}")]:
        path.unlink(missing_ok=True)


def flush_to_disk(path: Path) -> None:
    """Return when what was written to the file ``path``, or what names a folder holds, survives a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def quoted_path(path: Path) -> str:
    """Return ``path`` as a word of a command for a POSIX shell.

    Where it begins with a dash, which would be read as an option, it is made absolute.
    """
    return shlex.quote(str(path.absolute() if str(path).startswith("-") else path))
