"""Names, sizes and needs of the assays of the command line."""

import pytest

from lr_lightning import callbacks
from lr_lightning.callbacks.registry import (
    CATALOGUE,
    Target,
    choose_assays,
    lacks_factors,
    lacks_grid,
    lacks_images,
    lacks_images_or_points,
    lacks_pairs,
)
from lr_lightning.data import DoubleHelix
from tests.conftest import Bars


def test_every_assay_callback_is_in_the_catalogue_under_its_own_name() -> None:
    offered = {name for name in callbacks.__all__ if name.endswith("Assay")} - {"EnsembleAssay"}  # it runs the others
    assert {entry.assay.__name__ for entry in CATALOGUE.values()} == offered
    assert all(name == entry.assay.name for name, entry in CATALOGUE.items())


def test_configs_hold_seed_and_size_where_an_assay_has_them() -> None:
    assert CATALOGUE["sampling"].config(seed=3, num_samples=50)["init_args"] == {"seed": 3, "num_codes": 50}
    assert CATALOGUE["sampling"].config(seed=3, num_samples=None)["init_args"] == {"seed": 3}
    assert CATALOGUE["latent_statistics"].config(seed=3, num_samples=50)["init_args"] == {}
    assert CATALOGUE["conditioned_response"].config(0, None)["init_args"]["num_traversals"] == 20
    assert CATALOGUE["response_matrix"].config(0, None)["class_path"] == (
        "lr_lightning.callbacks.assays.response_matrix.ResponseMatrixAssay"
    )
    assert CATALOGUE["dynamics"].default_size == 64
    assert CATALOGUE["reconstruction"].default_size is None


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_configs_can_be_built(name: str) -> None:
    config = CATALOGUE[name].config(seed=0, num_samples=10)
    CATALOGUE[name].assay(**config["init_args"])


def test_needs(bars: Bars) -> None:
    images = Target((3, 8, 8), 4, bars)
    points = Target((3,), 1, DoubleHelix(num_samples=8))
    unknown = Target((2, 8, 8), 4, None)
    needs = (lacks_grid, lacks_factors, lacks_images, lacks_images_or_points, lacks_pairs)
    assert [lacks(images) for lacks in needs] == [None] * 5
    assert [lacks(points) is None for lacks in needs] == [False, False, False, True, False]
    assert [lacks(unknown) is None for lacks in needs] == [False, True, False, False, True]
    assert lacks_grid(unknown) == "the data set does not have every combination of its factors"
    assert lacks_factors(points) == "double_helix does not have two factors that vary"


def test_choice_is_in_the_order_of_the_report_and_each_once() -> None:
    assert choose_assays(["all", "dynamics"]) == list(CATALOGUE)
    assert choose_assays(["dynamics", "reconstruction", "dynamics"]) == ["reconstruction", "dynamics"]
    with pytest.raises(ValueError, match=r"there is no assay 'xyz'; there are reconstruction, latent_traversal"):
        choose_assays(["xyz"])
