"""A tiny model, data module and Trainer, for tests that take a second or two."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from lr_lightning.data import FactorDataModule, FactorDataset
from lr_lightning.loggers.media import RunFolderOwner
from lr_lightning.models import BetaVAE
from lr_lightning.networks import MLP


class RunFolder(RunFolderOwner, Callback):
    """Makes the Trainer's ``default_root_dir`` the run folder, as on the command line."""


def tiny_model(latent_dim: int = 3) -> BetaVAE:
    """Return a new beta-VAE for images (3, 8, 8), identical each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MLP(latent_dim, (3, 8, 8), widths=(16,))
        return BetaVAE(network, beta=0.1, optimizer=partial(torch.optim.Adam, lr=1e-2))


def tiny_data(dataset: FactorDataset, **options: Any) -> FactorDataModule:
    """Return batches of 8, four per epoch, with 12 validation samples in batches of 5."""
    defaults: dict[str, Any] = {"batch_size": 8, "eval_batch_size": 5, "val_size": 12, "batches_per_epoch": 4}
    return FactorDataModule(dataset, **(defaults | options))


def tiny_trainer(folder: Path, *callbacks: Callback, **options: Any) -> Trainer:
    """Return a quiet Trainer on one CPU that writes no files by itself."""
    defaults: dict[str, Any] = {
        "max_epochs": 3,
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "log_every_n_steps": 2,
    }
    return Trainer(default_root_dir=folder, callbacks=[*callbacks, RunFolder()], **(defaults | options))


def weights(model: LightningModule) -> torch.Tensor:
    """Return all parameters of ``model`` as one vector."""
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach()
