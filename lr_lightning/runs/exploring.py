"""The model of a run with its data and its scores, as the explorer shows them."""

from collections.abc import Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import NamedTuple, cast

import torch
from pytorch_lightning import LightningDataModule

from lr_lightning.commands.assay.trainer import SETTINGS
from lr_lightning.commands.failure import sentence
from lr_lightning.commands.fit.training import prepare
from lr_lightning.commands.run.checkpoints import read_checkpoint
from lr_lightning.commands.run.exported import find_run
from lr_lightning.commands.run.folder import CONFIG
from lr_lightning.commands.run.run_argument import folder_and_checkpoint
from lr_lightning.data import FactorDataset
from lr_lightning.explorer.explored_model import ExploredModel, ExploredScore
from lr_lightning.models import AutoencoderModule
from lr_lightning.runs.codes import RunCodes, encode_observations
from lr_lightning.runs.command_lines import Loading, LoadingModel
from lr_lightning.runs.run import Run, with_weights

_MOST_CODES = 2048
_MOST_VALUES = _MOST_CODES * 3 * 64 * 64
"""Number of values of all observations that are encoded, which bounds their memory."""


class _Opened(NamedTuple):
    """A model and the data that could be opened."""

    model: AutoencoderModule
    dataset: FactorDataset | None
    codes: RunCodes | None
    notes: tuple[str, ...] = ()


def find_checkpoint(target: str) -> tuple[Run, Path]:
    """Return the run that a user names, and the checkpoint with its weights.

    Args:
        target: A run folder or a checkpoint in one, an exported model or its weights, or the name of a packaged model.

    Raises:
        FileNotFoundError: If there is no config or no checkpoint.
    """
    folder, checkpoint = folder_and_checkpoint(find_run(target), "best")
    return Run(folder.absolute()), checkpoint


def explored_run(
    run: Run, checkpoint: Path, words: Sequence[str] = (), device: torch.device | str = "cpu"
) -> ExploredModel:
    """Return a model of a run with codes of its validation set; call it within an isolated state of the process.

    If the data cannot be opened, there are no codes, and a note gives the reason.

    Args:
        run: The run.
        checkpoint: A checkpoint with the weights of one model.
        words: Words of a command line that replace values of the config. With them, data that cannot be opened are an
            error.
        device: Device of the model.

    Raises:
        FileNotFoundError: If there is no such checkpoint.
        ValueError: If it is damaged, has several models or does not fit the config, or a record of the run is damaged.
        UsageError: If ``words`` are invalid.
    """
    content = read_checkpoint(checkpoint)
    if content.get("seeds") is not None:
        names = ", ".join(f"seed_{seed}.ckpt" for seed in content["seeds"])
        raise ValueError(f"{checkpoint} contains {len(content['seeds'])} models; choose one of {names} beside it")
    opened = _open(run, checkpoint, words, torch.device(device))
    model, codes = opened.model, opened.codes
    steps = int(content["global_step"])
    network = type(model.network).__name__
    return ExploredModel(
        autoencoder=model,
        title=f"{type(model).__name__} on {_data_name(run, opened.dataset)}",
        subtitle=f"{network}, {model.latent_dim} latents, {steps:,} steps, {run.folder.name}",
        codes=None if codes is None else codes.codes.cpu(),
        log_variances=None if codes is None or codes.log_variances is None else codes.log_variances.cpu(),
        factors=None if codes is None else codes.factors,
        dataset=opened.dataset,
        scores=_scores(run, steps, content.get("noise_seed")),
        cautions=_cautions(run),
        notes=opened.notes,
    )


def _open(run: Run, checkpoint: Path, words: Sequence[str], device: torch.device) -> _Opened:
    line = ["validate", f"--config={run.folder / CONFIG}", *SETTINGS]
    try:
        loaded = prepare([*line, *words], partial(Loading, folder=run.folder, checkpoint=checkpoint))
        loaded.convert_data()
        model = cast(AutoencoderModule, with_weights(loaded.model, checkpoint)).to(device)
        return _encoded(model, loaded.datamodule)
    except (OSError, ValueError) as error:
        if words:
            raise
        # raises the same error again unless the data are to blame
        alone = prepare(line, partial(LoadingModel, folder=run.folder, checkpoint=checkpoint))
        model = cast(AutoencoderModule, with_weights(alone.model, checkpoint)).to(device)
        note = f"The data could not be opened ({sentence(error).rstrip('.')}), so the page shows nothing of them."
        return _Opened(model, None, None, (note,))


def _encoded(model: AutoencoderModule, module: LightningDataModule) -> _Opened:
    """Return the model with codes of the validation set, or of random observations if there is none."""
    dataset = getattr(module, "dataset", None)
    if not isinstance(dataset, FactorDataset):
        note = f"The data module {type(module).__name__} has no data set, so the page shows nothing of the data."
        return _Opened(model, None, None, (note,))
    module.prepare_data()
    module.setup("validate")
    indices = getattr(module, "val_indices", None)
    if indices is None:
        indices = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))
    count = min(_MOST_CODES, max(_MOST_VALUES // max(prod(dataset.image_shape), 1), 2))
    return _Opened(model, dataset, encode_observations(model, dataset, indices[:count]))


def _data_name(run: Run, dataset: FactorDataset | None) -> str:
    """Return the name of the data set; if it could not be opened, that of its class."""
    if dataset is not None:
        return dataset.name
    arguments = (run.config.get("data") or {}).get("init_args") or {}
    entry = arguments.get("dataset")
    path = entry.get("class_path") if isinstance(entry, dict) else entry
    return path.rpartition(".")[2] if isinstance(path, str) else "unknown data"


def _scores(run: Run, steps: int, seed: int | None) -> list[ExploredScore]:
    """Return the scores of one model of a run, with a caution where they are those of other weights."""
    scores = list(run.scores)
    if len({score.seed for score in scores}) > 1:
        scores = [score for score in scores if score.seed == seed]
    return [
        ExploredScore(score.row, "" if score.step == steps else f"of step {score.step:,}, not {steps:,}")
        for score in scores
    ]


def _cautions(run: Run) -> list[str]:
    """Return the cautions of the last command that recorded any."""
    recorded = [record.get("cautions") for record in run.results.values()]
    found = [cautions for cautions in recorded if isinstance(cautions, list)]
    return [str(caution) for caution in found[-1]] if found else []
