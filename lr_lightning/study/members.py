"""Trains the seeds of a job together, where that gives the same runs as one after the other."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch

from lr_lightning.callbacks.run.run_record import RESULTS
from lr_lightning.commands.config.option_words import option_words
from lr_lightning.commands.fit.members import LAST, Member, fit_members
from lr_lightning.commands.run.checkpoints import read_checkpoint
from lr_lightning.commands.run.folder import CONFIG, RunFolder
from lr_lightning.commands.run.lease import FolderInUseError
from lr_lightning.runs.isolation import run_isolated
from lr_lightning.study.job import Job
from lr_lightning.study.layout import CELL_CONFIG, cell_folder, run_folder
from lr_lightning.study.training import NO_BAR, check_same_training, run_values
from lr_lightning.training.member_statistics import seed_name


def train_together(job: Job) -> dict[int, str]:
    """Train the seeds of a job together, as far as possible; see :func:`train_members`.

    Returns:
        Why seeds diverged, by seed.

    Raises:
        Exception: Whatever ends the training of all seeds.
    """
    torch.set_num_threads(job.threads)
    config = cell_folder(job.root, job.cell) / CELL_CONFIG
    folders = {seed: run_folder(job.root, job.cell, seed) for seed in job.seeds}
    fitting = {seed: folder for seed, folder in folders.items() if _fits(folder, config)}
    return train_members(config, fitting, {seed: run_values(job, seed) for seed in fitting}, NO_BAR)


def _fits(folder: Path, config: Path) -> bool:
    """Return whether a run is new or was trained with this config; alone, one that was not is refused."""
    try:
        check_same_training(folder, config)
    except ValueError:
        return False
    return True


def train_members(
    config: Path,
    folders: Mapping[int, Path],
    values: Mapping[int, Mapping[str, Any]] | None = None,
    common: Mapping[str, Any] | None = None,
) -> dict[int, str]:
    """Train the runs of several seeds of one config in this process, together where possible.

    Seeds are trained together from the same step, as those are that begin, or were trained together before. All others
    are left to the caller, which trains each alone with
    :func:`lr_lightning.fit`: a seed that has ended, that is at another step (because a worker was killed while it saved
    the checkpoints of its seeds, one after the other), or that another process has.

    Args:
        config: The complete config of a run of any of the seeds.
        folders: The run folder of each seed.
        values: Values of the config that differ between seeds, by seed and key.
        common: Values of the config that all have, by key.

    Returns:
        Why seeds diverged, by seed: the sentence with which each would have ended alone.

    Raises:
        UsageError: If the config cannot be trained, or cannot train several seeds together.
        ValueError, OSError: As :func:`lr_lightning.fit`, whatever ends the training of all seeds.
    """
    diverged: dict[int, str] = {}
    for seeds in _groups(folders):
        with ExitStack() as stack:
            held = {}
            for seed in seeds:
                try:
                    held[seed] = RunFolder(folders[seed])
                except FolderInUseError:
                    continue
                stack.callback(held[seed].leave)
            # what was at the same step may not be any more, now that this process has the folders
            if len(held) > 1 and [list(held)] == list(_groups({seed: folders[seed] for seed in held})):
                words = (f"--config={config}", *option_words(common or {}))
                names = {seed_name(seed): seed for seed in held}
                own = {name: Member(words, s, held[s], (values or {}).get(s, {})) for name, s in names.items()}
                diverged |= {names[name]: why for name, why in run_isolated(partial(fit_members, own)).items()}
    return diverged


def _groups(folders: Mapping[int, Path]) -> Iterator[Sequence[int]]:
    """Yield the seeds that can be trained together: two or more that are at the same step and have not ended."""
    by_step: dict[int, list[int]] = {}
    for seed, folder in folders.items():
        if (step := _step(folder)) is not None:
            by_step.setdefault(step, []).append(seed)
    return (seeds for seeds in by_step.values() if len(seeds) > 1)


def _step(folder: Path) -> int | None:
    """Return the step from which a run continues; ``None`` if it has ended."""
    if not (folder / LAST).is_file() or not (folder / CONFIG).is_file():
        return 0
    step: int = read_checkpoint(folder / LAST)["global_step"]
    results = folder / RESULTS
    ended = results.is_file() and json.loads(results.read_text()).get("fit", {}).get("step") == step
    return None if ended else step
