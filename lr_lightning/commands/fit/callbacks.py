"""The assays and checkpoint callbacks of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pytorch_lightning.callbacks import Callback

from lr_lightning.callbacks import AssayCallback, DisentanglementAssay, EnsembleAssay, RunCheckpoint, SeedCheckpoints


def named_assays(assays: Mapping[str, AssayCallback | None]) -> list[AssayCallback]:
    """Return the assays that are not ``None``; each is named, and logs, as in the mapping."""
    named = []
    for name, assay in assays.items():
        if assay is not None:
            assay.name = name
            named.append(assay)
    return named


def with_scores(assays: Mapping[str, AssayCallback | None]) -> dict[str, AssayCallback | None]:
    """Return the assays plus disentanglement scores, unless they have them already or set them to ``None``."""
    if any(isinstance(assay, DisentanglementAssay) for assay in assays.values()):
        return dict(assays)
    return {**assays, DisentanglementAssay.name: assays.get(DisentanglementAssay.name, DisentanglementAssay())}


def of_each_seed(callback: Callback) -> Callback:
    """Return the callback of an ensemble: an assay runs on each of its models, all others are unchanged."""
    return EnsembleAssay(callback) if isinstance(callback, AssayCallback) else callback


def checkpoint_callbacks(
    folder: Path, best: tuple[str, Literal["min", "max"]] | None, seeds: Sequence[int] | None
) -> list[Callback]:
    """Return the callbacks that save ``best.ckpt`` and ``last.ckpt``, and the checkpoints of each seed.

    Args:
        folder: Folder of the checkpoints.
        best: Key that selects the best checkpoint, and ``"min"`` or ``"max"``; ``None`` if nothing is validated.
        seeds: Seeds of an ensemble, ``None`` for a single model.
    """
    callbacks: list[Callback] = [] if best is None else [RunCheckpoint(folder, "best", *best)]
    callbacks.append(RunCheckpoint(folder, "last"))
    return callbacks if seeds is None else [*callbacks, SeedCheckpoints(folder)]
