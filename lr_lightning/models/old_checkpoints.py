"""Hyperparameters in checkpoints of earlier versions."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from lr_lightning.common.renamed_keys import with_current_names


def moved_classes(checkpoint: Any) -> dict[str, Any]:
    """Return the hyperparameters of a checkpoint that contain outdated names, with current names instead.

    Args:
        checkpoint: Anything that ``load_from_checkpoint`` accepts. Only files are checked, and only those that contain
            nothing but tensors and plain values, as all checkpoints written by the command line do.
    """
    if not (isinstance(checkpoint, str | Path) and Path(checkpoint).is_file()):
        return {}
    try:
        stored = torch.load(checkpoint, map_location="cpu", weights_only=True).get("hyper_parameters", {})
    except UnpicklingError:
        return {}
    current = {name: with_current_names(value) for name, value in stored.items()}
    return {name: value for name, value in current.items() if value != stored[name]}
