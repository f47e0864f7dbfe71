"""Finds a study that has been started."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.definition import read_definition
from lr_lightning.study.layout import STUDIES, StudyFolder
from lr_lightning.study.manifest import Manifest, read_manifest


@dataclass(frozen=True)
class OpenedStudy:
    """A study on disk.

    Attributes:
        folder: Its folder.
        manifest: Its runs.
        change: A sentence if the file that was given no longer defines these runs; otherwise empty.
    """

    folder: StudyFolder
    manifest: Manifest
    change: str = ""


def open_study(study: str | Path, root: str | Path = STUDIES) -> OpenedStudy:
    """Return a study that has been started.

    Args:
        study: Its name, or the file that defines it.
        root: Folder of all studies.

    Raises:
        UsageError: If there is no such file, or no study of that name has been started.
        ValueError: If its manifest is damaged.
    """
    path, root = Path(study), Path(root)
    if path.is_file():
        definition = read_definition(path)
        folder = StudyFolder(root, definition.name)
        manifest = _manifest(folder, f"start it with: lr-lightning study run {path}")
        change = ""
        if definition.digest != manifest.definition:
            change = (
                f"{path} has changed since the study was started, and what follows is about its earlier version; "
                f"lr-lightning study run {path} starts what is new"
            )
        return OpenedStudy(folder, manifest, change)
    if path.suffix in (".yaml", ".yml"):
        raise UsageError(f"the study file {path} does not exist")
    folder = StudyFolder(root, str(study))
    return OpenedStudy(folder, _manifest(folder, _known(root, str(study))))


def _manifest(folder: StudyFolder, hint: str) -> Manifest:
    try:
        return read_manifest(folder.manifest)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"no study {folder.name!r} has been started in {folder.root}; {hint}") from error


def _known(root: Path, name: str) -> str:
    """Return a hint that names the studies in a folder."""
    known = sorted(path.parent.name for path in root.glob("*/manifest.json"))
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"there is {', '.join(known)}" if known else f"start it with: lr-lightning study run {name}"
