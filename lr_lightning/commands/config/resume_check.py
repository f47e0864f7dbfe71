"""Detects config changes with which a run cannot be resumed."""

from argparse import ArgumentError
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser
from pytorch_lightning import callbacks
from torch import nn

from lr_lightning.callbacks import AssayCallback
from lr_lightning.commands.config.completion import complete_config
from lr_lightning.commands.config.reading import read_config_file, read_yaml
from lr_lightning.commands.run.checkpoints import check_checkpoint, read_checkpoint
from lr_lightning.commands.run.folder import CONFIG, folder_of_checkpoint
from lr_lightning.commands.run.initial_weights import command_from_weights
from lr_lightning.common.renamed_keys import with_current_names

_FREE = {
    "assays",
    "checkpoint",
    "ckpt_path",
    "model.assays",
    "threads",
    "verbose",
    "wandb",
    "weights_only",
    *(
        f"trainer.{name}"
        for name in (
            # what ends training
            *("fast_dev_run", "max_epochs", "max_steps", "max_time", "min_epochs", "min_steps"),
            # what is logged, shown and saved
            *("barebones", "default_root_dir", "detect_anomaly", "enable_checkpointing", "enable_model_summary"),
            *("enable_progress_bar", "log_every_n_steps", "logger", "num_sanity_val_steps", "profiler"),
            # used by other commands only
            *("limit_predict_batches", "limit_test_batches"),
        )
    ),
}
_FREE_CALLBACKS = (
    AssayCallback,
    callbacks.Checkpoint,
    callbacks.DeviceStatsMonitor,
    callbacks.EarlyStopping,
    callbacks.LearningRateMonitor,
    callbacks.ModelSummary,
    callbacks.ProgressBar,
    callbacks.ThroughputMonitor,
    callbacks.Timer,
)
_UNKNOWN = "Unable to serialize"
"""Beginning of jsonargparse's text for a default that has no name."""


def recorded_config(checkpoint: Path) -> dict[str, Any]:
    """Return the recorded config of a checkpoint: plain values with current names.

    It is the config of the run folder. For a checkpoint outside a run folder, it is the model's part, stored in the
    checkpoint.

    Raises:
        ValueError: If the config is not the YAML file of a run, or the checkpoint cannot be read.
    """
    folder = folder_of_checkpoint(checkpoint)
    if folder is None:
        arguments = dict(read_checkpoint(checkpoint).get("hyper_parameters", {}))
        arguments.pop("_instantiator", None)
        class_path = arguments.pop("_class_path", None)
        model = with_current_names({"class_path": class_path, "init_args": arguments})
        return {} if class_path is None else {"model": model}
    return config_of_run(folder)


def config_of_run(folder: Path) -> dict[str, Any]:
    """Return the config in the folder of a run or of an exported model: plain values with current names.

    Raises:
        ValueError: If it is not the YAML file of a run.
    """
    config = read_config_file(folder / CONFIG)
    if not isinstance(config, dict):
        raise ValueError(f"{folder / CONFIG} is not the config of a run")
    current: dict[str, Any] = with_current_names(config)
    return current


def recorded_folder(folder: Path, checkpoint: Path | None) -> str:
    """Return the run folder as the records of a run have it: as it was written when the run was started.

    A resumed run then has the same records as an uninterrupted one, wherever it was resumed from, and with whatever
    path.

    Args:
        folder: The folder.
        checkpoint: The checkpoint that this start begins with.

    Raises:
        ValueError: If the config of the run cannot be read.
    """
    if checkpoint is None or folder_of_checkpoint(checkpoint) != folder.resolve():
        return str(folder)
    written = (config_of_run(folder).get("trainer") or {}).get("default_root_dir")
    return str(folder) if written is None else str(written)


