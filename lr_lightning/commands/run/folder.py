"""The folder of a run, and the paths of its config and checkpoints."""

import os
import re
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from lr_lightning.commands.run.lease import STALE_AFTER, FolderInUseError, Lease, acquire
from lr_lightning.commands.run.lease import age as lease_age
from lr_lightning.common.files import write_atomically

CONFIG = "config.yaml"
CHECKPOINTS = "checkpoints"
LAST = Path(CHECKPOINTS, "last.ckpt")
RUN_ID = "wandb_run_id"
_ABANDONED_AFTER = 10 * STALE_AFTER
_FOLDER_VARIABLE = "LR_LIGHTNING_RUN_FOLDER"


class RunFolder:
    """A run folder that is locked by this process until :meth:`leave`.

    Attributes:
        path: The folder.
        lease: The lock; ``None`` on ranks above 0 of a distributed run.
        is_begun: Whether the folder has content worth keeping; set when training or evaluation begins.

    Args:
        path: The folder; created if needed.
        wait: Whether to wait for a sign of life of a holder on another machine; otherwise it is assumed to be alive.

    Raises:
        FolderInUseError: If another process holds it.
        OSError: If it cannot be created or written to.
    """

    def __init__(self, path: Path, wait: bool = True) -> None:
        self.path = path
        self.lease: Lease | None = None
        self.is_begun = False
        self._made = [folder for folder in (path, *path.parents) if not folder.exists()]
        while self.lease is None and _is_first_process():
            check_writable(path)
            with suppress(FileNotFoundError):  # another process has just removed the folder of a run that never began
                self.lease = acquire(path, wait)

    def leave(self) -> None:
        """Release the folder. A new folder whose run never began is removed."""
        if self.lease is None:
            return
        is_removed = not self.is_begun and self.path in self._made
        if is_removed:
            shutil.rmtree(self.path, ignore_errors=True)  # before the lease is released
        self.lease.release()
        self.lease = None
        with suppress(OSError):  # no longer empty
            for parent in self._made[1:] if is_removed else ():
                parent.rmdir()


def new_run_folder(root: Path) -> RunFolder:
    """Return ``root``, or, if it has a run or is in use, the first free one of ``root-1``, ``root-2``, ...

    Runs that start at the same time get different folders. Ranks above 0 of a distributed run return the folder chosen
    by rank 0; they write nothing there.

    Raises:
        OSError: If the folder cannot be created or written to.
    """
    if not _is_first_process():
        return RunFolder(Path(os.environ.get(_FOLDER_VARIABLE, root)))
    path, number = root, 0
    while (folder := _take(path)) is None:
        number += 1
        path = root.with_name(f"{root.name}-{number}")
    os.environ[_FOLDER_VARIABLE] = str(path)
    return folder


def _take(path: Path) -> RunFolder | None:
    """Return ``path`` unless it has a run or is in use."""
    if (path / CONFIG).exists():
        return None
    # wait for an old lease, which a killed run on another machine may have left, but not for runs that start now
    wait = path.is_dir() and lease_age(path) > _ABANDONED_AFTER
    try:
        folder = RunFolder(path, wait)
    except FolderInUseError:
        return None
    if (path / CONFIG).exists():  # a run has just ended
        folder.leave()
        return None
    return folder


def _is_first_process() -> bool:
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "RANK", "SLURM_PROCID"))


def earlier_runs(root: Path, folder: Path) -> list[Path]:
    """Return ``root``, ``root-1``, ... before ``folder``, the one of them that :func:`new_run_folder` has chosen."""
    earlier, path = list[Path](), root
    while path != folder:
        earlier.append(path)
        path = root.with_name(f"{root.name}-{len(earlier)}")
    return earlier


def runs_of(root: Path) -> list[Path]:
    """Return those of ``root``, ``root-1``, ... with a ``checkpoints/last.ckpt``, the newest last."""
    folders = [folder for folder in root.parent.glob("*") if is_run_of(root, folder)]
    present = {folder: (folder / LAST).stat().st_mtime for folder in folders if (folder / LAST).is_file()}
    return sorted(present, key=lambda folder: present[folder])


def newest_run_folder(root: Path) -> Path:
    """Return the one of ``root``, ``root-1``, ... with the newest ``checkpoints/last.ckpt``.

    Raises:
        FileNotFoundError: If none has one.
    """
    runs = runs_of(root)
    if not runs:
        raise FileNotFoundError(f"no run to resume: {root / LAST} does not exist; omit --ckpt_path")
    return runs[-1]


def folder_of_checkpoint(checkpoint: Path) -> Path | None:
    """Return the run folder of ``checkpoint``, ``None`` if it is not in one."""
    checkpoints = checkpoint.resolve().parent
    folder = checkpoints.parent
    return folder if checkpoints.name == CHECKPOINTS and (folder / CONFIG).is_file() else None


def check_writable(folder: Path, what: str = "run folder", option: str = "--trainer.default_root_dir") -> None:
    """Create ``folder``; raise ``OSError`` if files cannot be written there.

    Args:
        folder: The folder.
        what: Its description in the message.
        option: The option that selects another folder, for the message.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(
            f"cannot write to the {what} {folder} ({error.strerror}); choose another with {option}"
        ) from error


def is_run_of(root: Path, folder: Path) -> bool:
    """Return whether ``folder`` is ``root`` or one of ``root-1``, ``root-2``, ..."""
    same_place = folder.resolve().parent == root.resolve().parent
    return same_place and re.fullmatch(re.escape(root.name) + r"(-\d+)?", folder.name) is not None


def wandb_run_id(folder: Path, chosen: str | None = None) -> str:
    """Return the W&B id of the run in ``folder``, a new one if it has none yet.

    It is not part of the config, so a repeated config is a separate run.

    Args:
        folder: The run folder.
        chosen: An id to use instead; if the run has none yet, later starts use it too.
    """
    path = folder / RUN_ID
    if not path.is_file():
        name = chosen or secrets.token_hex(4)
        write_atomically(path, lambda file: file.write(name.encode()))
    return chosen or path.read_text()


def what_is_missing(command: str) -> str:
    """Return the error for a ``command`` without arguments."""
    return f"missing argument: lr-lightning {command} {'--config CONFIG' if command == 'fit' else 'RUN_FOLDER'}"
