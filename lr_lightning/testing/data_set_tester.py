"""Tests that every data set must pass."""

import inspect
import random
from abc import ABC, abstractmethod
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor
from typing_extensions import override

from lr_lightning.commands.data.preview import write_preview
from lr_lightning.data.data_set_record import DataSetRecord
from lr_lightning.data.dataset import FactorBatch, FactorDataset
from lr_lightning.data.loading.batch_loader import BatchLoader
from lr_lightning.data.loading.datamodule import FactorDataModule


class DataSetTester(ABC):
    """Tests a data set: observations, factors, record, worker processes and training batches.

    Attributes:
        num_indices: Number of observations to test, drawn with a fixed seed.
        is_excerpt: Whether :meth:`make` returns only an excerpt of the set, e.g. from a small stand-in for the public
            file. Size and factors are then not compared with the record.

    Example:
        >>> class TestMySet(DataSetTester):
        ...     def make(self, folder: Path) -> FactorDataset:
        ...         return MySet(write_tiny_file(folder / "mine.npz"))
    """

    num_indices: int = 24
    is_excerpt: bool = False

    @abstractmethod
    def make(self, folder: Path) -> FactorDataset:
        """Return the data set.

        Args:
            folder: A folder for its files: empty at first, and the same folder for further calls.
        """

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A folder for the files of the set."""
        (tmp_path / "data_sets").mkdir()
        return tmp_path / "data_sets"

    @pytest.fixture
    def dataset(self, folder: Path) -> FactorDataset:
        """The set; if :meth:`make` is slow, override this with a fixture of larger scope."""
        return self.make(folder)

    @pytest.fixture
    def indices(self, dataset: FactorDataset) -> Tensor:
        """Distinct indices in random order, including the first and the last."""
        generator = torch.Generator().manual_seed(0)
        inner = torch.randperm(len(dataset) - 2, generator=generator)[: self.num_indices - 2] + 1
        chosen = torch.cat([inner, torch.tensor([0, len(dataset) - 1])])
        return chosen[torch.randperm(len(chosen), generator=generator)]

    @pytest.fixture
    def record(self, dataset: FactorDataset) -> DataSetRecord:
        """The record of the set."""
        records = {record.name.removeprefix("rendered_"): record for record in dataset.records}
        if not records:
            pytest.skip(f"{type(dataset).__name__} has no record")
        return records[dataset.name.removeprefix("rendered_")]

    def test_observations_have_the_declared_type(self, dataset: FactorDataset, indices: Tensor) -> None:
        """Observations are uint8 or finite float32, with shape ``image_shape``, also for an empty batch."""
        for batch in (indices, indices[:1], indices[:0]):
            images = dataset.images(batch)
            assert images.shape == (len(batch), *dataset.image_shape)
            assert images.dtype in (torch.uint8, torch.float32)
            assert images.isfinite().all()

    def test_factors_have_the_declared_type(self, dataset: FactorDataset, indices: Tensor) -> None:
        """Factors are int64 indices of values in the factor space, also for an empty batch."""
        space = dataset.factor_space
        for batch in (indices, indices[:1], indices[:0]):
            factors = dataset.factors(batch)
            assert factors.shape == (len(batch), space.num_factors)
            assert factors.dtype == torch.int64
            assert (factors >= 0).all()
            assert (factors < torch.tensor(space.sizes)).all()

    def test_an_index_has_one_observation(self, dataset: FactorDataset, indices: Tensor) -> None:
        """Observation and factors of an index do not depend on order, batch size, repetition or earlier calls."""
        images, factors = dataset.images(indices).clone(), dataset.factors(indices).clone()
        reverse = torch.arange(len(indices)).flip(0)
        for places in (reverse, reverse[:1], reverse[:3].repeat(2)):
            assert torch.equal(dataset.images(indices[places]), images[places])
            assert torch.equal(dataset.factors(indices[places]), factors[places])

    def test_batches_belong_to_the_caller(self, dataset: FactorDataset, indices: Tensor) -> None:
        """Changing a batch in place does not change the set."""
        images, factors = dataset.images(indices), dataset.factors(indices)
        expected = images.clone(), factors.clone()
        images.fill_(1)
        factors.fill_(0)
        assert torch.equal(dataset.images(indices), expected[0])
        assert torch.equal(dataset.factors(indices), expected[1])

    @pytest.mark.parametrize("gather", ["images", "factors"])
    def test_indices_out_of_range_are_rejected(self, dataset: FactorDataset, gather: str) -> None:
        """Negative indices are rejected too."""
        for index in (-1, len(dataset)):
            with pytest.raises(IndexError):
                getattr(dataset, gather)(torch.tensor([0, index]))

    def test_full_grid_is_declared_correctly(self, dataset: FactorDataset) -> None:
        """``full_grid`` is true if and only if observation ``i`` is combination ``i`` of the factors."""
        indices, space = torch.arange(len(dataset)), dataset.factor_space
        is_grid = len(dataset) == len(space) and torch.equal(dataset.factors(indices), space.factors(indices))
        assert dataset.full_grid == is_grid

    def test_random_generators_are_left_alone(self, dataset: FactorDataset, folder: Path, indices: Tensor) -> None:
        """Making and reading a set neither depends on the global random generators nor advances them."""
        images = dataset.images(indices)
        for seed in (1, 2):
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002 - the global generator must not be used
            states = _random_states()
            again = self.make(folder)
            assert torch.equal(again.images(indices), images)
            again.factors(indices)
            assert _random_states() == states

    def test_workers_read_the_same(self, dataset: FactorDataset, indices: Tensor) -> None:
        """Two spawned processes, which receive the set by pickling, read the same observations concurrently."""
        images, factors = dataset.images(indices), dataset.factors(indices)
        parts = indices.chunk(2)
        assert torch.equal(torch.cat(list(_workers().map(dataset.images, parts))), images)
        assert torch.equal(torch.cat(list(_workers().map(dataset.factors, parts))), factors)

    def test_preparing_and_moving_change_nothing(self, folder: Path, dataset: FactorDataset, indices: Tensor) -> None:
        """A set that is converted and kept in memory (on a GPU if available) has the same observations."""
        images, factors = dataset.images(indices), dataset.factors(indices)
        other = self.make(folder)
        cache = other.prepare()
        assert cache is None or cache.is_file()
        for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
            other = other.to(device)
            assert torch.equal(other.images(indices).cpu(), images)
            assert torch.equal(other.factors(indices).cpu(), factors)

    def test_record_agrees_with_the_set(self, dataset: FactorDataset, record: DataSetRecord, indices: Tensor) -> None:
        """The record, which is read without opening the set, describes it correctly."""
        assert record.image_shape == tuple(dataset.image_shape)
        if not self.is_excerpt:
            assert record.factor_space == dataset.factor_space
            assert record.num_samples == len(dataset)
        is_float = dataset.images(indices).dtype == torch.float32
        assert record.bits_per_value in ((0, 32) if is_float else (0, 1, 8))
        assert record.title == record.title.strip() != ""
        assert "\n" not in record.title

    def test_record_opens_the_set(self, dataset: FactorDataset, record: DataSetRecord, folder: Path) -> None:
        """The class accepts the arguments in the record, and all paths are inside the folder of the data sets."""
        arguments = record.init_args(folder)
        inspect.signature(type(dataset)).bind(**arguments)
        paths = [*record.paths(folder), *(value for value in arguments.values() if isinstance(value, Path))]
        assert all(path.is_relative_to(folder) for path in paths)

    def test_preview_is_drawn(self, dataset: FactorDataset, tmp_path: Path) -> None:
        """``lr-lightning data preview`` draws images of 1 or 3 channels, and points in 2 or 3 dimensions."""
        shape = tuple(dataset.image_shape)
        if not (len(shape) == 1 and shape[0] in (2, 3)) and not (len(shape) == 3 and shape[0] in (1, 3)):
            pytest.skip(f"observations {shape} have no preview")
        write_preview(dataset, tmp_path / "preview.png", num_columns=3, seed=0)
        assert (tmp_path / "preview.png").stat().st_size > 0

    def test_two_processes_share_an_evaluation(self, dataset: FactorDataset, indices: Tensor) -> None:
        """Two processes of a run together see each observation exactly once."""
        loaders = [BatchLoader(dataset, indices, batch_size=5, rank=rank, world_size=2) for rank in (0, 1)]
        images = [torch.cat([batch.images for batch in loader]) for loader in loaders]
        for rank in (0, 1):
            assert torch.equal(images[rank], dataset.images(indices[rank::2]))

    def test_data_module_feeds_a_run(self, folder: Path) -> None:
        """From a set in device memory, a Trainer gets float batches in the same order as from disk."""
        batches = []
        for device_resident in (True, False):
            data = FactorDataModule(self.make(folder), batch_size=4, val_size=1, device_resident=device_resident)
            model = _Recorder()
            trainer = Trainer(
                accelerator="cpu",
                max_steps=1,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
            )
            trainer.fit(model, data)
            batches.append(model.batches[0])
        resident, read = batches
        assert torch.equal(resident.images, read.images)
        assert torch.equal(resident.factors, read.factors)
        assert resident.images.dtype == torch.float32
        if data.dataset.images(torch.tensor([0])).dtype == torch.uint8:
            assert resident.images.min() >= 0
            assert resident.images.max() <= 1


class _Recorder(LightningModule):
    """Stores its training batches, without learning."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.batches: list[FactorBatch] = []

    @override
    def training_step(self, batch: FactorBatch) -> Tensor:
        self.batches.append(batch)
        return self.weight.sum()

    @override
    def validation_step(self, batch: FactorBatch) -> None:
        pass

    @override
    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@cache
def _workers() -> ProcessPoolExecutor:
    """Return two processes shared by all testers, because each takes seconds to import torch."""
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def _random_states() -> tuple[bytes, str, str]:
    """Return the states of the global generators of torch, Python and NumPy."""
    return torch.get_rng_state().numpy().tobytes(), str(random.getstate()), str(np.random.get_state())  # noqa: NPY002
