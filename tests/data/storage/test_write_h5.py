"""Writing data sets in the layouts of the public files."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.sets.double_helix import DoubleHelix
from lr_lightning.data.sets.dsprites import DSprites
from lr_lightning.data.sets.shapes3d import Shapes3D
from lr_lightning.data.storage.write_h5 import write_h5

SPACE = FactorSpace(["hue", "shape"], [5, 2], [[0.0, 0.1, 0.2, 0.3, 0.4], [1.0, 2.0]])
ALL = torch.arange(10)


class Drawn(FactorDataset):
    """Ten random images under a name of choice; remembers the largest batch and can fail at an index."""

    factor_space = SPACE
    full_grid = True

    def __init__(
        self, name: str, channels: int, fail_at: int | None = None, error: BaseException | None = None
    ) -> None:
        self.name = name
        self.image_shape: tuple[int, ...] = (channels, 64, 64)
        generator = torch.Generator().manual_seed(0)
        self.pixels = torch.randint(256, (10, *self.image_shape), dtype=torch.uint8, generator=generator)
        if channels == 1:
            self.pixels = self.pixels // 128 * 255
        self.fail_at = fail_at
        self.error = error
        self.largest = 0

    def __len__(self) -> int:
        return 10

    def images(self, indices: Tensor) -> Tensor:
        """Return the images, or fail."""
        self.largest = max(self.largest, len(indices))
        if self.error is not None and self.fail_at in indices.tolist():
            raise self.error
        return self.pixels[indices]

    def factors(self, indices: Tensor) -> Tensor:
        """Return the factors."""
        return SPACE.factors(indices)


def test_three_channels_come_back_through_shapes3d(tmp_path: Path) -> None:
    source = Drawn("rendered_shapes3d", 3)
    source.renderer_version = 7  # type: ignore[attr-defined]
    path = write_h5(source, tmp_path / "new" / "s.h5")
    assert path == tmp_path / "new" / "s.h5"
    dataset = Shapes3D(path, factor_space=SPACE)
    assert torch.equal(dataset.images(ALL), source.pixels)
    assert torch.equal(dataset.factors(ALL), source.factors(ALL))
    assert (dataset.name, dataset.renderer_version) == ("rendered_shapes3d", 7)
    with h5py.File(path) as file:
        assert file["labels"][3].tolist() == [0.1, 2.0]
        assert file["labels"].dtype == np.float64
        assert file["images"].chunks == (1, 64, 64, 3)
        assert dict(file.attrs) == {"source": "rendered_shapes3d", "rendered": True, "renderer_version": 7}


def test_one_channel_comes_back_through_dsprites(tmp_path: Path) -> None:
    source = Drawn("dsprites", 1)
    path = write_h5(source, tmp_path / "d.h5", block_size=4)
    dataset = DSprites(path, factor_space=SPACE)
    assert torch.equal(dataset.images(ALL), source.pixels)
    assert dataset.name == "dsprites"  # written anew from the public file, so not rendered
    with h5py.File(path) as file:
        assert file["imgs"][:].max() == 1
        assert file["latents/classes"][3].tolist() == [1, 1]
        assert file["latents/classes"].dtype == np.int64
        assert file["latents/values"][3].tolist() == [0.1, 2.0]
        assert not file.attrs["rendered"]


def test_draws_block_by_block_and_reports_progress(tmp_path: Path) -> None:
    source, seen = Drawn("any", 3), list[tuple[int, int]]()
    write_h5(source, tmp_path / "s.h5", block_size=4, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 10), (8, 10), (10, 10)]
    assert source.largest == 4


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("no space left")])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failure_leaves_nothing_behind_and_what_was_there(
    tmp_path: Path, overwrite: bool, error: BaseException
) -> None:
    path = tmp_path / "s.h5"
    if overwrite:
        path.write_text("precious")
    with pytest.raises(type(error)):
        write_h5(Drawn("any", 3, 8, error), path, overwrite=overwrite, block_size=4)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == ({"s.h5": "precious"} if overwrite else {})


def test_overwrites_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match=r"s\.h5 .*overwrite"):
        write_h5(Drawn("any", 3), path)
    assert path.read_text() == "precious"
    write_h5(Drawn("any", 3), path, overwrite=True)
    assert len(Shapes3D(path, factor_space=SPACE)) == 10


def test_rejects_sets_the_layouts_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"double_helix .*full grid"):
        write_h5(DoubleHelix(), tmp_path / "x.h5")
    with pytest.raises(ValueError, match=r"any .*\(2, 64, 64\)"):
        write_h5(Drawn("any", 2), tmp_path / "x.h5")
    gray = Drawn("any", 1)
    gray.pixels[6, 0, 5, 5] = 77
    with pytest.raises(ValueError, match="77 in image 6"):
        write_h5(gray, tmp_path / "x.h5", block_size=4)
    assert list(tmp_path.iterdir()) == []
