"""``DataSetTester`` finds the fault in each of several broken sets."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest
import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.data.dataset import FactorDataset
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset
from lr_lightning.testing import DataSetTester
from tests.commands.data.foreign_sets import Halves
from tests.conftest import Bars

PIXELS = torch.arange(24, dtype=torch.uint8).view(6, 1, 2, 2)


class TestHalves(DataSetTester):
    def make(self, folder: Path) -> Halves:
        return Halves()


class TestBars(DataSetTester):
    def make(self, folder: Path) -> Bars:
        return Bars()


class Noisy(Halves):
    """Draws from the global generator."""

    @override
    def images(self, indices: Tensor) -> Tensor:
        return super().images(indices) + torch.randint(2, (1,), dtype=torch.uint8)


class Positional(Halves):
    """Marks the first image of each batch."""

    @override
    def images(self, indices: Tensor) -> Tensor:
        images = super().images(indices)
        images[:1] += 1
        return images


class Shared(Halves):
    """Gives its own memory away."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = super().images(torch.arange(6))

    @override
    def images(self, indices: Tensor) -> Tensor:
        return self.pixels


class Wide(Halves):
    """Has images in float64."""

    @override
    def images(self, indices: Tensor) -> Tensor:
        return super().images(indices).double()


class Endless(Halves):
    """Wraps around where an index is too large."""

    @override
    def images(self, indices: Tensor) -> Tensor:
        return super().images(indices % 6)


class Modest(Halves):
    """Is a full grid and denies it."""

    full_grid = False


class Boastful(TensorFactorDataset):
    """Is no full grid and claims to be one."""

    full_grid = True


class Misdescribed(Halves):
    """Has more observations than its record says."""

    records = (replace(Halves.records[0], num_samples=7),)


class Unmovable(Halves):
    """Is another set once it has been moved."""

    @override
    def to(self, device: torch.device | str) -> Self:
        self.brightness = 0
        return self


class Unpicklable(Halves):
    """Holds what cannot be pickled."""

    def __init__(self) -> None:
        super().__init__()
        self.callback = lambda: None


def boastful() -> Boastful:
    return Boastful("boastful", PIXELS, Halves().factors(torch.arange(6)).flip(0), Halves.factor_space)


@pytest.mark.parametrize(
    ("make", "check", "error"),
    [
        (Noisy, "test_random_generators_are_left_alone", AssertionError),
        (Positional, "test_an_index_has_one_observation", AssertionError),
        (Shared, "test_batches_belong_to_the_caller", AssertionError),
        (Wide, "test_observations_have_the_declared_type", AssertionError),
        (Endless, "test_indices_out_of_range_are_rejected", pytest.fail.Exception),
        (Modest, "test_full_grid_is_declared_correctly", AssertionError),
        (boastful, "test_full_grid_is_declared_correctly", AssertionError),
        (Misdescribed, "test_record_agrees_with_the_set", AssertionError),
        (Unmovable, "test_preparing_and_moving_change_nothing", AssertionError),
        (Unpicklable, "test_workers_read_the_same", (AttributeError, TypeError)),
    ],
)
def test_finds_the_fault(make: Callable[[], FactorDataset], check: str, error: Any, tmp_path: Path) -> None:
    class Tester(DataSetTester):
        def make(self, folder: Path) -> FactorDataset:
            return make()

    dataset, tester = make(), Tester()
    given = {"dataset": dataset, "folder": tmp_path, "indices": torch.tensor([3, 0, 5, 1]), "gather": "images"}
    given["record"] = dataset.records[0] if dataset.records else None
    method = getattr(tester, check)
    names = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    with pytest.raises(error):
        method(**{name: given[name] for name in names})
