"""The identity of a cell: a hash of the values of its config that affect training."""

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser
from pytorch_lightning import Trainer, callbacks

from lr_lightning.callbacks import AssayCallback
from lr_lightning.commands.config.completion import path_arguments
from lr_lightning.common.registry import public_path
from lr_lightning.data import FactorDataset
from lr_lightning.data.loading.datamodule import FactorDataModule
from lr_lightning.models import AutoencoderModule

PINNED: Mapping[str, Any] = {"precision": "32-true", "devices": 1}
"""Arguments of the Trainer that a study sets unless its file does, because their defaults depend on the machine."""

_TRAINER_LEFT_OUT = frozenset(
    {
        # where a run is trained
        *("accelerator", "default_root_dir"),
        # what is shown, logged and saved
        *("barebones", "detect_anomaly", "enable_autolog_hparams", "enable_checkpointing", "enable_model_summary"),
        *("enable_progress_bar", "log_every_n_steps", "logger", "model_registry", "num_sanity_val_steps", "profiler"),
        # used by other commands only
        *("limit_predict_batches", "limit_test_batches"),
    }
)
_LEFT_OUT: Mapping[type, frozenset[str]] = {
    AutoencoderModule: frozenset({"assays", "updates_per_batch"}),
    FactorDataModule: frozenset({"device_resident"}),
    FactorDataset: frozenset({"storage"}),
}
"""Arguments of classes that do not affect training."""
_LOWEST_LOSS: Mapping[str, Any] = {"monitor": "val/loss", "mode": "min"}
"""By what ``best.ckpt`` is chosen by default."""
_CALLBACKS_LEFT_OUT = (
    AssayCallback,
    callbacks.Checkpoint,
    callbacks.DeviceStatsMonitor,
    callbacks.LearningRateMonitor,
    callbacks.ModelSummary,
    callbacks.ProgressBar,
    callbacks.ThroughputMonitor,
)
_EXACT = 2**53  # whole numbers up to here have an exact float


def cell_identity(config: Mapping[str, Any], content: Any, *, evaluates_best: bool = False) -> str:
    """Return the identity of a cell, 12 hexadecimal digits.

    Left out are values that equal the default of their class, so that an argument that a later version adds does not
    change it; and paths, loggers, progress, W&B, assays, checkpoints and the accelerator, which do not affect training.

    Args:
        config: The complete config, plain values.
        content: What the data are, instead of where they lie; see
            :func:`~lr_lightning.study.data_content.data_content`.
        evaluates_best: Whether ``best.ckpt`` is evaluated; then what it is chosen by counts, too.
    """
    values = training_values(config) | {"content": canonical(content)}
    if evaluates_best and (chosen_by := config.get("checkpoint") or {}) != _LOWEST_LOSS:
        values["checkpoint"] = canonical(chosen_by)
        values["assays"] = canonical(config.get("assays"))  # which compute most other scalars
    dataset = values["data"]["init_args"].get("dataset")
    if isinstance(dataset, dict) and isinstance(content, Mapping) and "renderer_version" in content:
        del dataset["class_path"]  # a rendered set is the same, drawn on demand or read from a file
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def training_values(config: Mapping[str, Any], *, defaults: bool = False) -> dict[str, Any]:
    """Return the values of a config that affect training, in canonical form.

    Args:
        config: Plain values.
        defaults: Whether to keep values that equal the default of their class.
    """
    trainer = {key: value for key, value in (config.get("trainer") or {}).items() if key not in _TRAINER_LEFT_OUT}
    trainer["callbacks"] = _training_callbacks(trainer.get("callbacks")) or None
    pinned = {key: value for key, value in PINNED.items() if trainer.get(key) in (None, "auto")}
    known = {} if defaults else _defaults(Trainer) | canonical(PINNED)
    return {
        "initial_weights": _content_of_file(config.get("initial_weights")),
        "model": canonical(config.get("model"), defaults=defaults),
        "data": canonical(config.get("data"), defaults=defaults),
        "trainer": _arguments(trainer | pinned, known, defaults),
    }


def canonical(value: Any, *, defaults: bool = False) -> Any:
    """Return plain values in the form in which they are compared.

    Classes have their shortest import path, ``8.0`` becomes ``8``, and arguments that equal the default of their class,
    or do not affect training, are left out.

    Args:
        value: Plain values.
        defaults: Whether to keep values that equal the default of their class.

    Example:
        >>> canonical({"class_path": "torch.optim.adam.Adam", "init_args": {"lr": 1.0, "eps": 1e-8}})
        {'class_path': 'torch.optim.Adam', 'init_args': {'lr': 1}}
    """
    if isinstance(value, Mapping):
        if isinstance(value.get("class_path"), str):
            return _canonical_object(value, defaults)
        return {str(key): canonical(each, defaults=defaults) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(each, defaults=defaults) for each in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value


def differences(before: Any, after: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield key, earlier and later value of each difference between values in canonical form.

    Keys that only one of them has are no difference: versions of this package know different arguments.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        if before.get("class_path") == after.get("class_path"):
            for name in before.keys() & after.keys():
                inner = key if name == "init_args" else f"{key}.{name}".lstrip(".")
                yield from differences(before[name], after[name], inner)
            return
        before, after = before.get("class_path", before), after.get("class_path", after)
    if before != after:
        yield key, before, after


def _canonical_object(value: Mapping[str, Any], defaults: bool) -> dict[str, Any]:
    kind = _imported(value["class_path"])
    left_out = {name for base, names in _LEFT_OUT.items() if _extends(kind, base) for name in names}
    paths = path_arguments(kind)
    if _extends(kind, FactorDataset):  # identified by its content
        left_out |= paths
    arguments = {key: each for key, each in (value.get("init_args") or {}).items() if key not in left_out}
    arguments |= {key: _content_of_file(arguments[key]) for key in paths & arguments.keys()}
    known = {} if defaults else _defaults(kind)
    return {"class_path": public_path(kind), "init_args": _arguments(arguments, known, defaults)}


def _arguments(given: Mapping[str, Any], known: Mapping[str, Any], defaults: bool) -> dict[str, Any]:
    """Return arguments in canonical form, without those that equal the ``known`` defaults."""
    found = {key: canonical(value, defaults=defaults) for key, value in given.items()}
    return {key: value for key, value in found.items() if key not in known or value != known[key]}


@cache
def _defaults(kind: Any) -> dict[str, Any]:
    """Return the defaults of a class or function in canonical form, as the parser finds them."""
    parser = ArgumentParser(exit_on_error=False)
    if inspect.isclass(kind):
        parser.add_class_arguments(kind, "it", fail_untyped=False, instantiate=False, sub_configs=True)
    else:
        parser.add_function_arguments(kind, "it", fail_untyped=False, sub_configs=True)
    text = parser.dump(parser.get_defaults(skip_validation=True), skip_none=False, skip_validation=True)
    found: dict[str, Any] = canonical((yaml.safe_load(text) or {}).get("it") or {})
    return found


def _content_of_file(path: Any) -> Any:
    """Return the hash of a file, such as one with weights; anything else is returned as it is."""
    if not isinstance(path, str) or not Path(path).is_file():
        return path
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _training_callbacks(given: Any) -> list[Any]:
    listed = given if isinstance(given, list) else [] if given is None else [given]
    return [each for each in listed if not _extends(_imported(_path_of(each)), *_CALLBACKS_LEFT_OUT)]


def _path_of(entry: Any) -> str:
    return str(entry.get("class_path") if isinstance(entry, Mapping) else entry)


def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def _extends(kind: Any, *bases: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, bases)
