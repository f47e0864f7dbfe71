"""Exports a model: writes a folder with all that is needed to use it elsewhere."""

import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml

from lr_lightning.callbacks.run.run_record import RESULTS
from lr_lightning.commands.config.resume_check import config_of_run
from lr_lightning.commands.fit.seeds import seeds_of_run
from lr_lightning.commands.fit.training import prepare
from lr_lightning.commands.run.checkpoints import read_checkpoint
from lr_lightning.commands.run.exported import is_exported
from lr_lightning.commands.run.folder import CONFIG, folder_of_checkpoint
from lr_lightning.commands.run.weights_file import WEIGHTS, write_weights
from lr_lightning.common.files import replaced_folder
from lr_lightning.models import AutoencoderModule
from lr_lightning.runs.command_lines import QUIET, LoadingModel
from lr_lightning.runs.isolation import run_isolated
from lr_lightning.runs.sharing.card import CARD, SharedModel, model_card
from lr_lightning.runs.sharing.onnx_files import ONNX_FILES, OnnxFile, check_packages, write_onnx
from lr_lightning.runs.sharing.portable_config import portable_config
from lr_lightning.runs.sharing.shared_results import SharedWeights, shared_results
from lr_lightning.training.member_statistics import seed_name

FILES = (WEIGHTS, CONFIG, RESULTS, CARD)
"""The files of every exported folder; :data:`ONNX_FILES` may be added."""
LICENSE = "MIT"
"""License of weights that were trained with this package, unless another is given: that of the package."""
_HEADER = "# The complete config of this model. To train it again: lr-lightning fit --config config.yaml\n"


class Exported(NamedTuple):
    """An exported model.

    Attributes:
        folder: Its folder.
        step: Training step of the weights.
        num_bytes: Size of the file with the weights.
        license: License of the weights.
        results: The content of its ``results.json``.
        onnx: Encoder and decoder as ONNX; empty if they were not exported.
    """

    folder: Path
    step: int
    num_bytes: int
    license: str
    results: Mapping[str, Any]
    onnx: Sequence[OnnxFile] = ()


def export_run(
    run: Path,
    checkpoint: Path,
    out: Path,
    *,
    license_: str | None = None,
    notes: str = "",
    onnx: bool = False,
    overwrite: bool = False,
) -> Exported:
    """Write weights, config, results and model card of one model of a run to a folder.

    The folder is written under a temporary name beside it and renamed, after the model has been built from its config
    and weights. Nothing is written to the run folder.

    Args:
        run: The run folder.
        checkpoint: The checkpoint with the weights.
        out: The folder to write.
        license_: License of the weights; by default that of the project that an imported model is from, otherwise
            :data:`LICENSE`.
        notes: Text for the model card, Markdown.
        onnx: Whether to write encoder and decoder as ONNX as well.
        overwrite: Whether to replace an exported model there.

    Raises:
        FileExistsError: If ``out`` has other files than those of an exported model, or if it has these and
            ``overwrite`` is not set.
        ValueError: If the checkpoint is not one of the run, is damaged, has several models or does not fit its config,
            or if a record of the run is damaged or the run is an exported model already. Also if ``onnx`` is set and
            encoder or decoder cannot be exported, see :func:`~lr_lightning.runs.sharing.onnx_files.write_onnx`.
        ModuleNotFoundError: If ``onnx`` is set and a package of the extra ``explore`` is missing.
        OSError: If the folder cannot be written.
    """
    if is_exported(run):
        raise ValueError(f"{run} is an exported model already; copy the folder")
    if folder_of_checkpoint(checkpoint) != run.resolve():
        raise ValueError(f"{checkpoint} is no checkpoint of the run {run}, so its config and scores are unknown")
    check_out(out, overwrite)
    if onnx:
        check_packages()
    content = read_checkpoint(checkpoint)
    recorded = config_of_run(run)
    weights = _shared_weights(checkpoint, content, recorded)
    config = portable_config(recorded, weights.seed)
    results = shared_results(run, weights)
    license_ = license_ or results.get("import", {}).get("license") or LICENSE
    with replaced_folder(out) as folder:
        write_weights(folder / WEIGHTS, content["state_dict"], weights.step, content.get("noise_seed"))
        (folder / CONFIG).write_text(_HEADER + yaml.safe_dump(config, sort_keys=False, allow_unicode=True), "utf-8")
        (folder / RESULTS).write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", "utf-8")
        loaded = _load(folder)
        model = cast(AutoencoderModule, loaded.model)
        onnx_files = run_isolated(lambda: write_onnx(model, folder), quiet=True) if onnx else []
        shared = SharedModel(
            name=out.resolve().name,
            model=model,
            weights=weights,
            config=config,
            results=results,
            assays=run_isolated(loaded.assays, quiet=True),
            license=license_,
            notes=notes,
            started_from=_end(recorded.get("initial_weights")),
            onnx=onnx_files,
        )
        (folder / CARD).write_text(model_card(shared), "utf-8")
        num_bytes = (folder / WEIGHTS).stat().st_size
    return Exported(out, weights.step, num_bytes, license_, results, onnx_files)


