"""Response maps of pairs of latents in validation."""

import math
from pathlib import Path

import pytest
import torch

from lr_lightning.assays.latent_slice import LatentSlice
from lr_lightning.assays.response_map import response_map
from lr_lightning.callbacks import ResponseMapAssay
from lr_lightning.testing import AssayTester
from lr_lightning.testing.tiny_runs import tiny_data, tiny_model, tiny_trainer
from tests.callbacks.assays.runs import assert_says
from tests.conftest import Bars


class TestResponseMapAssay(AssayTester):
    """It passes the tests of all assays."""

    assay = ResponseMapAssay
    arguments = {"num_pairs": 1, "num_steps": 5, "num_images": 2, "num_samples": 8}
    invalid_arguments = (
        {"pairs": []},
        {"num_pairs": 0},
        {"num_steps": 2},
        {"num_bases": 0},
        {"num_images": 1},
        {"num_samples": 1},
        {"radius": 0.0},
    )
    reports_progress = True

    def test_map_is_that_of_the_pair_at_a_drawn_code(self) -> None:
        """Codes are drawn as by the other assays with this seed."""
        assay = ResponseMapAssay(pairs=[(2, 0)], num_steps=5, num_images=3)
        result, context = self.run(assay), self.context(assay)
        expected = response_map(context.autoencoder, context.draw_codes(1), LatentSlice((2, 0)), num_steps=5)
        torch.testing.assert_close(result.arrays["latents_02_00_field"], expected.field)
        assert set(result.figures) == {"latents_02_00"}

    def test_windows_can_follow_the_codes(self) -> None:
        """Both sides are equal, and not those of the default window."""
        assay = ResponseMapAssay(pairs=[(0, 1)], radius=None, num_steps=3, num_images=2, num_bases=2)
        first, second = self.run(assay).arrays["latents_00_01_values"]
        assert (first[2] - first[0]).item() == pytest.approx((second[2] - second[0]).item())
        assert (first[2] - first[0]).item() != pytest.approx(4)


def test_pairs_are_of_different_latents() -> None:
    with pytest.raises(ValueError, match="different"):
        ResponseMapAssay(pairs=[(1, 1)])


@pytest.mark.parametrize(("pairs", "latent_dim"), [([(0, 1), (1, 3)], 3), (None, 1)])
def test_rejects_models_without_the_latents(
    tmp_path: Path, pairs: list[tuple[int, int]] | None, latent_dim: int
) -> None:
    trainer = tiny_trainer(tmp_path, ResponseMapAssay(pairs=pairs))
    with pytest.raises(ValueError, match=f"latent {latent_dim}.* {latent_dim}$"):
        trainer.fit(tiny_model(latent_dim), datamodule=tiny_data(Bars()))


@pytest.mark.parametrize(
    ("scalars", "parts"),
    [
        ({"void_mass": 0.3, "contracting_share": 0.9}, ["90% of the codes", "30% of the prior's mass"]),
        ({"void_mass": math.nan, "contracting_share": math.nan}, []),
    ],
)
def test_interpretations(scalars: dict[str, float], parts: list[str]) -> None:
    assert_says(ResponseMapAssay(), scalars, parts)


def test_pairs_share_a_caption() -> None:
    assert ResponseMapAssay().caption("latents_00_01") == ResponseMapAssay.captions["*"]
