"""The config of a short run on images (3, 8, 8), and the weights that runs end with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor


def write_config(folder: Path, max_steps: int, data: Mapping[str, Any], **parts: Any) -> Path:
    """Write the config of a beta-VAE in ``folder``.

    Args:
        folder: Where to write it.
        max_steps: Number of training steps.
        data: Arguments of the data module besides the sizes of batches and of the validation set.
        parts: Further parts of the config.
    """
    network = {"class_path": "MLP", "init_args": {"latent_dim": 3, "observation_shape": [3, 8, 8], "widths": [16]}}
    trainer: dict[str, Any] = {"max_steps": max_steps, "accelerator": "cpu", "logger": False}
    trainer |= {"default_root_dir": "run", "enable_progress_bar": False, "enable_model_summary": False}
    config = {
        "seed_everything": 0,
        "model": {"class_path": "BetaVAE", "init_args": {"network": network}},
        "data": {"class_path": "FactorDataModule", "init_args": {"batch_size": 8, "val_size": 8, **data}},
        "trainer": trainer,
        **parts,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def weights(folder: str) -> list[Tensor]:
    """Return the weights in the last checkpoint of a run."""
    return list(torch.load(f"{folder}/checkpoints/last.ckpt", weights_only=True)["state_dict"].values())
