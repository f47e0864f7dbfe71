"""Trains several runs together; each leaves the run folder that it would leave alone."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import torch
from jsonargparse import Namespace
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.cli import ArgsType, LightningArgumentParser
from pytorch_lightning.loggers import Logger
from typing_extensions import override

from lr_lightning.callbacks.run.member_checkpoint import MemberCheckpoint, ensemble_checkpoint
from lr_lightning.callbacks.run.member_record import MemberRecord
from lr_lightning.commands.config.completion import complete_config
from lr_lightning.commands.config.reading import read_yaml
from lr_lightning.commands.config.resume_check import (
    check_unchanged,
    recorded_config,
    recorded_folder,
    with_defaults,
)
from lr_lightning.commands.fit.packable import check_shared
from lr_lightning.commands.fit.training import RunCLI, parser_words, prepare
from lr_lightning.commands.run.checkpoints import read_checkpoint
from lr_lightning.commands.run.folder import CHECKPOINTS, CONFIG, RunFolder
from lr_lightning.commands.run.folder import LAST as LAST
from lr_lightning.commands.run.folder_guard import FolderGuard
from lr_lightning.commands.run.initial_weights import load_initial_weights
from lr_lightning.common.files import remove_unfinished, write_atomically
from lr_lightning.loggers.member_csv import MemberCSVLogger
from lr_lightning.models import AutoencoderModule, SeedEnsemble
from lr_lightning.models.architecture import check_alike


@dataclass(frozen=True)
class Member:
    """One of the runs that are trained together.

    Attributes:
        arguments: Words after ``lr-lightning fit``, without its seed, its folder and a checkpoint.
        seed: Its seed.
        folder: Its folder, locked by this process.
        values: Values of its config that are not in the arguments, by key: ``{"wandb.name": "three"}``.
    """

    arguments: tuple[str, ...]
    seed: int
    folder: RunFolder
    values: Mapping[str, Any] = field(default_factory=dict)


def fit_members(members: Mapping[str, Member]) -> dict[str, str]:
    """Train runs together, or continue them, until their config ends training.

    Each leaves the files in its folder that ``lr-lightning fit`` would leave, at each moment: its config, checkpoints
    from which it can be resumed alone, ``metrics.csv``, ``results.json``, figures and arrays. On a CPU they are equal
    to those of a run alone, apart from times; on a GPU, weights differ by round-off.

    Args:
        members: The runs by names, which have no slash. They may differ in their seeds and in numbers of the model
            outside its network; see :func:`~lr_lightning.commands.fit.packable.shared_values`. The folders of all are
            empty, or have their last checkpoint at the same step; training then continues from there.

    Returns:
        Why members ended early, with a loss that is not finite, by name; empty if all were trained to the end.

    Raises:
        UsageError: If the arguments or a config are wrong, or the configs cannot be trained together.
        ValueError, OSError: As ``lr-lightning fit``.
    """
    with _common_checkpoint(members) as checkpoint:
        words = ["fit", *next(iter(members.values())).arguments]
        words += [] if checkpoint is None else [f"--ckpt_path={checkpoint}"]
        command_line = prepare(words, partial(MembersCLI, members=members))
        command_line.convert_data()
        ensemble: SeedEnsemble = command_line.model
        try:
            command_line.start()
        except FloatingPointError:
            if len(ensemble.diverged) < len(members):
                raise
        return dict(ensemble.diverged)


@contextmanager
def _common_checkpoint(members: Mapping[str, Member]) -> Iterator[Path | None]:
    """Yield the path of a temporary checkpoint that joins the last ones of all members; ``None`` if there are none."""
    paths = {name: member.folder.path / LAST for name, member in members.items()}
    if not any(path.is_file() and (path.parents[1] / CONFIG).is_file() for path in paths.values()):
        yield None
        return
    checkpoints = {name: read_checkpoint(path) for name, path in paths.items()}
    with tempfile.TemporaryDirectory() as temporary:
        together = Path(temporary, "last.ckpt")
        torch.save(ensemble_checkpoint(checkpoints, [member.seed for member in members.values()]), together)
        yield together


class MembersCLI(RunCLI):
    """The command line of runs that are trained together, and have a run folder each.

    Args:
        members: The runs by name; the caller releases their folders.
    """

    def __init__(self, *args: Any, members: Mapping[str, Member], **kwargs: Any) -> None:
        self.members = dict(members)
        super().__init__(*args, **kwargs | {"save_config_callback": None})  # one config for each member instead

    @override
    def parse_arguments(self, parser: LightningArgumentParser, args: ArgsType) -> None:
        """Parse the arguments of each member; those of the first are the command line's own."""
        super().parse_arguments(parser, args)
        first = next(iter(self.members.values())).arguments
        self._parsed: dict[tuple[str, ...], Namespace] = {first: self.config.fit}
        for member in self.members.values():
            if member.arguments not in self._parsed:
                parsed = parser.parse_args(parser_words(["fit", *member.arguments])).fit
                complete_config(parsed)
                self._parsed[member.arguments] = parsed
        for other in list(self._parsed.values())[1:]:
            check_shared(self._plain(self.config.fit), self._plain(other))

    def _plain(self, config: Namespace) -> dict[str, Any]:
        plain: dict[str, Any] = read_yaml(self._text(config))
        return plain

    def _text(self, config: Namespace) -> str:
        text: str = self._parser("fit").dump(config, skip_none=False, skip_validation=True)
        return text

    @override
    def _seeds_of_config(self) -> list[int]:
        return [member.seed for member in self.members.values()]

    @override
    def _names(self) -> list[str]:
        return list(self.members)

    @override
    def _member(self, index: int) -> AutoencoderModule:
        own = self._parsed[list(self.members.values())[index].arguments]
        config, dump = self.config.fit, self.config_dump
        first = config.model
        # constructors take the hyperparameters of checkpoints from the latter
        config.model, self.config_dump = own.model, dump | {"model": self._plain(own)["model"]}
        try:
            return super()._member(index)
        finally:
            config.model, self.config_dump = first, dump

    @override
    def _ensemble(self, seeds: list[int]) -> SeedEnsemble:
        ensemble = super()._ensemble(seeds)
        check_alike(ensemble.members, ensemble.names)  # here it is an error of the configs, before anything starts
        return ensemble

    @override
    def _check_seeds(self, checkpoint: Path) -> None:
        """Do nothing: the checkpoint was joined from those of the members."""

    @override
    def _load_initial_weights(self, weights: Path) -> None:
        for member in self.model.members:
            load_initial_weights(weights, member)

    @override
    def _folder_and_checkpoint(self) -> tuple[Path, Path | None]:
        config = self.config[self.subcommand]
        if (setting := setting_for_one_run(config.trainer)) is not None:
            raise ValueError(
                f"trainer.{setting} is {config.trainer[setting]}, which works on one run at a time; remove it, or "
                "train the runs apart"
            )
        # nothing is written to the common folder
        common = Path(os.path.commonpath([member.folder.path.absolute() for member in self.members.values()]))
        if config.ckpt_path is None:
            return common, None
        recorded = recorded_config(next(iter(self.members.values())).folder.path / LAST)
        config.trainer.precision = config.trainer.precision or recorded["trainer"]["precision"]
        return common, Path(config.ckpt_path)

    def config_of(self, name: str) -> Namespace:
        """Return the config of a run of one member alone, without what belongs only to this start."""
        member = self.members[name]
        config: Namespace = self.config[self.subcommand].clone()
        own = self._parsed[member.arguments].clone()
        config.model, config.wandb, config.seed_everything = own.model, own.wandb, member.seed
        config.trainer.default_root_dir = recorded_folder(member.folder.path, member.folder.path / LAST)
        for key, value in member.values.items():
            config[key] = value
        config.ckpt_path = config.wandb.run_id = None
        return config

    def text_of(self, name: str) -> str:
        """Return ``config.yaml`` of a run of one member alone."""
        return self._text(self.config_of(name))

    @override
    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        if self.config[self.subcommand].ckpt_path is not None:
            parser = self._parser(self.subcommand)
            for name, member in self.members.items():
                last = member.folder.path / LAST
                recorded, wanted = with_defaults(recorded_config(last), parser), read_yaml(self.text_of(name))
                check_unchanged(recorded, wanted, last, self.model, self._arguments)
        return super().instantiate_trainer(**kwargs)

    @override
    def _guards(self) -> list[Callback]:
        texts = {member.folder.path: self.text_of(name) for name, member in self.members.items()}
        return [*(FolderGuard(member.folder) for member in self.members.values()), MemberConfigs(texts)]

    @override
    def _records(self) -> list[Callback]:
        return [
            MemberRecord(read_yaml(self.text_of(name)), self._step, member.folder.path, index, name)
            for index, (name, member) in enumerate(self.members.items())
        ]

    @override
    def _checkpoints(self, folder: Path) -> list[Callback]:
        wanted = self._get(self.config, "checkpoint")
        validates = self._get(self.config, "trainer").limit_val_batches != 0
        callbacks: list[Callback] = []
        for index, (name, member) in enumerate(self.members.items()):
            assert member.folder.lease is not None
            own, check = member.folder.path / CHECKPOINTS, member.folder.lease.check
            make = partial(MemberCheckpoint, own, index=index, member=name, check=check)
            callbacks += [make("best", monitor=wanted.monitor, mode=wanted.mode)] if validates else []
            callbacks.append(make("last"))
        return callbacks

    @override
    def _loggers(self, given: Any, folder: str) -> list[Logger] | bool:
        if given is False:
            return False
        folders = {name: member.folder.path for name, member in self.members.items()}
        return [MemberCSVLogger(folders, self._step - 1)]


class MemberConfigs(Callback):
    """Writes ``config.yaml`` of each member when training starts.

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


def setting_for_one_run(trainer: Mapping[str, Any]) -> str | None:
    """Return a setting of the Trainer that an ensemble applies to all members at once, but a run to itself alone.

    Args:
        trainer: The part of a config for the Trainer.

    Returns:
        The first such argument; ``None`` if the run can be trained together with others.
    """
    given = {
        "callbacks": bool(trainer.get("callbacks")),
        "gradient_clip_val": trainer.get("gradient_clip_val") is not None,
        "accumulate_grad_batches": trainer.get("accumulate_grad_batches", 1) != 1,
        "max_time": trainer.get("max_time") is not None,
        "logger": trainer.get("logger") not in (None, True, False),
    }
    return next((name for name, is_given in given.items() if is_given), None)
