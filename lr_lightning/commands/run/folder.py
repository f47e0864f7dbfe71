"""Which folder a run lives in, and where its config and checkpoints lie."""

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
RUN_ID = "wandb_run_id"
_ABANDONED_AFTER = 10 * STALE_AFTER
_FOLDER_VARIABLE = "LR_LIGHTNING_RUN_FOLDER"


class RunFolder:
    """A run folder that this process holds until :meth:`leave`.

    Attributes:
        path: The folder.
        lease: What keeps other processes out; ``None`` in the further processes of a distributed run.
        is_begun: Whether there is something worth keeping in it, set by whoever begins to train or evaluate.

    Args:
        path: The folder; it is made if needed.
        wait: Whether to watch a holder on another machine for a while, or to take it for alive.

    Raises:
        FolderInUseError: If another process holds it.
        OSError: If it cannot be made or written to.
    """

    def __init__(self, path: Path, wait: bool = True) -> None:
        self.path = path
        self.lease: Lease | None = None
        self.is_begun = False
        self._made = [folder for folder in (path, *path.parents) if not folder.exists()]
        if _is_first_process():
            check_writable(path)
            self.lease = acquire(path, wait)

    def leave(self) -> None:
        """Let others in. A folder that was made for a run which never began goes away again."""
        if self.lease is None:
            return
        is_removed = not self.is_begun and self.path in self._made
        if is_removed:
            shutil.rmtree(self.path, ignore_errors=True)  # while others are still kept out
        self.lease.release()
        self.lease = None
        with suppress(OSError):  # somebody has put something there
            for parent in self._made[1:] if is_removed else ():
                parent.rmdir()


def new_run_folder(root: Path) -> RunFolder:
    """Return ``root``, or if that holds a run or is in use the first of ``root-1``, ``root-2``, ... that does not.

    Runs that start at the same time get different folders. The other processes of a distributed run return the folder
    that their first one has taken; they write nothing there.

    Raises:
        OSError: If the folder cannot be made or written to.
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
    """Return ``path`` unless it holds a run or is in use."""
    if (path / CONFIG).exists():
        return None
    # One that a killed run has left on another machine is worth a wait; those who start now are not
    wait = path.is_dir() and lease_age(path) > _ABANDONED_AFTER
    try:
        folder = RunFolder(path, wait)
    except FolderInUseError:
        return None
    if (path / CONFIG).exists():  # of a run that has just ended
        folder.leave()
        return None
    return folder


def _is_first_process() -> bool:
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "RANK", "SLURM_PROCID"))


def newest_run_folder(root: Path) -> Path:
    """Return that of ``root``, ``root-1``, ... whose ``checkpoints/last.ckpt`` is the newest.

    Raises:
        FileNotFoundError: If none has one.
    """
    folders = [folder for folder in root.parent.glob("*") if is_run_of(root, folder)]
    last = {folder: folder / CHECKPOINTS / "last.ckpt" for folder in folders}
    present = {folder: path.stat().st_mtime for folder, path in last.items() if path.is_file()}
    if not present:
        raise FileNotFoundError(
            f"no run to resume: {root / CHECKPOINTS / 'last.ckpt'} does not exist; leave out --ckpt_path"
        )
    return max(present, key=lambda folder: present[folder])


def folder_of_checkpoint(checkpoint: Path) -> Path | None:
    """Return the run folder that ``checkpoint`` lies in, ``None`` if it lies outside of one."""
    checkpoints = checkpoint.resolve().parent
    folder = checkpoints.parent
    return folder if checkpoints.name == CHECKPOINTS and (folder / CONFIG).is_file() else None


def check_writable(folder: Path, what: str = "run folder", option: str = "--trainer.default_root_dir") -> None:
    """Make ``folder`` and raise ``OSError`` with a clear sentence if files cannot be written there.

    Args:
        folder: The folder.
        what: What it is.
        option: How another can be chosen.
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

    It is no part of the config, so that a repeated config is a run of its own.

    Args:
        folder: The run folder.
        chosen: An id to use instead; later starts of a run that has none yet use it too.
    """
    path = folder / RUN_ID
    if not path.is_file():
        name = chosen or secrets.token_hex(4)
        write_atomically(path, lambda file: file.write(name.encode()))
    return chosen or path.read_text()


def what_is_missing(command: str) -> str:
    """Return the sentence for a ``command`` that was not told what to work on."""
    return f"say what to {command}: lr-lightning {command} {'--config CONFIG' if command == 'fit' else 'RUN_FOLDER'}"


def expand_run_argument(arguments: list[str]) -> list[str]:
    """Let ``test RUN`` stand for ``test --config RUN/config.yaml --ckpt_path RUN/checkpoints/best.ckpt``.

    ``RUN`` may also be a checkpoint inside a run folder. ``fit RUN`` resumes ``last.ckpt`` where ``RUN`` lies now, even
    if it was begun elsewhere, unless another ``--trainer.default_root_dir`` follows. Other arguments are returned as
    they are.

    Raises:
        FileNotFoundError: If the config or the checkpoint does not exist.
        ValueError: If nothing follows the command.
    """
    if len(arguments) == 1:
        raise ValueError(what_is_missing(arguments[0]))
    if arguments[1].startswith("-"):
        return arguments
    command, target, rest = arguments[0], Path(arguments[1]), arguments[2:]
    folder, checkpoint = target, target / CHECKPOINTS / ("last.ckpt" if command == "fit" else "best.ckpt")
    if target.is_file():
        folder, checkpoint = target.parent.parent, target
    for path in (folder / CONFIG, checkpoint):
        if not path.is_file():
            raise FileNotFoundError(f"{target} is not a run folder or a checkpoint in one: there is no {path}")
    place = [f"--trainer.default_root_dir={folder.resolve()}"] if command == "fit" else []
    return [command, f"--config={folder / CONFIG}", f"--ckpt_path={checkpoint}", *place, *rest]
