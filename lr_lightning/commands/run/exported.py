"""Exported models: folders with weights and a config, and the one that is shipped with this package."""

from collections.abc import Mapping
from pathlib import Path

from lr_lightning.commands.run.folder import CHECKPOINTS, CONFIG
from lr_lightning.commands.run.weights_file import WEIGHTS, is_weights_file

PACKAGED: Mapping[str, Path] = {"demo": Path(__file__).parents[2] / "demo"}
"""Folders of the models of this package by name."""


def is_exported(folder: Path) -> bool:
    """Return whether a folder is an exported model: it has weights, and no checkpoints as a run has."""
    return (folder / WEIGHTS).is_file() and not (folder / CHECKPOINTS).is_dir()


def find_run(name: str | Path) -> Path:
    """Return the path of a run, a checkpoint or an exported model.

    A folder with a run takes precedence over the name of a packaged model, but only exactly as written: ``demo`` is the
    packaged model unless there is a run called ``demo`` in the working folder, and ``./demo`` is always a path.

    Args:
        name: A path, or the name of a model in :data:`PACKAGED`.

    Example:
        >>> find_run("demo").parent.name
        'lr_lightning'
    """
    path = Path(name)
    if str(name) in PACKAGED and not (path / CONFIG).is_file():
        return PACKAGED[str(name)]
    return path


def weights_file(name: str | Path) -> Path:
    """Return the file with weights: ``name`` itself, or that of an exported model given by its folder or name."""
    if Path(name).is_file():
        return Path(name)
    folder = find_run(name)
    return folder / WEIGHTS if is_exported(folder) else folder


def check_resumed(checkpoint: Path) -> None:
    """Raise ``ValueError`` if training is to resume from the weights of an exported model.

    Args:
        checkpoint: The checkpoint that training starts from.
    """
    if not is_weights_file(checkpoint):
        return
    own = checkpoint.with_name(CONFIG)
    config = own if own.is_file() else "CONFIG"
    raise ValueError(
        f"training cannot resume from {checkpoint}, which has weights but no optimizer state; start a new run from "
        f"these weights: lr-lightning fit --config {config} --initial_weights {checkpoint}"
    )
