"""The results of a run that belong to the weights that are shared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lr_lightning.metrics.score_files import json_row
from lr_lightning.runs.results import read_results, scores_at, scores_of
from lr_lightning.runs.scores import RunScore
from lr_lightning.training.member_statistics import scalars_of_member, seed_name


@dataclass(frozen=True)
class SharedWeights:
    """Which weights of a run are shared.

    Attributes:
        name: Name of the checkpoint, without ``.ckpt``.
        step: Training step of the weights.
        validation: Means over the validation set at this step, by key such as ``"val/loss"``, ``None`` where they are
            not finite; empty if unknown.
        seed: Seed of the model if it is one of an ensemble, otherwise ``None``.
        seeds: Seeds of the ensemble; empty for a run of one model.
    """

    name: str
    step: int
    validation: Mapping[str, float | None]
    seed: int | None = None
    seeds: tuple[int, ...] = ()


def shared_results(folder: Path, weights: SharedWeights) -> dict[str, Any]:
    """Return the content of ``results.json`` of an exported model.

    Evaluations of other weights of the run are left out. The entry of training says how the run was trained; its
    scalars and scores are those at the step of the weights: all if training ended there, otherwise the means over the
    validation set and the scores of the validation at which the weights were saved.

    Args:
        folder: The run folder.
        weights: The weights.

    Returns:
        The entries of ``results.json`` by command, without the config but with ``scores``, a list of objects. The entry
        of training also has ``trained_steps``, the number of steps of the whole run.

    Raises:
        ValueError: If the record of the run is damaged.
    """
    shared = {}
    for stage, record in read_results(folder).items():
        if _is_of(record, weights):
            scores = scores_of(folder, stage, record)
            entry = record | {"scalars": _scalars(record, weights, scores)}
        elif stage == "fit":
            scores = scores_at(folder, weights.step)
            # cautions are about the last validation
            entry = record | {"scalars": dict(weights.validation), "cautions": [], "failed_assays": {}}
        else:
            continue
        entry |= {"step": weights.step, "scores": list(_rows(scores, weights, record.get("seed")))}
        entry |= {"trained_steps": record.get("step")} if stage == "fit" else {}
        entry |= {} if weights.seed is None else {"seed": weights.seed}
        shared[stage] = {key: value for key, value in entry.items() if key != "config"}
    return shared


def _is_of(record: Mapping[str, Any], weights: SharedWeights) -> bool:
    """Return whether an entry of ``results.json`` is about the shared weights, alone or beside those of other seeds."""
    if record.get("step") != weights.step:
        return False
    return weights.seed is None or record.get("seed") == weights.seed or _is_of_ensemble(record, weights.seed)


def _is_of_ensemble(record: Mapping[str, Any], seed: int) -> bool:
    """Return whether an entry is about several models, one of them with this seed."""
    return any(key.startswith(f"{seed_name(seed)}/") for key in record.get("scalars", {}))


def _scalars(record: Mapping[str, Any], weights: SharedWeights, scores: Iterable[RunScore]) -> dict[str, Any]:
    """Return the scalars of the weights; a validation logs scores that it did not compute again, those are left out."""
    scalars: dict[str, Any] = record.get("scalars", {})
    if weights.seed is not None and _is_of_ensemble(record, weights.seed):
        scalars = scalars_of_member(scalars, seed_name(weights.seed), list(map(seed_name, weights.seeds)))
    earlier = {f"metric/{each.row.metric}/{each.row.variant}" for each in scores if each.step != weights.step}
    return {key: value for key, value in scalars.items() if key not in earlier}


def _rows(scores: Iterable[RunScore], weights: SharedWeights, seed: Any) -> Iterable[dict[str, Any]]:
    """Yield the scores of the weights as they are stored."""
    own = seed if weights.seed is None else weights.seed
    for score in scores:
        if score.step == weights.step and score.seed in (weights.seed, own):
            yield {"seed": own, "step": score.step} | json_row(score.row)
