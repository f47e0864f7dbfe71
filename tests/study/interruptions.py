"""A callback that pauses training at a known step, so that a test can kill the process there."""

import os
import time
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from tests.study.jobs import note


class PauseOnce(Callback):
    """Leaves a note after a training step and waits to be killed, unless the run has been paused at this step before.

    Args:
        steps: The steps.
        folder: Folder of the notes, ``seed_3-step10`` for a run in a folder called ``seed_3``.
    """

    def __init__(self, steps: list[int], folder: str) -> None:
        self.steps = steps
        self.folder = Path(folder)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        name = f"{Path(trainer.default_root_dir).name}-step{trainer.global_step}"
        if trainer.global_step in self.steps and not (self.folder / name).exists():
            note(self.folder, name, {"pid": os.getpid()})
            time.sleep(600)
