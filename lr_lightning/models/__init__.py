"""LightningModules, one objective per file, on one small base."""

from lr_lightning.models.autoencoder import Autoencoder
from lr_lightning.models.base import AutoencoderModule, Objective
from lr_lightning.models.beta_vae import BetaVAE
from lr_lightning.models.vae import VAE

__all__ = ["VAE", "Autoencoder", "AutoencoderModule", "BetaVAE", "Objective"]
