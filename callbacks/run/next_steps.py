"""The last lines of a run's output: paths of its files, and commands that use them."""

from pathlib import Path

from pytorch_lightning import Trainer

from lr_lightning.common.files import quoted_path
from lr_lightning.loggers import RunWandbLogger


def next_steps(trainer: Trainer, stage: str) -> list[str]:
    """Return lines about the files of a run and the next steps, with commands for a POSIX shell.

    Args:
        trainer: The Trainer at the end of its run; its ``default_root_dir`` is the run folder.
        stage: ``"fit"``, ``"validate"`` or ``"test"``.
    """
    folder = Path(trainer.default_root_dir)
    lines = [f"Files: {folder.resolve()}", *_wandb_lines(trainer)]
    return [*lines, *_lines_after_training(trainer, folder)] if stage == "fit" else lines


def _wandb_lines(trainer: Trainer) -> list[str]:
    outcomes = [logger.outcome for logger in trainer.loggers if isinstance(logger, RunWandbLogger)]
    return [f"W&B:   {outcome}" for outcome in outcomes if outcome is not None]


def _lines_after_training(trainer: Trainer, folder: Path) -> list[str]:
    """Return notes about missing validations or checkpoints, and the command for an evaluation."""
    best, last = (folder / "checkpoints" / f"{name}.ckpt" for name in ("best", "last"))
    lines = []
    if not any(key.startswith("val/") for key in trainer.callback_metrics):
        lines.append("Note:  no validation ran, so there is no score and no best checkpoint")
    if best.is_file():
        lines.append(f"Next:  lr-lightning test {quoted_path(folder)}")
    elif last.is_file():
        lines.append(f"Next:  lr-lightning test {quoted_path(last)}")
    else:
        lines.append("Note:  no checkpoint was saved, so this model can be neither evaluated nor trained further")
    return lines
