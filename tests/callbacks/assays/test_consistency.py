"""Consistency under interventions in validation."""

import math

from lr_lightning.assays.consistency import consistency
from lr_lightning.callbacks import ConsistencyAssay
from lr_lightning.testing import AssayTester
from tests.callbacks.assays.runs import assert_says


class TestConsistencyAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = ConsistencyAssay
    arguments = {"num_samples": 9, "num_values": 2, "num_steps": 3}
    invalid_arguments = ({"num_samples": 1}, {"num_values": 0}, {"num_steps": 0})
    reports_progress = True

    def test_consistency_is_that_of_the_drawn_codes(self) -> None:
        """Scalars are means over latents, and the first and the last step."""
        assay = self.make()
        result, context = self.run(assay), self.context(assay)
        expected = consistency(context.autoencoder, context.draw_codes(9), num_values=2, num_steps=3)
        assert result.scalars["equivariance"] == float(expected.equivariance.mean())
        assert result.scalars["invariance"] == float(expected.mean_invariance)
        assert result.scalars["self_consistency_first"] == float(expected.self_consistency[0])
        assert result.scalars["self_consistency_last"] == float(expected.self_consistency[2])
        assert result.arrays["self_consistency_per_latent"].shape == (3, 3)


def test_interpretations() -> None:
    scalars = {"invariance": 0.9, "equivariance": math.nan}
    scalars |= {"self_consistency_first": 0.8, "self_consistency_last": 0.6}
    assert_says(ConsistencyAssay(), scalars, ["0.9", "0.8 after one", "0.6 after the last"])
