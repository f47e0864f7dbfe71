"""Saves figures, pages, tables and raw arrays to the run folder and to the Trainer's loggers."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from torch import Tensor

from lr_lightning.common.files import write_atomically
from lr_lightning.loggers.run_wandb import RunWandbLogger
from lr_lightning.metrics.score_files import write_score_table
from lr_lightning.metrics.score_table import ScoreTable
from lr_lightning.training.logging_step import logging_step

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class RunFolderOwner:
    """Base class of a callback that makes the Trainer's ``default_root_dir`` the run folder, or has its own."""

    def place(self, trainer: Trainer, key: str) -> tuple[Path, str] | None:
        """Return the run folder of what is saved under ``key``, and its key there; ``None`` if it belongs elsewhere."""
        return Path(trainer.default_root_dir), key


def save_figure(trainer: Trainer, key: str, figure: "Figure") -> None:
    """Write ``figure`` to ``figures/`` as PNG and log it to W&B and TensorBoard under ``key``.

    Call it on rank 0, in a validation or test hook.

    Args:
        trainer: The file is saved in its :func:`media_folder`.
        key: Logged key, e.g. ``"assay/response_matrix/matrix"``.
        figure: The figure; not modified.
    """
    path = figure_path(trainer, key)
    if path is not None:
        write_atomically(path, lambda file: figure.savefig(file, format="png", dpi=120))
    step = logging_step(trainer)
    for logger in trainer.loggers:
        if isinstance(logger, RunWandbLogger) and path is not None:
            logger.log_figure(key, path, step)
        elif isinstance(logger, WandbLogger):
            import wandb

            image = wandb.Image(figure if path is None else str(path))
            logger.experiment.log({key: image, "trainer/global_step": step})
        elif isinstance(logger, TensorBoardLogger):
            logger.experiment.add_figure(key, figure, global_step=step)


def save_page(trainer: Trainer, key: str, page: str) -> None:
    """Write an HTML document to ``pages/`` and log it to W&B under ``key``.

    Args:
        trainer: The file is saved in its :func:`media_folder`.
        key: Logged key, e.g. ``"assay/explorer/page"``.
        page: The document.
    """
    path = page_path(trainer, key)
    if path is not None:
        content = page.encode()
        write_atomically(path, lambda file: file.write(content))
    step = logging_step(trainer)
    for logger in trainer.loggers:
        if isinstance(logger, RunWandbLogger) and path is not None:
            logger.log_page(key, path, step)
        elif isinstance(logger, WandbLogger):
            import wandb

            html = wandb.Html(page, inject=False, data_is_not_path=True)  # a style sheet of W&B would be injected
            logger.experiment.log({key: html, "trainer/global_step": step})


def save_table(trainer: Trainer, key: str, columns: list[str], rows: list[list[float | str]]) -> None:
    """Log a table to W&B under ``key``; files contain the same numbers as raw arrays."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            logger.log_table(key, columns=columns, data=rows, step=logging_step(trainer))


def save_arrays(trainer: Trainer, key: str, arrays: Mapping[str, Tensor]) -> None:
    """Write ``arrays`` to one ``.npz`` file in ``assays/``, readable with ``numpy.load(allow_pickle=False)``."""
    path = arrays_path(trainer, key)
    if path is not None:
        values = {name: array.detach().cpu().numpy() for name, array in arrays.items()}
        write_atomically(path, lambda file: np.savez_compressed(file, **values))  # type: ignore[arg-type]


def save_score_table(trainer: Trainer, key: str, table: ScoreTable) -> Path | None:
    """Write ``table`` to a JSON file in ``assays/``, a list of objects; return its path, ``None`` without a folder."""
    path = _path(trainer, "assays", key, ".json")
    if path is not None:
        write_score_table(path, table)
    return path


def media_folder(trainer: Trainer) -> Path | None:
    """Return the parent of ``figures/``, ``pages/`` and ``assays/``, ``None`` if there is none.

    It is the run folder, for runs from the command line; otherwise the folder of the first logger that has one, where
    Lightning also saves checkpoints; otherwise ``default_root_dir``, unless this is the working folder (its default).
    """
    root = Path(trainer.default_root_dir)
    if any(isinstance(callback, RunFolderOwner) for callback in trainer.callbacks):  # type: ignore[attr-defined]
        return root
    for logger in trainer.loggers:
        if isinstance(logger, RunWandbLogger):
            return logger.run_folder
        if isinstance(logger, CSVLogger | TensorBoardLogger):
            return Path(logger.log_dir)
        if logger.save_dir is not None:
            version = logger.version if isinstance(logger.version, str) else f"version_{logger.version}"
            return Path(logger.save_dir, str(logger.name), version)
    return None if root.absolute() == Path.cwd() else root


def figure_path(trainer: Trainer, key: str) -> Path | None:
    """Return the path to which :func:`save_figure` would now write ``key``, ``None`` without a folder."""
    return _path(trainer, "figures", key, ".png")


def page_path(trainer: Trainer, key: str) -> Path | None:
    """Return the path to which :func:`save_page` would now write ``key``, ``None`` without a folder."""
    return _path(trainer, "pages", key, ".html")


def arrays_path(trainer: Trainer, key: str) -> Path | None:
    """Return the path to which :func:`save_arrays` would now write ``key``, ``None`` without a folder."""
    return _path(trainer, "assays", key, ".npz")


def _path(trainer: Trainer, folder: str, key: str, suffix: str) -> Path | None:
    """Return ``folder/matrix-active-step000100.png`` for the key ``assay/matrix/active``; ``-test.png`` in a test.

    For the key of a seed, ``seed_3/assay/matrix/active``, it is ``folder/seed_3-matrix-active-step000100.png``.
    """
    root, key = _place(trainer, key)
    function = str(trainer.state.fn.value) if trainer.state.fn else "fit"
    moment = f"step{trainer.global_step:06d}" if function == "fit" else function
    name = re.sub(r"(^|/)assay/", r"\1", key, count=1).replace("/", "-")
    return None if root is None else root / folder / f"{name}-{moment}{suffix}"


def _place(trainer: Trainer, key: str) -> tuple[Path | None, str]:
    owners = (owner for owner in trainer.callbacks if isinstance(owner, RunFolderOwner))  # type: ignore[attr-defined]
    places = (owner.place(trainer, key) for owner in owners)
    return next((place for place in places if place is not None), (media_folder(trainer), key))
