"""Paths as words of commands that are printed for the user to copy."""

import shlex
from pathlib import Path


def quoted_path(path: Path) -> str:
    """Return ``path`` as a word of a command for a POSIX shell.

    Where it begins with a dash, which would be read as an option, it is made absolute.
    """
    return shlex.quote(str(path.absolute() if str(path).startswith("-") else path))
