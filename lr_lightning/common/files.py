"""Atomic writes of files and folders, formats of tables, and paths quoted for the shell."""

import os
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

UNFINISHED = ".unfinished"
"""Suffix of files that are still being written; their names start with a dot."""


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file under a temporary name in the same folder, flush it to disk and rename it.

    If the process is killed or the machine loses power, ``path`` has either its old content or the complete new one.

    Args:
        path: Final path; its folder is created if needed.
        write: Called with the open binary file.
    """
    with replaced_atomically(path) as unfinished, unfinished.open("wb") as file:
        write(file)


@contextmanager
def replaced_atomically(path: Path) -> Iterator[Path]:
    """Yield the path of an empty file in the folder of ``path`` that replaces it if the context ends without an error.

    Args:
        path: Final path; its folder is created if needed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
    os.close(descriptor)
    unfinished = Path(name)
    try:
        yield unfinished
        apply_umask(unfinished)
        flush_to_disk(unfinished)  # before the rename, which might otherwise reach the disk before the content
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # some file systems cannot flush a folder
        flush_to_disk(path.parent)


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Yield the path of an empty folder beside ``path`` that replaces it if the context ends without an error.

    A folder with files cannot be replaced in one step: for a moment, there is none. If the new one cannot take its
    place, the old one returns.

    Args:
        path: Final path; the folder that it is in is created if needed.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _unfinished_folder(path)
    try:
        yield unfinished
        apply_umask(unfinished)
        if not path.exists() or not any(path.iterdir()):
            unfinished.replace(path)
            return
        former = _unfinished_folder(path)
        path.replace(former)
        try:
            unfinished.rename(path)
        except BaseException:
            former.rename(path)
            raise
        shutil.rmtree(former)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _unfinished_folder(path: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED))


def apply_umask(path: Path) -> None:
    """Give a temporary file or folder, which is private, the permissions of a new one."""
    umask = os.umask(0)
    os.umask(umask)
    path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)


def remove_unfinished(folder: Path) -> None:
    """Remove unfinished files of killed processes from ``folder`` and its direct subfolders.

    Call it only if no other process writes there.
    """
    for path in [*folder.glob(f".*{UNFINISHED}"), *folder.glob(f"*/.*{UNFINISHED}")]:
        path.unlink(missing_ok=True)


def flush_to_disk(path: Path) -> None:
    """Flush the content of a file, or the entries of a folder, so that they survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_table_format(path: Path, formats: tuple[str, ...]) -> None:
    """Check that a table can be written to a file, before it is computed.

    Args:
        path: The file.
        formats: The suffixes with which tables can be written.

    Raises:
        ValueError: If the suffix is not one of them.
        ModuleNotFoundError: If it is ``.parquet`` and pyarrow is not installed.
    """
    if path.suffix not in formats:
        raise ValueError(f"a table can be written to {', '.join(formats)}, not to {path.name!r}")
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        others = " or ".join(suffix for suffix in formats if suffix != ".parquet")
        raise ModuleNotFoundError(
            f"a .parquet table needs pyarrow: pip install 'lr-lightning[parquet]', or write {others}"
        )


def shown_path(path: Path) -> Path:
    """Return a path for a message, as short as possible: relative to the working folder if it is inside."""
    here, whole = Path.cwd(), path.absolute()
    return whole.relative_to(here) if whole.is_relative_to(here) and whole != here else path


def quoted_path(path: Path) -> str:
    """Quote ``path`` for a POSIX shell.

    A path that starts with a dash, and would be read as an option, is made absolute.
    """
    return shlex.quote(str(path.absolute() if str(path).startswith("-") else path))
