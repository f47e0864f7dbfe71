"""The geometry of the decoder in validation."""

import math

import pytest
import torch

from lr_lightning.assays.decoder_geometry import decoder_geometry
from lr_lightning.callbacks import DecoderGeometryAssay
from lr_lightning.testing import AssayTester
from tests.callbacks.assays.runs import assert_says


class TestDecoderGeometryAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = DecoderGeometryAssay
    arguments = {"num_samples": 4, "active_threshold": None}
    invalid_arguments = ({"num_samples": 0}, {"active_threshold": -1.0})
    reports_progress = True

    def test_geometry_is_that_of_the_drawn_codes(self) -> None:
        """Scalars are medians over codes."""
        assay = self.make()
        result, context = self.run(assay), self.context(assay)
        expected = decoder_geometry(context.autoencoder, context.draw_codes(4))
        assert result.scalars["log_magnification"] == pytest.approx(float(expected.log_magnification.median()))
        assert result.scalars["num_latents"] == 3
        assert torch.equal(result.arrays["codes"], expected_codes(self))

    @pytest.mark.parametrize(("threshold", "latents"), [(1e-9, [1, 2]), (1e9, [0, 1, 2])])
    def test_passive_latents_are_left_out(self, threshold: float, latents: list[int]) -> None:
        """All latents are considered if none is active."""
        assay = DecoderGeometryAssay(num_samples=4, active_threshold=threshold)
        assert self.run(assay, "dead latent").arrays["latents"].tolist() == latents


def expected_codes(tester: AssayTester) -> torch.Tensor:
    """Return the codes that an assay with seed 0 draws."""
    return tester.context(tester.make()).draw_codes(4)


@pytest.mark.parametrize(
    ("scalars", "parts"),
    [
        (
            {"condition_number": 1234.0, "off_diagonal_share": 0.2, "num_latents": 1.0},
            ["1 latent is 1,234", "20% of the metric"],
        ),
        ({"condition_number": math.nan, "off_diagonal_share": math.nan, "num_latents": 1.0}, ["not finite"]),
    ],
)
def test_interpretations(scalars: dict[str, float], parts: list[str]) -> None:
    assert_says(DecoderGeometryAssay(), scalars, parts)
