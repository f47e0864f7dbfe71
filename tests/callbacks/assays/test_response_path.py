"""Paths of small response between codes, in validation."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from lr_lightning.callbacks import ResponsePathAssay
from lr_lightning.testing import AssayTester
from tests.assays.models import responding_by
from tests.callbacks.assays.runs import assert_says, context_of

SCALARS = {"path_cost": 0.1, "line_cost": 0.3, "path_length": 2.0, "line_length": 1.5}


class TestResponsePathAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = ResponsePathAssay
    arguments = {"num_samples": 10, "num_pairs": 1, "num_neighbors": 3, "num_points": 4}
    invalid_arguments = ({"num_samples": 1}, {"num_pairs": 0}, {"num_neighbors": 0}, {"num_points": 1})
    reports_progress = True


def test_paths_on_a_ring_cost_less_than_lines(codes: Tensor) -> None:
    ring = codes / codes.norm(dim=1, keepdim=True)
    model = responding_by(lambda z: z / z.norm(dim=1, keepdim=True), 2)
    result = ResponsePathAssay(num_pairs=6).run(context_of(model, ring))
    assert result.scalars["path_cost"] < result.scalars["line_cost"]
    assert result.scalars["path_length"] > result.scalars["line_length"]
    assert len(result.arrays["pairs"]) == 6
    assert set(result.figures) == {"cost"}  # these observations are no images


def test_paths_between_equal_codes_are_nan() -> None:
    result = ResponsePathAssay().run(context_of(responding_by(lambda z: z, 2), torch.ones(9, 2)))
    assert np.isnan(list(result.scalars.values())).all()
    assert len(result.scalars) == 6
    assert not result.figures


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        ({}, ["are cheaper than straight lines: their mean squared response is 0.1 against 0.3"]),
        ({"path_cost": 0.4}, ["no cheaper than straight lines"]),
        ({"path_cost": math.nan, "line_cost": math.nan}, ["no path"]),
    ],
)
def test_interpretations(changed: dict[str, float], parts: list[str]) -> None:
    assert_says(ResponsePathAssay(), SCALARS | changed, parts)
