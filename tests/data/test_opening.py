"""Any set by its name."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.opening import open_data_set
from lr_lightning.data.registry import DATA_SETS, find_data_set
from lr_lightning.data.sets import dsprites
from lr_lightning.data.sets.double_helix import DoubleHelix
from lr_lightning.data.sets.dsprites import DSprites
from lr_lightning.data.sets.dsprites_variants import ColorDSprites, ScreamDSprites
from lr_lightning.data.sets.rendered_dsprites import RenderedDSprites
from lr_lightning.data.sets.rendered_shapes3d import RenderedShapes3D
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.data.storage.write_h5 import write_h5
from tests.data.sets import test_mnist, test_mpi3d, test_small_norb

PUBLIC = [name for name in DATA_SETS.entries if find_data_set(name)[1].files]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_set_that_is_not_there_says_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"no (file|picture|.*ubyte|.*dat\.mat).*" + str(tmp_path)):
        open_data_set(name, tmp_path)


@pytest.mark.parametrize("name", ["rendered_shapes3d", "rendered_dsprites", "double_helix"])
def test_a_set_that_is_made_needs_no_file(tmp_path: Path, name: str) -> None:
    dataset, (_, record) = open_data_set(name, tmp_path), find_data_set(name)
    assert (dataset.name, dataset.factor_space, dataset.image_shape) == (name, record.factor_space, record.image_shape)
    assert len(dataset) == record.num_samples
    assert not isinstance(dataset, DSprites)


def test_arguments_come_on_top(tmp_path: Path) -> None:
    dataset = open_data_set("double_helix", str(tmp_path), num_samples=7, seed=3)
    assert isinstance(dataset, DoubleHelix)
    torch.testing.assert_close(dataset.height, DoubleHelix(7, seed=3).height)


def test_files_are_found_under_the_root(tmp_path: Path) -> None:
    (tmp_path / "fashion_mnist").mkdir()
    test_mnist.write(test_mnist.write(tmp_path / "fashion_mnist", "train"), "t10k")
    digits = open_data_set("fashion_mnist", tmp_path)
    assert (digits.name, len(digits), digits.image_shape) == ("fashion_mnist", 10, (1, 32, 32))
    assert len(open_data_set("fashion_mnist", tmp_path, split="train")) == 5  # in place of the option in the record

    test_mpi3d.write(tmp_path / "mpi3d_real_complex.npz", images=test_mpi3d.PIXELS)
    arm = open_data_set("mpi3d_real_complex", tmp_path, factor_space=test_mpi3d.SPACE)
    assert (arm.name, len(arm)) == ("mpi3d_real_complex", 10)

    (tmp_path / "small_norb").mkdir()
    test_small_norb.write(tmp_path / "small_norb")
    toys = open_data_set("small_norb", tmp_path, factor_space=test_small_norb.GRID, instance="factor")
    assert (len(toys), toys.full_grid) == (48, True)


def tiny_sprites(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write four sprites as if they were all, and have the reader expect no more."""
    space = FactorSpace(["posX"], [4])
    pixels = torch.arange(4).view(4, 1, 1, 1).expand(4, 1, 64, 64).gt(1).to(torch.uint8) * 255
    sprites = TensorFactorDataset("rendered_dsprites", pixels, torch.arange(4)[:, None], space)
    sprites.full_grid = True
    write_h5(sprites, path)
    monkeypatch.setattr(dsprites, "DSPRITES_FACTORS", space)


def test_a_rendered_set_is_read_from_its_file_if_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_sprites(tmp_path / "rendered_dsprites.h5", monkeypatch)
    dataset = open_data_set("rendered_dsprites", tmp_path)
    assert isinstance(dataset, DSprites)
    assert (dataset.name, len(dataset)) == ("rendered_dsprites", 4)
    assert isinstance(open_data_set("rendered_shapes3d", tmp_path), RenderedShapes3D)


def test_variants_paint_the_public_sprites_if_they_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = open_data_set("color_dsprites", tmp_path, seed=5)
    assert isinstance(drawn, ColorDSprites)
    assert isinstance(drawn.sprites, RenderedDSprites)
    assert drawn.seed == 5
    tiny_sprites(tmp_path / find_data_set("dsprites")[1].files[0].path, monkeypatch)
    painted = open_data_set("color_dsprites", tmp_path)
    assert isinstance(painted, ColorDSprites)
    assert isinstance(painted.sprites, DSprites)

    Image.fromarray(np.full((80, 90, 3), 7, np.uint8)).save(tmp_path / "scream.jpg")
    assert isinstance(open_data_set("scream_dsprites", tmp_path), ScreamDSprites)


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no data set 'cars'.*cars3d"):
        open_data_set("cars", tmp_path)
