"""Reconstructions in validation."""

from lr_lightning.callbacks import ReconstructionAssay
from lr_lightning.testing import AssayTester
from tests.callbacks.assays.runs import assert_says


class TestReconstructionAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = ReconstructionAssay
    arguments = {"num_samples": 4}
    invalid_arguments = ({"num_samples": 0},)


def test_interpretations() -> None:
    assert_says(ReconstructionAssay(), {"mean_squared_error": 0.04}, ["0.2"])
