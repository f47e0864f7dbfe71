"""Reader of the public dSprites files: both formats, nothing unpickled, errors."""

import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.sets.dsprites import DSprites
from lr_lightning.data.storage import npz_images
from lr_lightning.data.storage.npz_member import npz_array
from lr_lightning.testing.data_set_tester import DataSetTester

SPACE = FactorSpace(["color", "shape", "posX"], [1, 3, 4])
SPRITES = np.random.default_rng(0).integers(2, size=(12, 64, 64), dtype=np.uint8)
CLASSES = np.array([(0, shape, x) for shape in range(3) for x in range(4)])


def write_h5(path: Path, **attributes: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("imgs", data=SPRITES, chunks=(12, 2, 4), compression="gzip")
        file["latents/classes"], file["latents/values"] = CLASSES, CLASSES + 1.0
        file.attrs.update(attributes)
    return path


class Bomb:
    """Unpickling it fails the test."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("the file was unpickled",)


def write_npz(path: Path, **arrays: Any) -> Path:
    arrays = {"imgs": SPRITES, "latents_classes": CLASSES, "metadata": np.array(Bomb(), dtype=object)} | arrays
    np.savez_compressed(path, **arrays)
    return path


class TestDSprites(DataSetTester):
    is_excerpt = True

    def make(self, folder: Path) -> DSprites:
        path = folder / "d.hdf5"
        return DSprites(path if path.exists() else write_h5(path), factor_space=SPACE)


class TestDSpritesNpz(DataSetTester):
    is_excerpt = True

    def make(self, folder: Path) -> DSprites:
        path = folder / "d.npz"
        return DSprites(path if path.exists() else write_npz(path), factor_space=SPACE)


@pytest.fixture(params=["d.hdf5", "d.npz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same twelve sprites in either format."""
    path = tmp_path / str(request.param)
    return write_npz(path) if path.suffix == ".npz" else write_h5(path)


def test_gathers_images_and_factors_in_any_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_images, "_BLOCK_ROWS", 5)  # it is read in several blocks
    dataset = DSprites(path, factor_space=SPACE)
    indices = torch.tensor([11, 2, 2, 5])
    images = dataset.images(indices)
    np.testing.assert_array_equal(images.numpy(), SPRITES[indices.numpy()][:, None] * 255)
    assert dataset.factors(indices).tolist() == [[0, 2, 3], [0, 0, 2], [0, 0, 2], [0, 1, 1]]


def test_keeps_a_pixel_in_a_bit(path: Path) -> None:
    dataset = DSprites(path, factor_space=SPACE)
    cache = dataset.prepare()
    assert cache is not None
    assert cache.stat().st_size == 4096 + 12 * 512
    dataset.to("cpu")
    assert dataset._loaded is not None
    assert dataset._loaded.nbytes == 12 * 512
    np.testing.assert_array_equal(dataset.images(torch.arange(12)).numpy(), SPRITES[:, None] * 255)


def test_reads_hdf5_on_demand(tmp_path: Path) -> None:
    dataset = DSprites(write_h5(tmp_path / "d.hdf5"), "file", SPACE)
    np.testing.assert_array_equal(dataset.images(torch.tensor([9, 1])).numpy(), SPRITES[[9, 1]][:, None] * 255)
    assert dataset._loaded is None


def test_a_rendered_file_is_named_so(tmp_path: Path) -> None:
    assert DSprites(write_h5(tmp_path / "d.h5", rendered=True), factor_space=SPACE).name == "rendered_dsprites"


def test_the_npz_cannot_be_read_at_random(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "d.npz")
    with pytest.raises(ValueError, match=r"storage .*'cache' or 'memory', got 'file': .*d\.npz"):
        DSprites(path, "file", SPACE)


@pytest.mark.parametrize("name", ["d.hdf5", "d.npz"])
def test_rejects_a_missing_file_and_names_the_twin(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match=rf"no file .*{name}; .*data prepare dsprites`.* RenderedDSprites"):
        DSprites(tmp_path / name)


def test_rejects_a_truncated_or_damaged_file(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match=rf"{path.name} cannot be read as .*; fetch"):
        DSprites(path, factor_space=SPACE)
    middle = len(content) // 3  # inside the compressed sprites
    path.write_bytes(content[:middle] + bytes(200) + content[middle + 200 :])
    with pytest.raises(OSError, match=rf"{path.name} (cannot be read as|is damaged inside) .*; fetch"):
        DSprites(path, factor_space=SPACE).images(torch.arange(12))


def test_rejects_a_member_cut_short(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive, archive.open("imgs.npy", "w") as member:
        header = {"descr": "|u1", "fortran_order": False, "shape": SPRITES.shape}
        np.lib.format.write_array_header_1_0(member, header)
        member.write(SPRITES[:6].tobytes())
    with pytest.raises(OSError, match=r"d\.npz cannot be read .*got 24576 of 49152 bytes.*; fetch it again"):
        npz_array(tmp_path / "d.npz", "imgs", SPRITES.shape, "uint8", "fetch it again")


def test_rejects_a_member_that_is_no_array(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("imgs.npy", "Sprites go here")
    with pytest.raises(ValueError, match=r"'imgs' in .*d\.npz is not an array \(.*magic.*\); fetch"):
        DSprites(tmp_path / "d.npz", factor_space=SPACE)


def test_rejects_pickled_arrays(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "d.npz", imgs=np.array([Bomb()] * 12, dtype=object))
    with pytest.raises(ValueError, match=r"'imgs' in .*d\.npz contains pickled objects.*; fetch"):
        DSprites(path, factor_space=SPACE)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"imgs": SPRITES[:11]}, r"'imgs' in .*d\.npz .*\(12, 64, 64\) uint8, got \(11, 64, 64\) uint8; fetch"),
        ({"imgs": SPRITES.astype(bool)}, r"got \(12, 64, 64\) bool"),
        ({"imgs": np.asfortranarray(SPRITES)}, r"got \(12, 64, 64\) uint8 in Fortran order"),
        ({"latents_classes": CLASSES[::-1]}, r"shape in 'latents_classes' of .* must increase .* got \[2 1 0\]"),
        ({"latents_classes": CLASSES.astype(float)}, r"\(12, 3\) int64, got \(12, 3\) float64"),
    ],
)
def test_rejects_arrays_of_another_shape_dtype_or_order(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DSprites(write_npz(tmp_path / "d.npz", **arrays), factor_space=SPACE)


def test_rejects_hdf5_classes_in_another_order(tmp_path: Path) -> None:
    with h5py.File(write_h5(tmp_path / "d.h5"), "a") as file:
        file["latents/classes"][[5, 6]] = CLASSES[[6, 5]]
    with pytest.raises(ValueError, match=r"'latents/classes' of .* row-major .*: posX of row 5 is 2, not 1; fetch"):
        DSprites(tmp_path / "d.h5", factor_space=SPACE)


def test_rejects_missing_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", images=SPRITES)
    with pytest.raises(KeyError, match=r"no array 'imgs' in .*d\.npz, which has images; fetch"):
        DSprites(tmp_path / "d.npz", factor_space=SPACE)
    with h5py.File(write_h5(tmp_path / "d.h5"), "a") as file:
        del file["latents/classes"]
    with pytest.raises(KeyError, match=r"no array 'latents/classes' in .*d\.h5, which has imgs, latents/values; fetch"):
        DSprites(tmp_path / "d.h5", factor_space=SPACE)
