"""Names of registered assays in configs and on the command line, in place of their import paths."""

from collections.abc import Mapping
from typing import Any

from lr_lightning.callbacks.registry import ASSAYS


def with_class_paths(config: Any) -> Any:
    """Return a config with import paths in place of the registered names of assays.

    Args:
        config: A config as read from YAML; it is not changed. What has another form is returned as it is.

    Raises:
        ValueError: If the class of a registered name cannot be imported.

    Example:
        >>> with_class_paths({"assays": {"mine": "dynamics"}})
        {'assays': {'mine': 'lr_lightning.callbacks.assays.dynamics.DynamicsAssay'}}
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("assays"), Mapping):
        return config
    return {**config, "assays": {name: _with_class_path(assay) for name, assay in config["assays"].items()}}


def class_path(name: str) -> str:
    """Return the import path of the assay registered as ``name``; any other text is returned as it is.

    Raises:
        ValueError: If its class cannot be imported.
    """
    if name not in ASSAYS:
        return name
    assay = ASSAYS[name]
    return f"{assay.__module__}.{assay.__qualname__}"


def _with_class_path(assay: Any) -> Any:
    if isinstance(assay, str):
        return class_path(assay)
    if isinstance(assay, Mapping) and isinstance(assay.get("class_path"), str):
        return {**assay, "class_path": class_path(assay["class_path"])}
    return assay
