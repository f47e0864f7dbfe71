"""Which folder a run lives in, and where its config and checkpoints lie."""

import re
from pathlib import Path
from typing import Any

import yaml

CONFIG = "config.yaml"
CHECKPOINTS = "checkpoints"


def new_run_folder(root: Path) -> Path:
    """Return ``root``, or if that holds a run the first of ``root-1``, ``root-2``, ... that does not.

    Raises:
        OSError: If the folder cannot be made or written to.
    """
    folder, number = root, 0
    while (folder / CONFIG).exists():
        number += 1
        folder = root.with_name(f"{root.name}-{number}")
    check_writable(folder)
    return folder


def newest_run_folder(root: Path) -> Path:
    """Return that of ``root``, ``root-1``, ... whose ``checkpoints/last.ckpt`` is the newest.

    Raises:
        FileNotFoundError: If none has one.
    """
    pattern = re.compile(re.escape(root.name) + r"(-\d+)?")
    folders = [folder for folder in root.parent.glob(f"{root.name}*") if pattern.fullmatch(folder.name)]
    last = {folder: folder / CHECKPOINTS / "last.ckpt" for folder in folders}
    present = {folder: path.stat().st_mtime for folder, path in last.items() if path.is_file()}
    if not present:
        raise FileNotFoundError(
            f"no run to resume: {root / CHECKPOINTS / 'last.ckpt'} does not exist; leave out --ckpt_path"
        )
    return max(present, key=lambda folder: present[folder])


def folder_of_checkpoint(checkpoint: Path) -> Path | None:
    """Return the run folder that ``checkpoint`` lies in, ``None`` if it lies outside of one."""
    folder = checkpoint.resolve().parent.parent
    return folder if checkpoint.parent.name == CHECKPOINTS and (folder / CONFIG).is_file() else None


def check_writable(folder: Path) -> None:
    """Make ``folder`` and raise ``OSError`` with a clear sentence if files cannot be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".write_test"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OSError(
            f"cannot write to the run folder {folder} ({error.strerror}); "
            "choose another with --trainer.default_root_dir"
        ) from error


def saved_config(folder: Path) -> dict[str, Any]:
    """Return the resolved config of a run, empty if the folder holds none."""
    path = folder / CONFIG
    return (yaml.safe_load(path.read_text()) or {}) if path.is_file() else {}


def expand_run_argument(arguments: list[str]) -> list[str]:
    """Let ``test RUN`` stand for ``test --config RUN/config.yaml --ckpt_path RUN/checkpoints/best.ckpt``.

    ``RUN`` may also be a checkpoint inside a run folder. Other arguments are returned as they are.

    Raises:
        FileNotFoundError: If the config or the checkpoint does not exist.
    """
    if len(arguments) < 2 or arguments[1].startswith("-"):
        return arguments
    command, target, rest = arguments[0], Path(arguments[1]), arguments[2:]
    folder, checkpoint = (target.parent.parent, target) if target.is_file() else (target, best_checkpoint(target))
    for path in (folder / CONFIG, checkpoint):
        if not path.is_file():
            raise FileNotFoundError(f"{target} is not a run folder or a checkpoint in one: there is no {path}")
    return [command, f"--config={folder / CONFIG}", f"--ckpt_path={checkpoint}", *rest]


def best_checkpoint(folder: Path) -> Path:
    """Return the path of the best checkpoint of a run."""
    return folder / CHECKPOINTS / "best.ckpt"
