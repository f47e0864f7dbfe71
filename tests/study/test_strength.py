"""The strength of a cell."""

from typing import Any

import pytest

from lr_lightning.study.manifest import Cell, Manifest
from lr_lightning.study.strength import strengths


def strengths_of(*blocks: list[dict[str, Any]]) -> list[float | None]:
    """Return the strengths of cells with these parameters, by block."""
    cells = tuple(
        Cell(f"{block}-{i}", block, f"{block}-{i}", "BetaVAE", "DSprites", parameters)
        for block, of_block in enumerate(blocks)
        for i, parameters in enumerate(of_block)
    )
    return list(strengths(Manifest("s", "d", "0", cells, (0,))).values())


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ([{"model.beta": 1, "model.c": 3}, {"model.beta": 4, "model.c": 3}], [1, 4]),
        ([{"data.size": 1, "data.dataset": "A"}, {"data.size": 2, "data.dataset": "B"}], [1, 2]),
        ([{"model.beta": 1, "data.size": 1}, {"model.beta": 4, "data.size": 2}], [1, 4]),
        ([{"model.beta": 1, "model.c": 1}, {"model.beta": 4, "model.c": 2}], [None, None]),
        ([{"model.beta": 4, "data.size": 1, "data.dataset": "A"}, {"model.beta": 4, "data.size": 1}], [4, 4]),
        ([{"model.beta": 4, "model.c": 1}], [None]),
        ([{"data.size": 4}], [None]),
        ([{"model.flag": True}, {"model.flag": False}], [None, None]),
        ([{"model.beta": 1}, {"model.beta": None}, {"model.beta": 0.5}], [1, None, 0.5]),
        ([{}], [None]),
    ],
)
def test_it_is_the_number_that_the_block_varies(block: list[dict[str, Any]], expected: list[float | None]) -> None:
    assert strengths_of(block) == expected


def test_each_block_has_its_own() -> None:
    assert strengths_of([{"model.beta": 1}, {"model.beta": 2}], [{"model.gamma": 10}, {"model.gamma": 20}]) == [
        1,
        2,
        10,
        20,
    ]
