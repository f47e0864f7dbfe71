"""Number of latents that the data move."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lr_lightning.metrics.active_units import ActiveUnits, active_units
from lr_lightning.metrics.core.sample import Sampling
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case


@pytest.mark.parametrize(("name", "expected"), list(zip(IDEAL_NAMES, [4, 4, 4, 4, 8, 4, 8, 2, 8, 4], strict=True)))
def test_ideal_cases(name: str, expected: int) -> None:
    codes, factors = ideal_case(name)
    result = active_units(codes, factors, sampling=FIRST_ROWS)
    assert result.value == expected
    assert result.scores["active_units"].ceiling == codes.shape[1]


def test_variance_is_compared_with_the_threshold() -> None:
    signs = torch.tensor([-1.0, 1.0]).repeat(50)[:, None]
    codes = signs * torch.tensor([0.099, 0.101, 2.0]) + 5
    assert active_units(codes).value == 2
    assert active_units(codes, threshold=0.0097).value == 3
    assert active_units(codes, threshold=4.1).value == 0
    assert active_units(codes).per_latent["variance"].tolist() == pytest.approx([0.099**2, 0.101**2, 4.0], rel=1e-4)


@given(st.integers(0, 5), st.integers(0, 5))
def test_agrees_with_the_active_latents_of_any_draw(seed: int, num_active: int) -> None:
    scale = torch.where(torch.arange(5) < num_active, 1.0, 1e-3)
    codes = torch.randn(60, 5, generator=torch.Generator().manual_seed(seed)) * scale
    result = active_units(codes, sampling=Sampling(20, 10, seed=seed))
    assert result.active is not None
    assert result.value == result.active.sum().item() == num_active
    assert result.num_train == 60


def test_only_rows_to_train_on_if_the_first_are_asked_for() -> None:
    codes = torch.zeros(60, 1)
    codes[40:] = torch.randn(20, 1, generator=torch.Generator().manual_seed(0))
    assert active_units(codes).value == 1
    result = active_units(codes, sampling=Sampling(40, 20, order="first"))
    assert (result.value, result.num_train) == (0, 40)


class TestActiveUnits(MetricTester):
    metric_class = ActiveUnits
    arguments = {"threshold": 1.02}
    invalid = [{"threshold": -1.0}]
    invariances = ["permuted latents", "dead latents"]
