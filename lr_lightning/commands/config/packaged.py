"""Finds configs by name: a file, or one that is shipped with this package."""

import re
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path

from lr_lightning.commands.messages import UsageError
from lr_lightning.configs import CONFIG_FOLDER

SUFFIX = ".yaml"


def find_config(name: str | Path, beside: Path | None = None) -> Path:
    """Return the path of a training config.

    A file takes precedence over a packaged config. Only the exact path counts as a file: ``quickstart`` is the packaged
    config even if there is a ``quickstart.yaml`` in the folder, and ``quickstart.yaml`` is always that file.

    Args:
        name: Path of a file, or a name listed by ``lr-lightning configs``.
        beside: Folder that relative paths start from; the working folder by default.

    Raises:
        UsageError: If there is neither; the message suggests similar names.

    Example:
        >>> find_config("quickstart").name
        'quickstart.yaml'
    """
    return find_packaged(name, CONFIG_FOLDER, "config", "lr-lightning configs", beside)


def find_packaged(name: str | Path, folder: Path, kind: str, command: str, beside: Path | None = None) -> Path:
    """Return the path of a YAML file, given by its path or by the name of a file of this package.

    Args:
        name: Path of a file, or the name of a file in ``folder`` without its suffix.
        folder: Folder of the packaged files.
        kind: What the files are, for the message.
        command: The command that lists them, for the message.
        beside: Folder that relative paths start from; the working folder by default.

    Raises:
        UsageError: If there is neither; the message suggests similar names.
    """
    path = (beside or Path()) / Path(name).expanduser()
    if path.is_file():
        return path
    names = packaged_names(folder)
    if str(name) in names:
        return folder / f"{name}{SUFFIX}"
    close = get_close_matches(Path(name).stem, names, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"{command} lists the packaged ones"
    raise UsageError(f"there is no {kind} {str(name)!r}, neither a file nor a packaged {kind}; {hint}")


def packaged_names(folder: Path = CONFIG_FOLDER) -> list[str]:
    """Return the names of the YAML files in a folder of this package, without those of its subfolders."""
    return sorted(path.stem for path in folder.glob(f"*{SUFFIX}"))


def description(path: Path) -> str:
    """Return what a YAML file says about itself on top, on one line: its first comment, up to a command or a blank."""
    lines = takewhile(re.compile(r"# ?\S").match, path.read_text(encoding="utf-8").splitlines())
    return " ".join(line.removeprefix("#").strip() for line in lines)
