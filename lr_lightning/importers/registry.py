"""Formats of trained models by name."""

from lr_lightning.common.registry import Registry
from lr_lightning.importers.importer import Importer

IMPORTERS: Registry[Importer] = Registry(
    "format",
    Importer,  # type: ignore[type-abstract]
    {
        "leeb2022": "lr_lightning.importers.leeb2022:Leeb2022Importer",
        "disentangling_vae": "lr_lightning.importers.disentangling_vae:DisentanglingVAEImporter",
    },
    group="lr_lightning.importers",
)
"""Importers by the name of their format, those of installed packages included."""
