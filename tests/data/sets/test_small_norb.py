"""Reader of the public SmallNORB files: values, order, instances, errors."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.sets.small_norb import SMALL_NORB_FACTORS, SMALL_NORB_GRID, SmallNORB
from lr_lightning.data.storage import binary_matrix
from lr_lightning.data.storage.file_dataset import Storage
from lr_lightning.data.storage.lanczos import resize
from lr_lightning.testing.data_set_tester import DataSetTester
from tests.data.storage.test_binary_matrix import binary_matrix_bytes

GRID = FactorSpace(["category", "elevation", "azimuth", "lighting", "instance"], [2, 1, 3, 2, 4])
PAIRS = np.random.default_rng(0).integers(256, size=(48, 2, 96, 96), dtype=np.uint8)  # left and right, in grid order
FACTORS = GRID.factors(torch.arange(48)).numpy()
TRAIN, TEST = "smallnorb-5x46789x9x18x6x2x96x96-training", "smallnorb-5x01235x9x18x6x2x96x96-testing"

Edit = Callable[[dict[str, np.ndarray[Any, Any]]], None]


def arrays() -> dict[str, np.ndarray[Any, Any]]:
    """The six matrices in shuffled order: instances 1 and 3 are for training, 0 and 2 for the test."""
    out = {}
    for chunk, instances in ((TRAIN, (1, 3)), (TEST, (0, 2))):
        rows = np.flatnonzero(np.isin(FACTORS[:, 4], instances))
        rows = np.random.default_rng(1).permutation(rows)
        category, elevation, azimuth, lighting, instance = FACTORS[rows].T.astype(np.int32)
        out[f"{chunk}-dat"] = PAIRS[rows]
        out[f"{chunk}-cat"] = category
        out[f"{chunk}-info"] = np.stack([instance, elevation, 2 * azimuth, lighting], axis=1)
    return out


def write(root: Path, edit: Edit | None = None, packed: bool = True) -> Path:
    matrices = arrays()
    if edit is not None:
        edit(matrices)
    for name, array in matrices.items():
        content = binary_matrix_bytes(array)
        (root / f"{name}.mat{'.gz' if packed else ''}").write_bytes(gzip.compress(content) if packed else content)
    return root


class TestSmallNORB(DataSetTester):
    is_excerpt = True
    instance: Literal["nuisance", "factor"] = "nuisance"

    def make(self, folder: Path) -> SmallNORB:
        return SmallNORB(folder if any(folder.glob("*.gz")) else write(folder), self.instance, factor_space=GRID)


class TestSmallNORBWithInstances(TestSmallNORB):
    instance = "factor"


@pytest.mark.parametrize(("packed", "storage"), [(True, "cache"), (True, "memory"), (False, "memory")])
def test_with_the_instance_as_a_factor_it_is_a_full_grid(tmp_path: Path, packed: bool, storage: Storage) -> None:
    dataset = SmallNORB(write(tmp_path, packed=packed), "factor", storage, GRID)
    assert dataset.full_grid
    assert dataset.factor_space == GRID
    indices = torch.tensor([47, 0, 13, 30, 13])
    images = dataset.images(indices)
    np.testing.assert_array_equal(images.numpy(), resize(PAIRS[indices.numpy(), 0], 64)[:, None])
    np.testing.assert_array_equal(dataset.factors(indices).numpy(), FACTORS[indices.numpy()])


def test_as_a_nuisance_the_instance_is_no_factor(tmp_path: Path) -> None:
    dataset = SmallNORB(write(tmp_path), factor_space=GRID)
    assert not dataset.full_grid
    assert dataset.factor_space.names == ("category", "elevation", "azimuth", "lighting")
    indices = torch.tensor([47, 0, 13, 30])
    np.testing.assert_array_equal(dataset.images(indices).numpy(), resize(PAIRS[indices.numpy(), 0], 64)[:, None])
    np.testing.assert_array_equal(dataset.factors(indices).numpy(), FACTORS[indices.numpy(), :4])
    # every combination has four images, one after the other
    combinations = dataset.factor_space.indices(dataset.factors(torch.arange(48)))
    assert combinations.tolist() == [i // 4 for i in range(48)]
    assert dataset.to("cpu").factors(torch.tensor([5])).tolist() == [FACTORS[5, :4].tolist()]


def test_long_files_are_read_in_several_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary_matrix, "_BLOCK_ROWS", 7)
    dataset = SmallNORB(write(tmp_path), "factor", "memory", GRID)
    np.testing.assert_array_equal(dataset.images(torch.arange(48)).numpy(), resize(PAIRS[:, 0], 64)[:, None])


def test_whole_set_has_the_published_size() -> None:
    assert len(SMALL_NORB_GRID) == 48_600
    assert SMALL_NORB_GRID.sizes == (*SMALL_NORB_FACTORS.sizes, 10) == (5, 9, 18, 6, 10)
    assert SMALL_NORB_FACTORS.values[1] == (30, 35, 40, 45, 50, 55, 60, 65, 70)
    assert (SMALL_NORB_FACTORS.values[2][1], SMALL_NORB_FACTORS.values[2][-1]) == (20, 340)


def test_refuses_missing_files_and_lists_them(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / f"{TRAIN}-dat.mat.gz").unlink()
    (tmp_path / f"{TEST}-info.mat.gz").unlink()
    with pytest.raises(
        FileNotFoundError, match=rf"no {TRAIN}-dat\.mat, {TEST}-info\.mat in .*; fetch .*data prepare small_norb`"
    ):
        SmallNORB(tmp_path, factor_space=GRID)


def change(name: str, function: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]) -> Edit:
    def edit(matrices: dict[str, np.ndarray[Any, Any]]) -> None:
        matrices[name] = function(matrices[name].copy())

    return edit


def repeated(info: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    info[:, 0] = 1  # instance 3 of the training set as another instance 1
    return info


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (change(f"{TRAIN}-dat", lambda a: a[:-1]), r"training-dat\.mat .*\(24, 2, 96, 96\) uint8, got \(23,"),
        (change(f"{TRAIN}-dat", lambda a: a[:, :1]), r"training-dat\.mat .* got \(24, 1, 96, 96\) uint8"),
        (change(f"{TRAIN}-dat", lambda a: a.astype(np.int32)), r"got \(24, 2, 96, 96\) int32; fetch"),
        (change(f"{TEST}-info", lambda a: a[:, :3]), r"\(N,\) and \(N, 4\), got \(24,\) and \(24, 3\); fetch"),
        (change(f"{TEST}-cat", lambda a: a[:, None]), r"\(N,\) and \(N, 4\), got \(24, 1\) and \(24, 4\)"),
        (
            lambda matrices: matrices.update(
                {f"{TEST}-cat": np.zeros(49, np.int32), f"{TEST}-info": np.zeros((49, 4), np.int32)}
            ),
            r"testing-cat\.mat .*48 images, got 49; fetch",
        ),
        (change(f"{TEST}-cat", lambda a: a + 1), r"an image outside the grid: factor 'category' must lie in \[0, 2\)"),
        (
            change(f"{TRAIN}-info", repeated),
            r"got 2 of category 0, .* instance 1; fetch",
        ),
    ],
)
def test_refuses_matrices_that_do_not_fit(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SmallNORB(write(tmp_path, edit, packed=False), factor_space=GRID)


def test_refuses_a_grid_with_a_gap(tmp_path: Path) -> None:
    space = FactorSpace(GRID.names, [*GRID.sizes[:-1], 5])
    with pytest.raises(ValueError, match=r"got 0 of category 0, elevation 0, azimuth 0, lighting 0, instance 4; fetch"):
        SmallNORB(write(tmp_path), factor_space=space)


def test_refuses_damaged_images_when_they_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, packed=False) / f"{TRAIN}-dat.mat"
    path.write_bytes(path.read_bytes()[:-5])
    dataset = SmallNORB(tmp_path, factor_space=GRID)
    with pytest.raises(OSError, match=r"training-dat\.mat is truncated; fetch"):
        dataset.images(torch.tensor([0]))


def test_refuses_unknown_choices(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"instance .*nuisance or factor, got 'ignored'"):
        SmallNORB(tmp_path, "ignored")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"storage .*'file': .*dat\.mat\.gz"):
        SmallNORB(write(tmp_path), storage="file", factor_space=GRID)
