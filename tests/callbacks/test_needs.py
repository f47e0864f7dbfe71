"""Requirements of assays on models and data."""

import pytest
import torch

from lr_lightning.callbacks.needs import (
    Need,
    Target,
    first_missing,
    full_factor_grid,
    images,
    images_or_points,
    labels,
    two_latents,
    varying_factors,
)
from lr_lightning.data import DoubleHelix, FactorSpace, TensorFactorDataset
from tests.conftest import Bars

UNLABELED = TensorFactorDataset("plain", torch.zeros(4, 3, 8, 8), torch.empty(4, 0).long(), FactorSpace([], []))
NEEDS = (full_factor_grid, labels, varying_factors, images, images_or_points, two_latents)


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target((3, 8, 8), 4, Bars()), set(NEEDS)),
        (Target((3,), 1, DoubleHelix(num_samples=8)), {labels, images_or_points}),
        (Target((2, 8, 8), 4, None), {varying_factors, two_latents}),
        (Target((3, 8, 8), 4, UNLABELED), {varying_factors, images, images_or_points, two_latents}),
    ],
    ids=["images", "points", "unknown data", "unlabeled images"],
)
def test_needs(target: Target, met: set[Need]) -> None:
    assert {need for need in NEEDS if need(target) is None} == met


@pytest.mark.parametrize("need", [full_factor_grid, labels])
def test_missing_factors_are_named_as_such(need: Need) -> None:
    assert need(Target((3, 8, 8), 4, UNLABELED)) == "plain has no factors"


def test_the_first_unmet_need_is_named() -> None:
    points = Target((3,), 1, DoubleHelix(num_samples=8))
    missing = first_missing([images_or_points, varying_factors, two_latents], points)
    assert missing is not None
    assert "double_helix" in missing
    assert first_missing([images_or_points], points) is None
