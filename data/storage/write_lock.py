"""One process at a time where several would write the same file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock


@contextmanager
def write_lock(path: Path, remedy: str) -> Iterator[Path]:
    """Make the folder of ``path`` and hold the lock ``.<name>.lock`` in it, which a killed process gives back.

    Args:
        path: The file that is to be written.
        remedy: Ends the error message.

    Yields:
        The lock's file. It stays, unless it is removed when ``path`` is there and nobody needs the lock any more.

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
