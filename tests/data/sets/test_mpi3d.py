"""Reader of the public MPI3D files: values, order, variants, errors."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib import format as npy

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.sets.mpi3d import MPI3D, MPI3D_COMPLEX_FACTORS, MPI3D_FACTORS
from lr_lightning.data.storage.file_dataset import Storage
from lr_lightning.testing.data_set_tester import DataSetTester

SPACE = FactorSpace(["object_color", "vertical"], [2, 5])
PIXELS = np.random.default_rng(0).integers(256, size=(10, 64, 64, 3), dtype=np.uint8)


def write(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def write_header(path: Path, num_images: int) -> Path:
    """An archive that begins as one of ``num_images`` images would."""
    header = {"descr": "|u1", "fortran_order": False, "shape": (num_images, 64, 64, 3)}
    with zipfile.ZipFile(path, "w") as archive, archive.open("images.npy", "w") as member:
        npy.write_array_header_1_0(member, header)
    return path


class TestMPI3D(DataSetTester):
    is_excerpt = True

    def make(self, folder: Path) -> MPI3D:
        path = folder / "m.npz"
        return MPI3D(path if path.exists() else write(path, images=PIXELS), "toy", factor_space=SPACE)


@pytest.mark.parametrize("storage", ["cache", "memory"])
def test_gathers_images_and_factors_in_any_order(tmp_path: Path, storage: Storage) -> None:
    dataset = MPI3D(write(tmp_path / "m.npz", images=PIXELS), "toy", storage, SPACE)
    assert dataset.name == "mpi3d_toy"
    indices = torch.tensor([7, 9, 0, 7])
    images = dataset.images(indices)
    assert images.is_contiguous()
    np.testing.assert_array_equal(images.numpy(), PIXELS[indices.numpy()].transpose(0, 3, 1, 2))
    assert dataset.factors(indices).tolist() == [[1, 2], [1, 4], [0, 0], [1, 2]]


def test_stored_without_compression_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", images=PIXELS)
    dataset = MPI3D(tmp_path / "m.npz", factor_space=SPACE)
    np.testing.assert_array_equal(dataset.images(torch.tensor([3]))[0].numpy(), PIXELS[3].transpose(2, 0, 1))
    assert dataset.name == "mpi3d_real"


@pytest.mark.parametrize(
    ("variant", "num_images", "strides"),
    [
        ("toy", 1_036_800, [172_800, 28_800, 14_400, 4_800, 1_600, 40, 1]),
        ("realistic", 1_036_800, [172_800, 28_800, 14_400, 4_800, 1_600, 40, 1]),
        ("real", 1_036_800, [172_800, 28_800, 14_400, 4_800, 1_600, 40, 1]),
        ("real_complex", 460_800, [115_200, 28_800, 14_400, 4_800, 1_600, 40, 1]),
    ],
)
def test_whole_variants_have_the_published_size_and_order(
    tmp_path: Path, variant: Any, num_images: int, strides: list[int]
) -> None:
    dataset = MPI3D(write_header(tmp_path / "m.npz", num_images), variant)
    assert (len(dataset), dataset.name) == (num_images, f"mpi3d_{variant}")
    # the authors' formula of the index, with the strides of their table
    assert dataset.factor_space.indices(torch.eye(7, dtype=torch.int64)).tolist() == strides
    assert dataset.factor_space.names[0] == "object_color"


@pytest.mark.parametrize("variant", ["toy", "realistic", "real"])
def test_refuses_the_older_release_of_four_colors(tmp_path: Path, variant: Any) -> None:
    path = write_header(tmp_path / "mpi3d_toy.npz", len(MPI3D_COMPLEX_FACTORS))
    with pytest.raises(
        ValueError,
        match=rf"mpi3d_toy\.npz contains 460,800 images: .*older release.* of variant {variant}; "
        rf"fetch the public file with `lr-lightning data prepare mpi3d_{variant}`",
    ):
        MPI3D(path, variant)


def test_refuses_another_variant_as_the_complex_one(tmp_path: Path) -> None:
    path = write_header(tmp_path / "m.npz", len(MPI3D_FACTORS))
    with pytest.raises(
        ValueError, match=r"m\.npz contains .*1,036,800 images.* toy, realistic or real, .*real_complex"
    ):
        MPI3D(path, "real_complex")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": PIXELS[:9]}, r"'images' in .*m\.npz .*\(10, 64, 64, 3\) uint8, got \(9, 64, 64, 3\) uint8"),
        ({"images": PIXELS / np.float32(255)}, r"\(10, 64, 64, 3\) uint8, got .* float32; fetch"),
        ({"images": np.array([None])}, r"'images' in .*m\.npz contains pickled objects"),
    ],
)
def test_refuses_arrays_of_another_shape_or_dtype(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MPI3D(write(tmp_path / "m.npz", **arrays), factor_space=SPACE)


def test_refuses_a_missing_or_damaged_file_or_array(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    with pytest.raises(FileNotFoundError, match=r"no file .*m\.npz; fetch .*prepare mpi3d_realistic`"):
        MPI3D(path, "realistic")
    path.write_text("<html>no longer here</html>")
    with pytest.raises(OSError, match=r"m\.npz cannot be read as an \.npz archive"):
        MPI3D(path)
    with pytest.raises(KeyError, match=r"no array 'images' in .*m\.npz, which has pictures; fetch"):
        MPI3D(write(path, pictures=PIXELS), factor_space=SPACE)


def test_refuses_an_unknown_variant_or_storage(tmp_path: Path) -> None:
    path = write(tmp_path / "m.npz", images=PIXELS)
    with pytest.raises(ValueError, match=r"variant .*toy, realistic, real, real_complex, got 'complex'"):
        MPI3D(path, "complex")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"storage .*'file': .*m\.npz"):
        MPI3D(path, storage="file", factor_space=SPACE)