def check_out(out: Path, overwrite: bool) -> None:
    """Raise ``FileExistsError`` if there is something at ``out`` that an export must not replace."""
    if out.is_file():
        raise FileExistsError(f"{out} is a file; choose a folder with --out")
    if not out.exists():
        return
    if (out / CONFIG).exists() and not is_exported(out):
        raise FileExistsError(f"{out} is a run folder; choose another with --out")
    others = sorted(path.name for path in out.iterdir() if path.name not in (*FILES, *ONNX_FILES))
    if others:
        raise FileExistsError(
            f"{out} contains {others[0]!r}, which is no part of an exported model; choose another folder with --out"
        )
    if any(out.iterdir()) and not overwrite:
        raise FileExistsError(
            f"{out} is an exported model; add --overwrite to replace it, or choose another with --out"
        )


def _shared_weights(checkpoint: Path, content: Mapping[str, Any], config: Mapping[str, Any]) -> SharedWeights:
    """Return which weights of a run a checkpoint has.

    Raises:
        ValueError: If it has several models.
    """
    seeds = content.get("seeds")
    if seeds is not None:
        paths = ", ".join(str(checkpoint.with_name(f"{seed_name(seed)}.ckpt")) for seed in seeds)
        raise ValueError(
            f"{checkpoint} contains {len(seeds)} models, and one is exported at a time; use one of {paths}"
        )
    several = _seeds(config)
    # the metrics of other checkpoints may be those of an earlier validation
    monitor = (config.get("checkpoint") or {}).get("monitor") or ""
    is_validated = checkpoint.stem == "best" and monitor.startswith("val/")
    metrics = content.get("metrics", {}) if is_validated else {}
    validation = {key: _json_number(float(value)) for key, value in metrics.items() if key.startswith("val/")}
    seed = content.get("noise_seed") if several else None
    return SharedWeights(checkpoint.stem, content["global_step"], validation, seed, several)


def _seeds(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the seeds of an ensemble, none for a run of one model."""
    return tuple(seeds_of_run(config.get("seeds"), config.get("seed_everything", False)) or ())


def _load(folder: Path) -> LoadingModel:
    """Return the model that a folder describes, with its weights, as whoever receives the folder will load it."""
    words = ["validate", f"--config={folder / CONFIG}", "--trainer.logger=false", *QUIET]
    kind = partial(LoadingModel, folder=folder, checkpoint=folder / WEIGHTS)
    loaded = run_isolated(lambda: prepare(words, kind), quiet=True)
    loaded.model.load_state_dict(read_checkpoint(folder / WEIGHTS)["state_dict"])
    return loaded


def _json_number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _end(path: Any) -> str:
    """Return the last two parts of a path, none for ``None``."""
    return "" if path is None else "/".join(Path(path).parts[-2:])
