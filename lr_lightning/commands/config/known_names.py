"""The names allowed on the command line and in configs, for suggestions on misspelled ones."""

import inspect

from pytorch_lightning import LightningDataModule, Trainer
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger
from torchvision.transforms.v2 import Transform

from lr_lightning.commands.config.registered_names import registered_names
from lr_lightning.data import FactorDataset, SampleGroups
from lr_lightning.loggers import RunWandbLogger
from lr_lightning.losses import Likelihood
from lr_lightning.models import AutoencoderModule, Schedule
from lr_lightning.networks import AutoencoderNetwork

SET_BY_THE_RUN = {"save_dir", "resume_step"}
"""Arguments of the W&B logger that are not options."""


def known_arguments() -> list[str]:
    """Return the options of commands that need a Trainer, e.g. ``--trainer.max_epochs``."""
    own = ["config", "seed_everything", "seeds", "threads", "ckpt_path", "initial_weights", "model", "data", "assays"]
    own += ["wandb", "checkpoint.monitor", "checkpoint.mode", "codes", "sample_seed"]
    own += [f"wandb.{name}" for name in inspect.signature(RunWandbLogger).parameters if name not in SET_BY_THE_RUN]
    own += [f"trainer.{name}" for name in inspect.signature(Trainer).parameters]
    return [f"--{name}" for name in own]


def known_classes() -> list[str]:
    """Return the class names that a config may use without their module."""
    found: list[str] = []
    open_classes = [AutoencoderModule, AutoencoderNetwork, Likelihood, Schedule, FactorDataset, SampleGroups]
    open_classes += [Callback, Logger, LightningDataModule, Transform]
    packages = ("lr_lightning", "pytorch_lightning", "torchvision")
    while open_classes:
        current: type = open_classes.pop()
        open_classes += current.__subclasses__()
        if not inspect.isabstract(current) and current.__module__.startswith(packages):
            found.append(current.__name__)
    return [*(name for name in found if not name.startswith("_")), *registered_names()]
