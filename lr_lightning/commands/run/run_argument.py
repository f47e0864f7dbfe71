"""The run on a command line: ``lr-lightning test RUN``."""

from collections.abc import Sequence
from pathlib import Path

from lr_lightning.commands.run.exported import find_run, is_exported
from lr_lightning.commands.run.folder import CHECKPOINTS, CONFIG, LAST, what_is_missing
from lr_lightning.commands.run.lease import LEASE
from lr_lightning.commands.run.weights_file import WEIGHTS, is_weights_file
from lr_lightning.common.files import quoted_path, shown_path

_FOLDER = "--trainer.default_root_dir"


def names_folder(arguments: Sequence[str]) -> bool:
    """Return whether a command line names the run folder, which otherwise comes from a config."""
    return any(word.partition("=")[0] == _FOLDER for word in arguments)


def expand_run_argument(arguments: list[str]) -> list[str]:
    """Expand ``test RUN`` to ``test --config RUN/config.yaml --ckpt_path RUN/checkpoints/best.ckpt``.

    ``RUN`` may also be a checkpoint inside a run folder, an exported folder or its weights, or the name of a packaged
    model. ``fit RUN`` resumes ``last.ckpt`` in ``RUN``, even if the run has been moved, unless another
    ``--trainer.default_root_dir`` follows. Other arguments are returned unchanged.

    Raises:
        FileNotFoundError: If the config or the checkpoint does not exist.
        ValueError: If nothing follows the command.
    """
    if len(arguments) == 1:
        raise ValueError(what_is_missing(arguments[0]))
    if arguments[1].startswith("-"):
        return arguments
    command, target, rest = arguments[0], find_run(arguments[1]), arguments[2:]
    folder, checkpoint = folder_and_checkpoint(target, "last" if command == "fit" else "best")
    place = [f"{_FOLDER}={folder.resolve()}"] if command == "fit" else []
    return [command, f"--config={folder / CONFIG}", f"--ckpt_path={checkpoint}", *place, *rest]


def folder_and_checkpoint(target: Path, name: str) -> tuple[Path, Path]:
    """Return the folder of a run or of an exported model, and a file with its weights.

    Args:
        target: The folder, or a file with weights in it.
        name: Name of the checkpoint if the folder has several, without ``.ckpt``.

    Raises:
        FileNotFoundError: If there is no config or no such file.
    """
    if target.is_file():
        folder, checkpoint = target.parent if is_weights_file(target) else target.parent.parent, target
    else:
        folder, checkpoint = target, target / (WEIGHTS if is_exported(target) else f"{CHECKPOINTS}/{name}.ckpt")
    for path in (folder / CONFIG, checkpoint):
        if not path.is_file():
            last = folder / LAST
            if (folder / CONFIG).is_file() and last.is_file():
                raise FileNotFoundError(f"{target} has no {path.name} yet; give {last}")
            if (folder / CONFIG).is_file() and (folder / LEASE).exists():  # fit has begun here
                again = f"lr-lightning fit --config {quoted_path(shown_path(folder / CONFIG))}"
                raise FileNotFoundError(
                    f"{target} has no checkpoint, because training was stopped before it saved one, or has just begun; "
                    f"to train it again: {again}"
                )
            raise FileNotFoundError(
                f"{target} is not a run folder, an exported model or a checkpoint in one: {path} does not exist"
            )
    return folder, checkpoint
