"""The offline W&B runs of a study, and which of them have been uploaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lr_lightning.study.layout import run_folder
from lr_lightning.study.run_states import RunKey, RunState


class OfflinePart(NamedTuple):
    """The part of an offline W&B run that has its whole history.

    Attributes:
        folder: Its folder, for ``wandb sync``.
        log: The file with its history.
    """

    folder: Path
    log: Path

    @property
    def is_uploaded(self) -> bool:
        """Whether W&B has marked it as uploaded."""
        return self.log.with_name(f"{self.log.name}.synced").exists()


def offline_part(folder: Path) -> OfflinePart | None:
    """Return the last offline part of the W&B run in a run folder, ``None`` without one.

    Each start of a run repeats what earlier starts have logged, so that uploading earlier parts too would upload the
    same rows again.
    """
    logs = folder.glob("wandb/offline-run-*/run-*.wandb")
    last = max(logs, key=lambda log: log.parent.name, default=None)  # the names start with the time
    return None if last is None else OfflinePart(last.parent, last)


def offline_parts(root: Path, states: Mapping[RunKey, RunState]) -> list[OfflinePart]:
    """Return the offline W&B runs of a study, only of runs that are done.

    A run that is not done would log on in a later part, which W&B would add to what was uploaded.

    Args:
        root: Folder of all studies.
        states: The state of each run.
    """
    done = [run_folder(root, *key) for key, state in states.items() if state.state == "done"]
    return [part for part in map(offline_part, done) if part is not None]
