"""Repeated decoding and encoding in validation."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lr_lightning.assays.attractors import find_attractors
from lr_lightning.assays.idempotence import idempotence_curve
from lr_lightning.assays.memorization import memorization
from lr_lightning.callbacks import DynamicsAssay
from lr_lightning.testing import AssayTester
from tests.assays.models import responding_by
from tests.callbacks.assays.runs import assert_says, context_of

SCALARS = {"attractors": 3.0, "not_converged": 0.1, "diverged": 0.05, "largest_basin": 0.5}
SCALARS |= {"first_step": 0.4, "last_step": 0.01, "nearest_code": 0.01, "code_spacing": 0.4}


class TestDynamicsAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = DynamicsAssay
    arguments = {"num_samples": 6, "max_steps": 20}
    invalid_arguments = (
        {"num_samples": 0},
        {"num_steps": 0},
        {"max_steps": 0},
        {"max_images": 0},
        {"tolerance": 0.0},
        {"starts": "data"},
    )
    reports_progress = True

    def test_an_untrained_network_has_one_attractor(self) -> None:
        """It contracts."""
        assert self.run(DynamicsAssay(num_samples=5)).scalars["attractors"] == 1


def test_dynamics_are_those_of_the_assays(codes: Tensor) -> None:
    model = responding_by(lambda z: 0.9 * z + 0.1 * z.sign(), 2)
    result = DynamicsAssay(num_samples=100, max_steps=500, num_steps=3).run(context_of(model, codes))
    curve = idempotence_curve(model, codes, num_steps=3)
    found = find_attractors(model, codes)
    near = memorization(found.positions, codes)
    assert result.scalars["first_step"] == pytest.approx(curve.total[0].item())
    assert result.scalars["last_step"] == pytest.approx(curve.total[2].item())
    assert result.scalars["attractors"] == 4
    assert result.scalars["largest_basin"] == found.shares[0]
    assert result.scalars["effective_attractors"] == pytest.approx(found.effective_number)
    assert result.scalars["nearest_code"] == pytest.approx(float((near.distances * found.shares).sum()), rel=1e-3)
    assert result.scalars["code_spacing"] == pytest.approx(near.spacing)
    assert set(result.figures) == {"idempotence", "attractors"}


def test_without_an_attractor_scalars_are_nan(codes: Tensor) -> None:
    result = DynamicsAssay(max_steps=3).run(context_of(responding_by(torch.neg, 2), codes))
    assert result.scalars["not_converged"] == 1
    assert result.scalars["attractors"] == result.scalars["largest_basin"] == 0
    assert np.isnan([result.scalars["nearest_code"], result.scalars["effective_attractors"]]).all()
    assert all(draw() for draw in result.figures.values())


@pytest.mark.parametrize("starts", ["posterior", "prior", "box"])
def test_starts_come_from_where_they_are_asked_for(codes: Tensor, starts: Any) -> None:
    far = codes * torch.tensor([0.1, 0.0]) + 50
    drawn = DynamicsAssay(starts=starts).run(context_of(responding_by(torch.zeros_like, 2), far)).arrays["starts"]
    assert len(drawn) == (30 if starts == "posterior" else 64)
    assert (drawn[:, 1] == 50).all() == (starts != "prior")
    rows = {tuple(row) for row in far.tolist()}
    assert all(tuple(row) in rows for row in drawn.tolist()) == (starts == "posterior")


@pytest.mark.parametrize(
    ("changed", "parts"),
    [
        (
            {},
            [
                "85% of the starts converge, to 3 attractors; the largest one attracts 50%",
                "0.4 latent units, the last of the curve by 0.01",
                "0.01 from the nearest code, and codes 0.4 from each other: much closer, as if memorized",
            ],
        ),
        ({"nearest_code": 0.2}, ["85%", "0.4", "no sign of memorized"]),
        ({"attractors": 0.0, "not_converged": 1.0, "nearest_code": math.nan}, ["No start converges", "0.4"]),
    ],
    ids=["memorized", "not memorized", "restless"],
)
def test_interpretations(changed: dict[str, float], parts: list[str]) -> None:
    assert_says(DynamicsAssay(), SCALARS | changed, parts)
