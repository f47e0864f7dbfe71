"""Chooses the folder of a command and the checkpoint that it starts from."""

from pathlib import Path

from lr_lightning.commands.run.exported import check_resumed
from lr_lightning.commands.run.folder import (
    CHECKPOINTS,
    RunFolder,
    folder_of_checkpoint,
    is_run_of,
    new_run_folder,
    newest_run_folder,
    what_is_missing,
)
from lr_lightning.commands.run.lease import FolderInUseError
from lr_lightning.common.files import quoted_path


def choose_run(subcommand: str, root: Path, given: str | None, is_named: bool = False) -> tuple[RunFolder, Path | None]:
    """Return the folder of a run, locked by this process, and the checkpoint that it starts from.

    A checkpoint of a run with the configured name belongs to that run; with any other checkpoint, training starts a new
    folder. ``"last"`` is that of the newest of the runs that the configured folder and its numbered siblings have; but
    a folder that is named for this start alone is meant exactly, if it has such a checkpoint.

    Args:
        subcommand: ``"fit"``, ``"validate"``, ``"test"`` or ``"predict"``.
        root: The folder in the config.
        given: Path of a checkpoint; ``"last"`` or ``"best"`` for one of this run; ``None`` to train from scratch.
        is_named: Whether ``root`` was given on the command line, and not by a config.

    Raises:
        ValueError: If there is nothing to evaluate, or no state of training to resume from.
        FileNotFoundError: If there is no run to resume.
        FolderInUseError: If another process writes there.
        OSError: If the folder cannot be created or written to.
    """
    training = subcommand == "fit"
    if given is None:
        if not training:
            raise ValueError(what_is_missing(subcommand))
        return new_run_folder(root), None
    folder: Path | None
    if given in ("last", "best"):
        name = Path(CHECKPOINTS, f"{given}.ckpt")
        is_meant = not training or (is_named and (root / name).is_file())
        folder = root if is_meant else newest_run_folder(root)
        checkpoint = folder / name
    else:
        checkpoint = Path(given)
        if training:
            check_resumed(checkpoint)
        own = folder_of_checkpoint(checkpoint)
        known = own is not None and (is_run_of(root, own) or not training)
        folder = own if own is not None and known else None
    return new_run_folder(root) if folder is None else _held_folder(folder, training), checkpoint


def _held_folder(folder: Path, training: bool) -> RunFolder:
    """Return ``folder``, locked by this process.

    Raises:
        FolderInUseError: If another process writes there; the message suggests what to do in the meantime.
    """
    try:
        return RunFolder(folder)
    except FolderInUseError as error:
        meanwhile = f"lr-lightning assay {quoted_path(folder)} --out FOLDER works in the meantime"
        if training:
            meanwhile = "without --ckpt_path, a new run is started"
        raise FolderInUseError(f"{error}; wait until it has ended; {meanwhile}") from error
