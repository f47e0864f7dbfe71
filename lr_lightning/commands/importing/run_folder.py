"""Writes the run folder of a model that was trained by another project."""

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from pytorch_lightning.__version__ import version
from pytorch_lightning.loggers import Logger
from torch import Tensor
from typing_extensions import override

from lr_lightning.callbacks.run.provenance import versions
from lr_lightning.callbacks.run.run_record import RESULTS
from lr_lightning.commands.config.reading import read_yaml
from lr_lightning.commands.fit.training import RunCLI, prepare
from lr_lightning.commands.run.folder import CHECKPOINTS, CONFIG, check_writable
from lr_lightning.common.files import replaced_folder
from lr_lightning.importers import IMPORTERS, ImportedModel


def import_run(name: str, source: Path, folder: Path) -> None:
    """Write a run folder with a model of another project.

    The folder is like that of a run that has been trained: it has ``config.yaml``, complete; both checkpoints, of
    weights only; and ``results.json`` with the model's origin. It appears complete or not at all.

    Args:
        name: Name of the format, in :data:`~lr_lightning.importers.IMPORTERS`.
        source: The file or folder to read.
        folder: The new run folder.

    Raises:
        FileExistsError: If ``folder`` exists, unless it is an empty folder.
        FileNotFoundError: If a file of the model is missing.
        ValueError: If there is no such format, or a file is damaged or has another format.
    """
    importer = IMPORTERS[name]()
    folder = folder.expanduser().absolute()
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists; choose a new folder with --out")
    model = importer.read(source.expanduser())
    check_writable(folder.parent, "folder", "--out")
    with replaced_folder(folder) as unfinished:
        config, weights = _resolved(model, folder, unfinished)
        origin = {"format": name, "url": importer.url, "license": importer.license, "notes": list(model.notes)}
        _write(unfinished, model, config, weights, origin)


class _Resolving(RunCLI):
    """Resolves a config and constructs its model, without a run.

    Args:
        folder: The run folder that the config is for.
    """

    def __init__(self, *args: Any, folder: Path, **kwargs: Any) -> None:
        self.folder = folder
        super().__init__(*args, **kwargs)

    @override
    def _folder_and_checkpoint(self) -> tuple[Path, Path | None]:
        return self.folder, None

    @override
    def _loggers(self, given: Any, folder: str) -> list[Logger] | bool:
        return False


def _resolved(model: ImportedModel, folder: Path, unfinished: Path) -> tuple[str, dict[str, Tensor]]:
    """Return the complete config as YAML, and the state dict of its model with the imported weights."""
    path = unfinished / CONFIG
    path.write_text(yaml.safe_dump(dict(model.config), sort_keys=False))
    command_line = prepare(["fit", f"--config={path}"], partial(_Resolving, folder=folder))
    command_line.model.load_state_dict(dict(model.weights))
    weights: dict[str, Tensor] = command_line.model.state_dict()
    config = command_line.config[command_line.subcommand].clone()
    return command_line._parser("fit").dump(config, skip_none=False, skip_validation=True), weights


def _write(
    folder: Path, model: ImportedModel, config: str, weights: Mapping[str, Tensor], origin: Mapping[str, Any]
) -> None:
    (folder / CONFIG).write_text(config)
    (folder / CHECKPOINTS).mkdir()
    checkpoint = {"state_dict": dict(weights), "global_step": model.step, "pytorch-lightning_version": version}
    for name in ("best", "last"):
        torch.save(checkpoint, folder / CHECKPOINTS / f"{name}.ckpt")
    record = {
        **origin,
        "file": model.weights_file.name,
        "sha256": hashlib.sha256(model.weights_file.read_bytes()).hexdigest(),
        "step": model.step,
        "config": read_yaml(config),
        "versions": versions(),
    }
    (folder / RESULTS).write_text(json.dumps({"import": record}, indent=2, allow_nan=False))
