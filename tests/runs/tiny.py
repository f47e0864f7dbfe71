"""Runs of a few steps."""

from pathlib import Path
from typing import Any

import lr_lightning as lr

TINY: dict[str, Any] = {
    "data.dataset.num_samples": 1152,
    "data.batches_per_epoch": 4,
    "trainer.max_epochs": 2,
    "trainer.log_every_n_steps": 2,
    "trainer.accelerator": "cpu",
    "trainer.logger": False,
    "assays": None,
}
"""The double helix in eight steps, without assays and loggers."""


def tiny_run(folder: str | Path, **values: Any) -> lr.Run:
    """Return a run of the double helix; double underscores in names stand for dots."""
    return lr.fit("helix", TINY | {key.replace("__", "."): value for key, value in values.items()}, folder=folder)
