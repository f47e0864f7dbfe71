"""Scores with levels and cautions."""

import math
from typing import Any

import torch

from lr_lightning.explorer.explored_model import ExploredScore
from lr_lightning.explorer.score_entries import score_entries
from lr_lightning.metrics.score_table import ScoreRow


def entry(value: float, chance: float | None, higher: bool = True, caution: str = "") -> dict[str, Any]:
    row = ScoreRow("mig", "mig", "score", value, None, 0.987654321, chance, higher, 10, 5, 0.1)
    [found] = score_entries([ExploredScore(row, caution)], None, torch.Generator())
    return found


def test_values_and_levels() -> None:
    assert entry(0.5, 0.1) == {
        "name": "mig",
        "value": 0.5,
        "chance": 0.1,
        "ceiling": 0.987654,
        "higher_is_better": True,
        "caution": "",
    }


def test_cautions() -> None:
    assert entry(0.1, 0.1)["caution"] == "no better than chance"
    assert entry(0.2, 0.1, higher=False)["caution"] == "no better than chance"
    assert entry(0.05, 0.1, higher=False)["caution"] == ""
    assert entry(0.05, None)["caution"] == ""
    assert entry(math.nan, 0.1) | {"ceiling": 1} == {
        "name": "mig",
        "value": None,
        "chance": 0.1,
        "ceiling": 1,
        "higher_is_better": True,
        "caution": "undefined",
    }
    assert entry(0.05, 0.1, caution="of step 3, not 4")["caution"] == "of step 3, not 4; no better than chance"
