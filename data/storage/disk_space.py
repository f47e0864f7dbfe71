"""Detect a full disk before or while a large file is written."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def require_disk_space(what: str, num_bytes: int | None, folder: Path, remedy: str) -> Iterator[None]:
    """Check for free disk space before the block, and raise the same error if the disk fills up within it.

    Args:
        what: What is written, for the message.
        num_bytes: Bytes that it takes; ``None`` if that is not known.
        folder: Where it is written.
        remedy: Ends the error message.

    Raises:
        OSError: If the disk or the user's share of it is full; the message has the bytes that are needed.
    """
    try:
        free = shutil.disk_usage(folder).free
        if num_bytes is not None and free < num_bytes:
            raise OSError(errno.ENOSPC, f"{free:,} are free")
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        size = "an unknown number of" if num_bytes is None else f"{num_bytes:,}"
        raise OSError(f"there is no room for {what}, which takes {size} bytes ({error.strerror}); {remedy}") from error
