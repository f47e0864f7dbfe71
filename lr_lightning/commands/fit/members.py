"""Trains several seeds of a config together; each leaves the run folder that it would leave alone."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import torch
from jsonargparse import Namespace
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.loggers import Logger
from typing_extensions import override

from lr_lightning.callbacks.run.member_checkpoint import MemberCheckpoint, ensemble_checkpoint
from lr_lightning.callbacks.run.member_record import MemberRecord
from lr_lightning.commands.config.reading import read_yaml
from lr_lightning.commands.config.resume_check import check_unchanged, recorded_config, with_defaults
from lr_lightning.commands.fit.training import RunCLI, prepare
from lr_lightning.commands.run.checkpoints import read_checkpoint
from lr_lightning.commands.run.folder import CHECKPOINTS, CONFIG, RunFolder
from lr_lightning.commands.run.folder_guard import FolderGuard
from lr_lightning.common.files import remove_unfinished, write_atomically
from lr_lightning.loggers.member_csv import MemberCSVLogger
from lr_lightning.models import SeedEnsemble

LAST = Path(CHECKPOINTS, "last.ckpt")


def fit_members(
    arguments: Sequence[str],
    folders: Mapping[int, RunFolder],
    values: Mapping[int, Mapping[str, Any]] | None = None,
) -> dict[int, str]:
    """Train seeds of one config together, or continue them, until the config ends training.

    Each seed leaves the files in its folder that ``lr-lightning fit`` would leave, at each moment: its config,
    checkpoints from which it can be resumed alone, ``metrics.csv``, ``results.json``, figures and arrays. On a CPU they
    are equal to those of a run alone, apart from times; on a GPU, weights differ by round-off.

    Args:
        arguments: Words after ``lr-lightning fit`` for a run of any of the seeds, without its seed, its folder and a
            checkpoint.
        folders: The folder of each seed, locked by this process. All are empty, or have their last checkpoint at the
            same step; training then continues from there.
        values: Values of the config that differ between seeds, by seed and key: ``{3: {"wandb.name": "three"}}``.

    Returns:
        Why seeds ended early, with a loss that is not finite, by seed; empty if all were trained to the end.

    Raises:
        UsageError: If the arguments or the config are wrong, or the config cannot train seeds together.
        ValueError, OSError: As ``lr-lightning fit``.
    """
    with _common_checkpoint(folders) as checkpoint:
        words = ["fit", *arguments, f"--seeds={list(folders)}"]
        words += [] if checkpoint is None else [f"--ckpt_path={checkpoint}"]
        command_line = prepare(words, partial(MembersCLI, folders=folders, values=values or {}))
        command_line.convert_data()
        ensemble: SeedEnsemble = command_line.model
        try:
            command_line.start()
        except FloatingPointError:
            if len(ensemble.diverged) < len(folders):
                raise
        return dict(ensemble.diverged)


@contextmanager
def _common_checkpoint(folders: Mapping[int, RunFolder]) -> Iterator[Path | None]:
    """Yield the path of a temporary checkpoint that joins the last ones of all seeds; ``None`` if there are none."""
    paths = {seed: folder.path / LAST for seed, folder in folders.items()}
    if not any(path.is_file() and (path.parents[1] / CONFIG).is_file() for path in paths.values()):
        yield None
        return
    checkpoints = {seed: read_checkpoint(path) for seed, path in paths.items()}
    with tempfile.TemporaryDirectory() as temporary:
        together = Path(temporary, "last.ckpt")
        torch.save(ensemble_checkpoint(checkpoints), together)
        yield together


class MembersCLI(RunCLI):
    """The command line of a run whose seeds have a run folder each.

    Args:
        folders: The folder of each seed, locked by this process; the caller releases them.
        values: Values of the config that differ between seeds, by seed and key.
    """

    def __init__(
        self,
        *args: Any,
        folders: Mapping[int, RunFolder],
        values: Mapping[int, Mapping[str, Any]],
        **kwargs: Any,
    ) -> None:
        self.folders = dict(folders)
        self.values = values
        super().__init__(*args, **kwargs | {"save_config_callback": None})  # one config for each seed instead

    @override
    def _folder_and_checkpoint(self) -> tuple[Path, Path | None]:
        config = self.config[self.subcommand]
        check_trainable_together(config.trainer)
        # nothing is written to the common folder
        common = Path(os.path.commonpath([folder.path.absolute() for folder in self.folders.values()]))
        if config.ckpt_path is None:
            return common, None
        recorded = recorded_config(next(iter(self.folders.values())).path / LAST)
        config.trainer.precision = config.trainer.precision or recorded["trainer"]["precision"]
        return common, Path(config.ckpt_path)

    def config_of(self, seed: int) -> Namespace:
        """Return the config of a run with one seed alone, without what belongs only to this start."""
        config: Namespace = self.config[self.subcommand].clone()
        config.seeds, config.seed_everything = None, seed
        config.trainer.default_root_dir = str(self.folders[seed].path)
        for key, value in self.values.get(seed, {}).items():
            config[key] = value
        config.ckpt_path = config.wandb.run_id = None
        return config

    def text_of(self, seed: int) -> str:
        """Return ``config.yaml`` of a run with one seed alone."""
        text: str = self._parser(self.subcommand).dump(self.config_of(seed), skip_none=False, skip_validation=True)
        return text

    @override
    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        if self.config[self.subcommand].ckpt_path is not None:
            parser = self._parser(self.subcommand)
            for seed, folder in self.folders.items():
                last = folder.path / LAST
                recorded, wanted = with_defaults(recorded_config(last), parser), read_yaml(self.text_of(seed))
                check_unchanged(recorded, wanted, last, self.model, self._arguments)
        return super().instantiate_trainer(**kwargs)

    @override
    def _guards(self) -> list[Callback]:
        texts = {folder.path: self.text_of(seed) for seed, folder in self.folders.items()}
        return [*map(FolderGuard, self.folders.values()), MemberConfigs(texts)]

    @override
    def _records(self) -> list[Callback]:
        count = len(self.folders)
        return [
            MemberRecord(read_yaml(self.text_of(seed)), self._step, folder.path, index, seed, count)
            for index, (seed, folder) in enumerate(self.folders.items())
        ]

    @override
    def _checkpoints(self, folder: Path) -> list[Callback]:
        wanted = self._get(self.config, "checkpoint")
        validates = self._get(self.config, "trainer").limit_val_batches != 0
        callbacks: list[Callback] = []
        for index, (seed, held) in enumerate(self.folders.items()):
            assert held.lease is not None
            make = partial(MemberCheckpoint, held.path / CHECKPOINTS, index=index, seed=seed, check=held.lease.check)
            callbacks += [make("best", monitor=wanted.monitor, mode=wanted.mode)] if validates else []
            callbacks.append(make("last"))
        return callbacks

    @override
    def _loggers(self, given: Any, folder: str) -> list[Logger] | bool:
        if given is False:
            return False
        return [MemberCSVLogger({seed: held.path for seed, held in self.folders.items()}, self._step - 1)]


class MemberConfigs(Callback):
    """Writes ``config.yaml`` of each seed when training starts.

    Args:
        texts: The content of the file, by run folder.
    """

    def __init__(self, texts: Mapping[Path, str]) -> None:
        self.texts = texts

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for folder, text in self.texts.items():
            remove_unfinished(folder)
            write_atomically(folder / CONFIG, partial(_write, text.encode()))


def _write(content: bytes, file: IO[bytes]) -> None:
    file.write(content)


def check_trainable_together(trainer: Mapping[str, Any]) -> None:
    """Refuse what an ensemble does for all its seeds at once, but a run does for itself.

    Args:
        trainer: The part of a config for the Trainer.

    Raises:
        ValueError: If it has such a setting.
    """
    given = {
        "callbacks": bool(trainer.get("callbacks")),
        "gradient_clip_val": trainer.get("gradient_clip_val") is not None,
        "accumulate_grad_batches": trainer.get("accumulate_grad_batches", 1) != 1,
        "max_time": trainer.get("max_time") is not None,
        "logger": trainer.get("logger") not in (None, True, False),
    }
    for name, is_given in given.items():
        if is_given:
            raise ValueError(
                f"trainer.{name} is {trainer[name]}, which works on one seed at a time; set seeds_per_job: 1, or "
                f"remove trainer.{name}"
            )
