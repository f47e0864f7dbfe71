"""Decoded images along each latent in validation."""

from lr_lightning.callbacks import LatentTraversalAssay
from lr_lightning.testing import AssayTester
from tests.callbacks.assays.runs import assert_says


class TestLatentTraversalAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = LatentTraversalAssay
    arguments = {"num_steps": 3}
    invalid_arguments = ({"num_steps": 1}, {"max_latents": 0})


def test_images_need_no_interpretation() -> None:
    assert_says(LatentTraversalAssay(), {}, [])