def with_defaults(recorded: dict[str, Any], parser: ArgumentParser) -> dict[str, Any]:
    """Add the defaults of arguments that an earlier version did not have to a recorded config.

    Args:
        recorded: Plain values.
        parser: The parser of the command; a config that it cannot parse is returned unchanged.
    """
    try:
        config = parser.parse_object(recorded)
        complete_config(config)
        plain: dict[str, Any] = read_yaml(parser.dump(config, skip_none=False))
    except (ArgumentError, ValueError, TypeError):
        return recorded
    return plain


def check_unchanged(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    checkpoint: Path,
    model: nn.Module,
    arguments: Sequence[str],
) -> None:
    """Compare the config with that of the run to be resumed, before anything is overwritten.

    Args:
        before: The config with which the run was started, or the known part of it, plain values.
        after: The new config.
        checkpoint: The checkpoint to resume.
        model: The model of the new config.
        arguments: The command line, starting with the subcommand.

    Raises:
        ValueError: If the configs differ in a way that is not allowed; the message lists the differences and shows how
            to start a new run.
    """
    changes = config_changes(before, after)
    if not changes:
        return
    try:
        check_checkpoint(checkpoint, model)
    except ValueError:
        how = "train this model without --ckpt_path, because these weights do not fit it"
    else:
        how = f"start a new run from its weights: {command_from_weights(arguments, checkpoint)}"
    run = folder_of_checkpoint(checkpoint) or checkpoint
    raise ValueError(f"{run} was trained with another config ({'; '.join(changes)}); resume it unchanged, or {how}")


def config_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the differences between two configs of one run, except those allowed when resuming.

    The end of training, logging, assays, checkpoints and the corresponding Lightning callbacks may change.

    Args:
        before: The config with which the run was started, or the known part of it, plain values.
        after: The new config.

    Returns:
        Differences, e.g. ``"model.optimizer.lr: 0.01 -> 0.0001"``, with the names of the command line.
    """
    known = {key: after.get(key) for key in before}
    return [f"{key}: {_text(old)} -> {_text(new)}" for key, old, new in _differences(before, known, "")]


def _differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if path in _FREE:
        return
    if path == "trainer.callbacks":
        before, after = _binding(before), _binding(after)
    of_one_class = isinstance(before, Mapping) and isinstance(after, Mapping)
    if of_one_class and before.get("class_path") == after.get("class_path"):
        for key in dict.fromkeys([*before, *after]):
            inner = path if key == "init_args" else f"{path}.{key}".lstrip(".")
            yield from _differences(before.get(key), after.get(key), inner)
    elif _are_like_lists(before, after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}[{number}]")
    elif before != after and not any(str(value).startswith(_UNKNOWN) for value in (before, after)):
        yield path, before, after


def _are_like_lists(before: Any, after: Any) -> bool:
    """Return whether two values are lists of the same classes, so that only arguments of the classes may differ."""
    lists = [value if isinstance(value, list) else [] for value in (before, after)]
    classes = [[entry.get("class_path") if isinstance(entry, Mapping) else None for entry in value] for value in lists]
    return classes[0] == classes[1] != [] and None not in classes[0]


def _binding(given: Any) -> list[Any]:
    """Return the callbacks that may affect training."""
    given = given if isinstance(given, list) else [given]
    return [entry for entry in given if entry is not None and not _is_free(entry)]


def _is_free(entry: Any) -> bool:
    module, _, name = str(entry.get("class_path") if isinstance(entry, Mapping) else entry).rpartition(".")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        return False
    return isinstance(kind, type) and issubclass(kind, _FREE_CALLBACKS)


def _text(value: Any) -> str:
    """Format a value as in a config, on one line; an object is shown by its class."""
    if isinstance(value, Mapping) and "class_path" in value:
        return str(value["class_path"]).rpartition(".")[2]
    if isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        return f"[{', '.join(map(_text, value))}]"
    line: str = yaml.safe_dump(value, default_flow_style=True, width=10**9)
    return line.removesuffix("...\n").strip()
