"""Loggers: W&B with an offline fallback, a resumable CSV file, figures for any logger."""

from lr_lightning.loggers.run_csv import RunCSVLogger
from lr_lightning.loggers.run_wandb import RunWandbLogger

__all__ = ["RunCSVLogger", "RunWandbLogger"]
