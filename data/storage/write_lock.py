"""A lock that lets one process at a time write a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock


@contextmanager
def write_lock(path: Path, remedy: str) -> Iterator[Path]:
    """Create the folder of ``path`` and hold the lock ``.<name>.lock`` in it; it is released if the process is killed.

    Args:
        path: The file to write.
        remedy: How the user can fix an unwritable folder; ends the error message.

    Yields:
        The lock file. The caller may delete it once ``path`` exists and the lock is no longer needed.

    Raises:
        OSError: If the folder cannot be written to.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise OSError(f"{path} cannot be written ({error}); {remedy}") from error
    try:
        yield Path(lock.lock_file)
    finally:
        lock.release()
