"""What to do with a run instead of ``lr-lightning score``, which takes a file of codes."""

from pathlib import Path

from lr_lightning.commands.messages import UsageError
from lr_lightning.commands.run.folder import CHECKPOINTS, CONFIG
from lr_lightning.common.files import quoted_path

CODES = "codes.npz"
"""File that ``lr-lightning predict`` writes to a run folder."""


def refuse_run(path: Path) -> None:
    """Raise ``UsageError`` if a path is that of a run, a checkpoint or an exported model.

    The message has the commands that score it: those that exist for what it is.
    """
    if path.suffix == ".npz":
        return
    named = quoted_path(path)
    assay = f"lr-lightning assay {named} --out report"
    if (path / CHECKPOINTS).is_dir():
        codes = path / CODES
        predicted = "" if codes.is_file() else f"lr-lightning predict {named}, then "
        raise UsageError(
            f"{path} is a run folder, and score takes a file of codes; score the run with: lr-lightning test {named}, "
            f"or {assay}; or its codes: {predicted}lr-lightning score {quoted_path(codes)}"
        )
    if path.is_file() and (path.parent / CONFIG).is_file() | (path.parent.parent / CONFIG).is_file():
        raise UsageError(f"{path} belongs to a run, and score takes a file of codes; score the run with: {assay}")
    if (path / CONFIG).is_file() or _is_packaged(path):
        raise UsageError(f"{path} is a model, and score takes a file of codes; score the model with: {assay}")


def _is_packaged(path: Path) -> bool:
    if path.exists():
        return False
    from lr_lightning.commands.run.exported import PACKAGED  # imports torch, which a run folder need not wait for

    return str(path) in PACKAGED
