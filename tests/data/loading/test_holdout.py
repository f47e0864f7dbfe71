"""Combinations held out from training, compared with an enumeration."""

from itertools import product
from typing import Any

import pytest
import torch

from lr_lightning.data import FactorDataset, FactorSpace, TensorFactorDataset
from lr_lightning.data.loading.holdout import holdout_mask

BARS = list(product(range(3), range(4), range(4)))  # colour, row, column


def combinations(dataset: FactorDataset, **options: Any) -> set[tuple[int, ...]]:
    """Return the combinations that are held out."""
    mask = holdout_mask(dataset, **options)
    assert mask.dtype == torch.bool
    return {tuple(row) for row in dataset.factors(mask.nonzero().flatten()).tolist()}


def test_held_out_takes_combinations_that_meet_a_whole_entry(bars: FactorDataset) -> None:
    found = combinations(bars, held_out=[{"colour": [0], "row": [1, 3]}])
    assert found == {(c, r, x) for c, r, x in BARS if c == 0 and r in (1, 3)}


def test_entries_of_held_out_add_up(bars: FactorDataset) -> None:
    found = combinations(bars, held_out=[{"colour": [0], "row": [1]}, {"column": [2]}])
    assert found == {(c, r, x) for c, r, x in BARS if (c == 0 and r == 1) or x == 2}


def test_restricted_takes_all_other_values(bars: FactorDataset) -> None:
    found = combinations(bars, restricted={"row": [0, 2], "column": [3]})
    assert found == {(c, r, x) for c, r, x in BARS if r not in (0, 2) or x != 3}


def test_both_together_take_the_union(bars: FactorDataset) -> None:
    both = combinations(bars, held_out=[{"colour": [0]}], restricted={"row": [0]})
    assert both == combinations(bars, held_out=[{"colour": [0]}]) | combinations(bars, restricted={"row": [0]})


def test_nothing_is_held_out_by_default(bars: FactorDataset) -> None:
    assert combinations(bars) == set()


def test_without_a_full_grid_labels_decide() -> None:
    labels = torch.tensor([[1], [0], [1], [2]])
    dataset = TensorFactorDataset("labels", torch.zeros(4, 1), labels, FactorSpace(["label"], [3]))
    assert holdout_mask(dataset, [{"label": [1]}]).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"held_out": [{"colr": [0]}]}, r"held_out.*'colr'.*'colour'"),
        ({"held_out": [{"colour": [0, 3]}]}, r"held_out.*colour.*0\.\.2.*3"),
        ({"held_out": [{"colour": [-1]}]}, r"held_out.*colour.*0\.\.2.*-1"),
        ({"held_out": [{"colour": []}]}, r"held_out.*colour.*\[\]"),
        ({"held_out": [{"row": [0]}, {}]}, r"held_out.*{}"),
        ({"restricted": {}}, r"restricted.*{}"),
        ({"restricted": {"rows": [0]}}, r"restricted.*'rows'.*'row'"),
        ({"restricted": {"row": [4]}}, r"restricted.*row.*0\.\.3.*4"),
    ],
)
def test_rejects(bars: FactorDataset, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        holdout_mask(bars, **options)
