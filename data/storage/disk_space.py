"""Detect a full disk before or while a large file is written."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def require_disk_space(what: str, num_bytes: int | None, folder: Path, remedy: str) -> Iterator[None]:
    """Check for free disk space on entry, and raise the same error if the disk fills up inside the block.

    Args:
        what: Name of the file in the message.
        num_bytes: Size of the file; ``None`` if unknown.
        folder: Folder of the file.
        remedy: How the user can fix it; ends the error message.

    Raises:
        OSError: If the disk or the user's quota is full; the message states the bytes needed.
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
        raise OSError(f"no disk space for {what}, which takes {size} bytes ({error.strerror}); {remedy}") from error
