"""Checks a search before anything runs: its config at all bounds of the space, and that its scalar is logged."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from lr_lightning.commands.fit.training import RunCLI, prepare
from lr_lightning.commands.messages import UsageError
from lr_lightning.runs.command_lines import QUIET
from lr_lightning.runs.isolation import isolated
from lr_lightning.study.manifest import Value
from lr_lightning.study.search.definition import SearchDefinition
from lr_lightning.study.search.trial import trial_words
from lr_lightning.study.sections import RefusedError, SectionResolver


def check_search(definition: SearchDefinition) -> None:
    """Raise an error if a trial could not start.

    Raises:
        UsageError: If the config refuses a value at the bounds of the space, or any of its choices, or no validation
            logs the monitored scalar.
        FileNotFoundError: If files of the data set are missing.
    """
    resolver = SectionResolver()
    for values in _extremes(definition):
        try:
            for section in resolver.sections(definition.config, {**definition.values, **values}):
                resolver.plain(section)
                if section.name in ("model", "data", "assays"):
                    resolver.examined(section, lambda _: None)
        except RefusedError as error:
            raise UsageError(f"{definition.path}: {_place(error.key, values)}: {error}") from error
        except UsageError as error:
            raise UsageError(f"{definition.path}: {error}") from error
    _check_trial(definition, values)


def _place(key: str | None, values: Mapping[str, Value]) -> str:
    if key is None:
        return "config"
    return f"space: {key} = {values[key]!r}" if key in values else f"set: {key}"


def _extremes(definition: SearchDefinition) -> Iterator[dict[str, Value]]:
    """Yield values at the bounds, one key after the other while the others have their first values."""
    first = {key: distribution.values[0] for key, distribution in definition.space.items()}
    for key, distribution in definition.space.items():
        for value in distribution.values:
            yield {**first, key: value}


def _check_trial(definition: SearchDefinition, values: Mapping[str, Value]) -> None:
    """Prepare a trial, which checks what it monitors, and leave nothing of it."""
    with tempfile.TemporaryDirectory() as folder, isolated(quiet=True):
        words = [*trial_words(definition, values), f"--trainer.default_root_dir={Path(folder, 'trial')}", *QUIET]
        try:
            prepare(["fit", *words], _Trial).check_and_leave()
        except UsageError as error:
            text = str(error).replace("checkpoint.monitor", "monitor", 1)
            raise UsageError(f"{definition.path}: {text}") from error


class _Trial(RunCLI):
    """``lr-lightning fit`` up to the start."""

    def check_and_leave(self) -> None:
        """Remove the folder, and raise ``UsageError`` if training would not end."""
        self._leave_folder()
        if self.trainer.max_steps < 0 and self.trainer.max_epochs == -1:
            raise UsageError("set: training never ends; set trainer.max_steps or trainer.max_epochs")
