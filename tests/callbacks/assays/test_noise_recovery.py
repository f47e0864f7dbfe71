"""How much latent noise survives a round trip, in validation."""

import pytest
import torch
from torch import Tensor

from lr_lightning.assays.noise_recovery import noise_recovery
from lr_lightning.callbacks import NoiseRecoveryAssay
from lr_lightning.testing import AssayTester
from tests.assays.models import responding_by
from tests.callbacks.assays.runs import assert_says, context_of


class TestNoiseRecoveryAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = NoiseRecoveryAssay
    arguments = {"num_samples": 6, "multiples": [0.5, 2.0]}
    invalid_arguments = ({"num_samples": 1}, {"multiples": [0.0]})
    reports_progress = True


def test_noise_has_the_size_of_the_posterior(codes: Tensor) -> None:
    model = responding_by(lambda z: 2 * (z / 2).round(), 2)
    log_variances = torch.full_like(codes, -2.0).add_(codes.sign())
    assay = NoiseRecoveryAssay(num_samples=20, multiples=[1])
    result = assay.run(context_of(model, codes, log_variances))
    generator = torch.Generator().manual_seed(0)
    rows = torch.randperm(30, generator=generator)[:20]
    sigma = (0.5 * log_variances[rows]).exp()
    expected = noise_recovery(model, codes[rows], sigma, multiples=[1], generator=generator)
    assert result.scalars == {
        "ratio_1": pytest.approx(expected.ratio.item()),
        "median_1": pytest.approx(expected.latents.mean().item()),  # of two latents
        "num_latents": 2,
    }
    assert 0.05 < result.scalars["ratio_1"] < 2
    deterministic = assay.run(context_of(model, codes))
    assert deterministic.scalars["ratio_1"] != result.scalars["ratio_1"]


def test_passive_latents_do_not_count() -> None:
    codes = torch.randn(400, 5, generator=torch.Generator().manual_seed(1))
    codes[:, 3:] *= 0.01  # of a collapsed posterior, whose noise is the largest and which the decoder ignores
    kept = torch.tensor([0.9, 0.7, 0.5, 0.0, 0.0])
    model = responding_by(lambda z: kept * z, 5)
    log_variances = torch.full_like(codes, 0.05).square().log()
    log_variances[:, 3:] = 2 * torch.tensor(0.8).log()
    result = NoiseRecoveryAssay(num_samples=400, multiples=[1]).run(context_of(model, codes, log_variances))
    assert result.scalars["median_1"] == pytest.approx(0.7, abs=1e-5)
    assert 0.5 < result.scalars["ratio_1"] < 0.9  # of all latents together .05
    assert result.scalars["num_latents"] == 3
    columns, rows = result.tables["latents"]
    assert columns == ["latent", "active", "ratio_1"]
    assert [row[1] for row in rows] == ["yes"] * 3 + ["no"] * 2
    assert [row[2] for row in rows] == pytest.approx(kept.tolist(), abs=1e-5)
    assert not result.warnings
    deterministic = NoiseRecoveryAssay(num_samples=400, multiples=[1]).run(context_of(model, 0.01 * codes))
    assert deterministic.scalars["num_latents"] == 3  # .01 of the largest is passive whatever the unit
    (warning,) = NoiseRecoveryAssay(multiples=[1]).run(context_of(model, 0.01 * codes, log_variances)).warnings
    assert "No latent is active" in warning


@pytest.mark.parametrize(
    ("scalars", "parts"),
    [
        ({"ratio_0.5": 0.1, "ratio_1": 0.21, "ratio_8": 0.9}, ["21% of noise of 1 standard deviation "]),
        (
            {"ratio_1": 0.17, "ratio_4": 0.5, "median_1": 0.7, "median_4": 0.9, "num_latents": 8.0},
            ["70% of noise of 1 standard deviation ", "8 active latents together, 17%"],
        ),
        ({"ratio_8": 0.9, "ratio_2": 0.3}, ["30% of noise of 2 standard deviations "]),
    ],
)
def test_interpretations(scalars: dict[str, float], parts: list[str]) -> None:
    assert_says(NoiseRecoveryAssay(), scalars, parts)
