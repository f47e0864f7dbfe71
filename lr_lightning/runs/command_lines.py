"""The command lines behind :mod:`lr_lightning.runs`: those of ``lr-lightning``, for calls from Python."""

import json
from pathlib import Path
from typing import Any, Literal, TypeAlias

from jsonargparse import Namespace
from typing_extensions import override

from lr_lightning.callbacks import AssayCallback
from lr_lightning.callbacks.run.run_record import RESULTS
from lr_lightning.commands.fit.callbacks import named_assays
from lr_lightning.commands.fit.training import RunCLI
from lr_lightning.commands.run.checkpoints import check_checkpoint
from lr_lightning.commands.run.exported import is_exported
from lr_lightning.commands.run.folder import CONFIG, LAST, RunFolder
from lr_lightning.loggers import RunWandbLogger
from lr_lightning.networks.pretrained import without_pretrained_weights

Existing: TypeAlias = Literal["new", "resume", "error"]
"""What to do if the folder has a run: choose the next free one, continue the run, or refuse."""

QUIET = ("--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false")
_ENDS = ("max_epochs", "max_steps", "max_time", "min_epochs", "min_steps", "callbacks", "fast_dev_run")


class Training(RunCLI):
    """``lr-lightning fit`` in a given folder.

    Args:
        existing: What to do if the folder has a run.
    """

    def __init__(self, *args: Any, existing: Existing, **kwargs: Any) -> None:
        self.existing = existing
        super().__init__(*args, **kwargs)

    @override
    def _folder_and_checkpoint(self) -> tuple[Path, Path | None]:
        if self.existing == "new":
            return super()._folder_and_checkpoint()
        config = self.config[self.subcommand]
        if config.ckpt_path is not None:
            raise ValueError(
                f"existing={self.existing!r} and ckpt_path={config.ckpt_path!r} contradict each other; use "
                "existing='resume' alone to continue a run, or existing='new' to start from a checkpoint"
            )
        folder = Path(config.trainer.default_root_dir or "runs/unnamed")
        if is_exported(folder):
            raise ValueError(
                f"{folder} is an exported model, which has no state of training to resume; choose another folder, and "
                f"start from its weights with initial_weights={str(folder)!r}"
            )
        self._held = RunFolder(folder)
        if self.existing == "error" and (folder / CONFIG).exists():
            raise FileExistsError(
                f"{folder} has a run; choose another folder, continue it with existing='resume', or start a new one "
                "beside it with existing='new'"
            )
        last = folder / LAST  # missing if the run was killed before it saved one
        return folder, last if last.is_file() and (folder / CONFIG).is_file() else None

    @property
    def is_finished(self) -> bool:
        """Whether the run is the one to be trained, and has reached its end."""
        path = Path(self.trainer.default_root_dir) / RESULTS
        if self.existing != "resume" or self._step == 0 or not path.is_file():
            return False
        record = json.loads(path.read_text()).get("fit", {})
        wanted, recorded = self._plain_config()["trainer"], record.get("config", {}).get("trainer", {})
        return record.get("step") == self._step and all(wanted.get(key) == recorded.get(key) for key in _ENDS)

    def train(self) -> Path:
        """Train unless the run is finished, and return its folder."""
        if self.is_finished:
            self._leave_folder()
        else:
            start(self)
        return Path(self.trainer.default_root_dir)


class Loading(RunCLI):
    """Model and data of a run, without a lock: nothing is written to its folder.

    Args:
        folder: The run folder.
        checkpoint: The checkpoint with the weights; ``None`` for a model without training.
    """

    def __init__(self, *args: Any, folder: Path, checkpoint: Path | None, **kwargs: Any) -> None:
        self.folder = folder
        self.checkpoint = checkpoint
        super().__init__(*args, **kwargs)

    @override
    def _folder_and_checkpoint(self) -> tuple[Path, Path | None]:
        return self.folder, self.checkpoint

    @override
    def instantiate_classes(self) -> None:
        with without_pretrained_weights():  # the weights come from the checkpoint, if they are needed at all
            super().instantiate_classes()


class LoadingModel(Loading):
    """The model of a run or of an exported folder without data and Trainer, so that files of the data may be missing.

    Raises:
        ValueError: If the checkpoint is damaged, or does not fit the model.
    """

    @override
    def instantiate_classes(self) -> None:
        assert self.checkpoint is not None
        with without_pretrained_weights():
            self.model = self._member(0) if self._seeds is None else self._ensemble(self._seeds)
        check_checkpoint(self.checkpoint, self.model)

    def assays(self) -> list[AssayCallback]:
        """Return new assays of the config."""
        assays = Namespace({"assays": self._get(self.config, "assays")})  # type: ignore[no-untyped-call]
        config = Namespace({"subcommand": self.subcommand, str(self.subcommand): assays})  # type: ignore[no-untyped-call]
        return named_assays(self._get(self.parser.instantiate_classes(config), "assays") or {})


def start(command_line: RunCLI) -> None:
    """Run a prepared command line to its end, and leave no W&B run behind if it fails."""
    try:
        command_line.convert_data()
        command_line.start()
    except BaseException:
        for logger in command_line.trainer.loggers:
            if isinstance(logger, RunWandbLogger):
                logger.finish(exit_code=1)
        raise
