"""The scores of a model with their levels and cautions."""

from collections.abc import Sequence
from typing import Any

import torch

from lr_lightning.assays.causal_scores import (
    causal_completeness_score,
    causal_disentanglement_score,
    permutation_null,
)
from lr_lightning.assays.conditioned_response import ConditionedResponseMatrix
from lr_lightning.explorer.explored_model import ExploredScore
from lr_lightning.explorer.plain_values import plain_number

_NUM_PERMUTATIONS = 200


def score_entries(
    scores: Sequence[ExploredScore], conditioned: ConditionedResponseMatrix | None, generator: torch.Generator
) -> list[dict[str, Any]]:
    """Return the entries of ``scores``: CDS and CCS of the conditioned matrix on the page, and those of the run.

    Args:
        scores: Scores of the run.
        conditioned: The conditioned matrix; ``None`` if there is none. Only that of a full grid has scores.
        generator: Source of the permutations for chance.
    """
    entries = [
        _entry(
            score.row.name,
            score.row.value,
            score.row.chance,
            score.row.ceiling,
            score.row.higher_is_better,
            score.caution,
        )
        for score in scores
    ]
    if conditioned is None or conditioned.pairs is not None:
        return entries
    chance = permutation_null(conditioned, num_permutations=_NUM_PERMUTATIONS, generator=generator).null.mean()
    cds, ccs = causal_disentanglement_score(conditioned.matrix), causal_completeness_score(conditioned.matrix)
    return [_entry("cds", float(cds), float(chance), 1.0), _entry("ccs", float(ccs), None, 1.0), *entries]


def _entry(
    name: str,
    value: float,
    chance: float | None,
    ceiling: float | None,
    higher_is_better: bool = True,
    caution: str = "",
) -> dict[str, Any]:
    """Return an entry; the caution says so where the score is undefined, or no better than chance."""
    shown, level = plain_number(value), plain_number(chance)
    cautions = [caution] if caution else []
    if shown is None:
        cautions.append("undefined")
    elif level is not None and (shown <= level if higher_is_better else shown >= level):
        cautions.append("no better than chance")
    return {
        "name": name,
        "value": shown,
        "chance": level,
        "ceiling": plain_number(ceiling),
        "higher_is_better": higher_is_better,
        "caution": "; ".join(cautions),
    }
