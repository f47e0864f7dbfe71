"""The Jacobian of the response map in validation."""

import math

import pytest
import torch

from lr_lightning.assays.response_jacobian import response_jacobian
from lr_lightning.callbacks import ResponseJacobianAssay
from lr_lightning.testing import AssayTester
from tests.callbacks.assays.runs import assert_says


class TestResponseJacobianAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = ResponseJacobianAssay
    arguments = {"num_samples": 4}
    invalid_arguments = ({"num_samples": 0}, {"threshold": 0.0})
    reports_progress = True

    def test_jacobian_is_that_of_the_drawn_codes(self) -> None:
        """Scalars are means over codes."""
        assay = self.make()
        result, context = self.run(assay), self.context(assay)
        expected = response_jacobian(context.autoencoder, context.draw_codes(4))
        assert result.scalars["divergence"] == pytest.approx(float(expected.divergence.mean()))
        torch.testing.assert_close(result.arrays["eigenvalues"], expected.eigenvalues)


@pytest.mark.parametrize(
    ("scalars", "parts"),
    [
        (
            {"spectral_radius": 0.9, "rank": 2.5, "antisymmetric_share": 0.1},
            ["2.5 of 10 directions", "0.9 on average: below 1", "10%"],
        ),
        (
            {"spectral_radius": 1.1, "rank": 2.5, "antisymmetric_share": math.nan},
            ["2.5", "1.1 on average: not below 1"],
        ),
        (dict.fromkeys(("spectral_radius", "rank", "antisymmetric_share"), math.nan), ["not finite"]),
    ],
    ids=["contracting", "expanding", "undefined"],
)
def test_interpretations(scalars: dict[str, float], parts: list[str]) -> None:
    assert_says(ResponseJacobianAssay(), scalars, parts)
