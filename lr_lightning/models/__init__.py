"""LightningModules, one objective per file, on one small base."""

from lr_lightning.common.registry import Registry
from lr_lightning.models.ada_gvae import AdaGVAE
from lr_lightning.models.ada_mlvae import AdaMLVAE
from lr_lightning.models.annealed_vae import AnnealedVAE
from lr_lightning.models.autoencoder import Autoencoder
from lr_lightning.models.base import AutoencoderModule, Objective, Penalty
from lr_lightning.models.beta_tc_vae import BetaTCVAE
from lr_lightning.models.beta_vae import BetaVAE
from lr_lightning.models.dip_vae import DIPVAE
from lr_lightning.models.factor_vae import FactorVAE
from lr_lightning.models.info_vae import InfoVAE
from lr_lightning.models.qlae import QLAE
from lr_lightning.models.rae import RAE
from lr_lightning.models.seed_ensemble import SeedEnsemble
from lr_lightning.models.structural_autoencoder import StructuralAutoencoder
from lr_lightning.models.vae import VAE, Posterior
from lr_lightning.models.vlae import VLAE
from lr_lightning.models.wae import WAE
from lr_lightning.training.schedules import (
    CosineSchedule,
    CyclicSchedule,
    LinearSchedule,
    Schedule,
    ScheduledLearningRate,
    WarmUp,
)

__all__ = [
    "DIPVAE",
    "MODELS",
    "QLAE",
    "RAE",
    "VAE",
    "VLAE",
    "WAE",
    "AdaGVAE",
    "AdaMLVAE",
    "AnnealedVAE",
    "Autoencoder",
    "AutoencoderModule",
    "BetaTCVAE",
    "BetaVAE",
    "CosineSchedule",
    "CyclicSchedule",
    "FactorVAE",
    "InfoVAE",
    "LinearSchedule",
    "Objective",
    "Penalty",
    "Posterior",
    "Schedule",
    "ScheduledLearningRate",
    "SeedEnsemble",
    "StructuralAutoencoder",
    "WarmUp",
]

MODELS = Registry.of_exports(
    "model",
    AutoencoderModule,  # type: ignore[type-abstract]
    globals(),
    group="lr_lightning.models",
)
"""Models by class name: those of this package and those that installed packages register."""
