"""Whether latents act on observations independently of each other, in validation."""

import math

import pytest
import torch

from lr_lightning.assays.decoder_interaction import decoder_interaction
from lr_lightning.callbacks import DecoderInteractionAssay
from lr_lightning.testing import AssayTester
from tests.assays.models import responding_by
from tests.callbacks.assays.runs import assert_says, context_of


class TestDecoderInteractionAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = DecoderInteractionAssay
    arguments = {"num_samples": 5}
    invalid_arguments = ({"num_samples": 1},)
    reports_progress = True


def test_shares_are_those_of_the_drawn_codes() -> None:
    codes = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    model = responding_by(lambda z: z * z.roll(1, dims=1), 3)
    result = DecoderInteractionAssay(num_samples=20).run(context_of(model, codes))
    generator = torch.Generator().manual_seed(0)
    rows = torch.randperm(30, generator=generator)[:20]
    expected = decoder_interaction(model, codes[rows], generator=generator)
    assert torch.equal(result.arrays["matrix"], expected.matrix)
    assert result.scalars["mean_order"] == expected.mean_order
    assert result.scalars["interaction"] == expected.interaction
    pairs = [expected.matrix[i, j].item() for i, j in ((1, 0), (2, 0), (2, 1))]
    assert result.scalars["strongest_pair"] == max(pairs)
    assert result.scalars["latent_02"] == expected.matrix[2, 2]
    assert not result.warnings


@pytest.mark.filterwarnings("ignore:decoder interaction is undefined")
def test_it_warns_of_a_constant_decoder() -> None:
    model = responding_by(torch.zeros_like, 2)
    (warning,) = DecoderInteractionAssay().run(context_of(model, torch.randn(9, 2))).warnings
    assert "undefined" in warning


@pytest.mark.parametrize(
    ("scalars", "parts"),
    [
        ({"mean_order": 1.5, "strongest_pair": 0.25}, ["1.5 latents", "25% of the variance"]),
        ({"mean_order": math.nan, "strongest_pair": math.nan}, []),
    ],
)
def test_interpretations(scalars: dict[str, float], parts: list[str]) -> None:
    assert_says(DecoderInteractionAssay(), scalars, parts)
