"""Hyperparameters of checkpoints that an earlier version wrote."""

from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from lr_lightning.common.renamed_keys import with_current_names


def moved_classes(checkpoint: Any) -> dict[str, Any]:
    """Return those hyperparameters of a checkpoint that hold earlier names, with the current ones in their place.

    Args:
        checkpoint: What ``load_from_checkpoint`` accepts. Files alone are looked at, and of these the ones that hold
            nothing but tensors and plain values, as all that the command line has written do.
    """
    if not (isinstance(checkpoint, str | Path) and Path(checkpoint).is_file()):
        return {}
    try:
        stored = torch.load(checkpoint, map_location="cpu", weights_only=True).get("hyper_parameters", {})
    except UnpicklingError:
        return {}
    current = {name: with_current_names(value) for name, value in stored.items()}
    return {name: value for name, value in current.items() if value != stored[name]}
