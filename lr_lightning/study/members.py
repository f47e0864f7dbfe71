"""Trains the runs of a job together, where that gives the same runs as one after the other."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch

from lr_lightning.commands.config.option_words import option_words
from lr_lightning.commands.fit.members import Member, fit_members
from lr_lightning.commands.run.folder import RunFolder
from lr_lightning.commands.run.lease import FolderInUseError
from lr_lightning.runs.isolation import run_isolated
from lr_lightning.study.job import Job, Run
from lr_lightning.study.layout import CELL_CONFIG, cell_folder, note_step, run_folder
from lr_lightning.study.training import NO_BAR, check_same_training, run_values, step_to_continue_from
from lr_lightning.training.member_statistics import seed_name


def train_together(job: Job) -> dict[Run, str]:
    """Train the runs of a job together in this process, as far as possible.

    Runs are trained together from the same step, as those are that begin, or were trained together before. All others
    are left to the caller, which trains each alone with :func:`lr_lightning.fit`: a run that has ended, that is at
    another step (because a worker was killed while it saved the checkpoints of its runs, one after the other), that
    another process has, or that was trained with another config.

    Returns:
        Why runs diverged: the sentence with which each would have ended alone.

    Raises:
        UsageError: If a config cannot be trained, or they cannot be trained together.
        ValueError, OSError: As :func:`lr_lightning.fit`, whatever ends the training of all runs.
    """
    torch.set_num_threads(job.threads)
    folders = {run: run_folder(job.root, *run) for run in job.runs}
    folders = {run: folder for run, folder in folders.items() if _fits(folder, _config(job, run))}
    diverged: dict[Run, str] = {}
    for runs in _groups(folders):
        with ExitStack() as stack:
            held = {}
            for run in runs:
                try:
                    held[run] = RunFolder(folders[run])
                except FolderInUseError:
                    continue
                stack.callback(held[run].leave)
            # what was at the same step may not be any more, now that this process has the folders
            if len(held) > 1 and [list(held)] == list(_groups({run: folders[run] for run in held})):
                diverged |= _train(job, held)
    return diverged


def _train(job: Job, held: Mapping[Run, RunFolder]) -> dict[Run, str]:
    """Train runs together whose folders this process has; return why some diverged."""
    for run in held:
        note_step(held[run].path, step_to_continue_from(held[run].path) or 0)
    names = {f"{run.cell}_{seed_name(run.seed)}": run for run in held}
    members = {
        name: Member(
            (f"--config={_config(job, run)}", *option_words(NO_BAR)), run.seed, held[run], run_values(job, run)
        )
        for name, run in names.items()
    }
    return {names[name]: why for name, why in run_isolated(partial(fit_members, members)).items()}


def _config(job: Job, run: Run) -> Path:
    return cell_folder(job.root, run.cell) / CELL_CONFIG


def _fits(folder: Path, config: Path) -> bool:
    """Return whether a run is new or was trained with this config; alone, one that was not is refused."""
    try:
        check_same_training(folder, config)
    except ValueError:
        return False
    return True


def _groups(folders: Mapping[Run, Path]) -> Iterator[Sequence[Run]]:
    """Yield the runs that can be trained together: two or more that are at the same step and have not ended."""
    by_step: dict[int, list[Run]] = {}
    for run, folder in folders.items():
        if (step := step_to_continue_from(folder)) is not None:
            by_step.setdefault(step, []).append(run)
    return (runs for runs in by_step.values() if len(runs) > 1)
