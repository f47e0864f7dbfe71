"""Combinations that training leaves out, against an enumeration."""

from itertools import product
from typing import Any

import pytest
import torch

from lr_lightning.data import FactorDataset, FactorSpace
from lr_lightning.data.loading.holdout import left_out
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset

BARS = list(product(range(3), range(4), range(4)))  # colour, row, column


def combinations(dataset: FactorDataset, **options: Any) -> set[tuple[int, ...]]:
    """Return the combinations that are left out."""
    outside = left_out(dataset, **options)
    assert outside.dtype == torch.bool
    return {tuple(row) for row in dataset.factors(outside.nonzero().flatten()).tolist()}


def test_held_out_leaves_out_where_all_factors_of_an_entry_meet(bars: FactorDataset) -> None:
    found = combinations(bars, held_out=[{"colour": [0], "row": [1, 3]}])
    assert found == {(c, r, x) for c, r, x in BARS if c == 0 and r in (1, 3)}


def test_entries_of_held_out_add_up(bars: FactorDataset) -> None:
    found = combinations(bars, held_out=[{"colour": [0], "row": [1]}, {"column": [2]}])
    assert found == {(c, r, x) for c, r, x in BARS if (c == 0 and r == 1) or x == 2}


def test_restricted_leaves_out_all_other_values(bars: FactorDataset) -> None:
    found = combinations(bars, restricted={"row": [0, 2], "column": [3]})
    assert found == {(c, r, x) for c, r, x in BARS if r not in (0, 2) or x != 3}


def test_both_together_leave_out_what_either_does(bars: FactorDataset) -> None:
    both = combinations(bars, held_out=[{"colour": [0]}], restricted={"row": [0]})
    assert both == combinations(bars, held_out=[{"colour": [0]}]) | combinations(bars, restricted={"row": [0]})


def test_nothing_is_left_out_unless_asked(bars: FactorDataset) -> None:
    assert combinations(bars) == set()


def test_sets_that_are_no_grid_are_read_by_their_labels() -> None:
    labels = torch.tensor([[1], [0], [1], [2]])
    dataset = TensorFactorDataset("labels", torch.zeros(4, 1), labels, FactorSpace(["label"], [3]))
    assert left_out(dataset, [{"label": [1]}]).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"held_out": [{"colr": [0]}]},
            "held_out: there is no factor 'colr'; did you mean 'colour'\\? The factors are",
        ),
        ({"held_out": [{"colour": [0, 3]}]}, "held_out: colour has the values 0 to 2, got 3"),
        ({"held_out": [{"colour": [-1]}]}, "held_out: colour has the values 0 to 2, got -1"),
        ({"held_out": [{"colour": []}]}, r"held_out must list values of colour, got \[\]"),
        ({"held_out": [{"row": [0]}, {}]}, "held_out must name a factor, got {}"),
        ({"restricted": {}}, "restricted must name a factor, got {}"),
        ({"restricted": {"rows": [0]}}, "restricted: there is no factor 'rows'; did you mean 'row'"),
        ({"restricted": {"row": [4]}}, "restricted: row has the values 0 to 3, got 4"),
    ],
)
def test_rejects(bars: FactorDataset, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        left_out(bars, **options)
