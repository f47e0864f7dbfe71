"""Trained models of other projects, read from their own files as models of this package."""

from lr_lightning.importers.disentangling_vae import DisentanglingVAEImporter
from lr_lightning.importers.importer import ImportedModel, Importer
from lr_lightning.importers.leeb2022 import Leeb2022Importer
from lr_lightning.importers.registry import IMPORTERS

__all__ = ["IMPORTERS", "DisentanglingVAEImporter", "ImportedModel", "Importer", "Leeb2022Importer"]
