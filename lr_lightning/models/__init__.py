"""LightningModules, one objective per file, on one small base."""

from lr_lightning.models.ada_gvae import AdaGVAE
from lr_lightning.models.ada_mlvae import AdaMLVAE
from lr_lightning.models.autoencoder import Autoencoder
from lr_lightning.models.base import AutoencoderModule, Objective, Penalty
from lr_lightning.models.beta_vae import BetaVAE
from lr_lightning.models.schedules import (
    CosineSchedule,
    CyclicSchedule,
    LinearSchedule,
    Schedule,
    ScheduledLearningRate,
    WarmUp,
)
from lr_lightning.models.vae import VAE, Posterior

__all__ = [
    "VAE",
    "AdaGVAE",
    "AdaMLVAE",
    "Autoencoder",
    "AutoencoderModule",
    "BetaVAE",
    "CosineSchedule",
    "CyclicSchedule",
    "LinearSchedule",
    "Objective",
    "Penalty",
    "Posterior",
    "Schedule",
    "ScheduledLearningRate",
    "WarmUp",
]
