"""Renamed modules, classes and arguments in configs and checkpoints of earlier versions."""

from collections.abc import Mapping
from typing import Any


def _moved(old: str, new: str, names: str) -> dict[str, str]:
    return {f"{old}.{name}": f"{new}.{name}" for name in names.split()}


MODULES: Mapping[str, str] = {
    **_moved(
        "lr_lightning.callbacks",
        "lr_lightning.callbacks.assays",
        "conditioned_response consistency decoder_geometry disentanglement dynamics factor_topology latent_statistics "
        "latent_traversal noise_recovery reconstruction response_jacobian response_map response_matrix response_path "
        "sampling",
    ),
    **_moved(
        "lr_lightning.callbacks",
        "lr_lightning.callbacks.run",
        "code_files model_summary progress resumption run_checkpoint run_record seed_checkpoints",
    ),
    **_moved("lr_lightning.data", "lr_lightning.data.loading", "correlation datamodule factor_groups"),
    **_moved(
        "lr_lightning.data",
        "lr_lightning.data.sets",
        "cars3d double_helix dsprites dsprites_variants mnist mpi3d rendered_dsprites rendered_shapes3d "
        "shapes3d small_norb",
    ),
    **_moved("lr_lightning.data", "lr_lightning.data.custom", "custom_dataset"),
    **_moved("lr_lightning.models", "lr_lightning.training", "schedules"),
}
"""Earlier module of a class -> current module."""

CLASSES: Mapping[str, str] = {
    "lr_lightning.losses.likelihood.Bernoulli": "lr_lightning.losses.Bernoulli",
    "lr_lightning.losses.likelihood.Gaussian": "lr_lightning.losses.Gaussian",
    "lr_lightning.losses.likelihood.Laplace": "lr_lightning.losses.Laplace",
    "lr_lightning.data.tensors.TensorFactors": "lr_lightning.data.storage.tensor_dataset.TensorFactorDataset",
}
"""Earlier path of a renamed class -> current path."""

ARGUMENTS: Mapping[str, Mapping[str, str]] = {
    "ConditionedResponseAssay": {"samples": "num_samples"},
}
"""For each class, by name: earlier argument -> current argument."""


def current_class_path(path: str) -> str:
    """Return the current import path of the class that an earlier version found at ``path``.

    Example:
        >>> current_class_path("lr_lightning.models.schedules.WarmUp")
        'lr_lightning.training.schedules.WarmUp'
        >>> current_class_path("WarmUp")
        'WarmUp'
    """
    module, _, name = path.rpartition(".")
    return CLASSES.get(path) or (f"{MODULES[module]}.{name}" if module in MODULES else path)


def with_current_names(config: Any) -> Any:
    """Return a config, or a part of one, with current class paths and argument names.

    Args:
        config: Plain values, as in YAML or a checkpoint; not modified.

    Raises:
        ValueError: If an argument has both its earlier and its current name.

    Example:
        >>> with_current_names({"class_path": "ConditionedResponseAssay", "init_args": {"samples": 8}})
        {'class_path': 'ConditionedResponseAssay', 'init_args': {'num_samples': 8}}
    """
    if isinstance(config, str):
        return current_class_path(config)
    if isinstance(config, list):
        return [with_current_names(value) for value in config]
    if not isinstance(config, Mapping):
        return config
    current = {key: with_current_names(value) for key, value in config.items()}
    class_path, arguments = current.get("class_path"), current.get("init_args")
    if isinstance(class_path, str) and isinstance(arguments, dict):
        current["init_args"] = _with_current_arguments(class_path.rpartition(".")[2], arguments)
    return current


def _with_current_arguments(class_name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    names = ARGUMENTS.get(class_name, {})
    for old, new in names.items():
        if old in arguments and new in arguments:
            raise ValueError(f"{class_name} has both {old!r} and {new!r}, its current name; remove {old!r}")
    return {names.get(name, name): value for name, value in arguments.items()}
