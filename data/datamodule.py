"""The LightningDataModule that splits a data set and feeds it to a Trainer."""

import torch
from pytorch_lightning import LightningDataModule
from typing_extensions import override

from lr_lightning.data.batch_loader import BatchLoader
from lr_lightning.data.dataset import FactorBatch, FactorDataset, as_float


class FactorDataModule(LightningDataModule):
    """Training, validation and test batches of one :class:`~lr_lightning.data.FactorDataset`.

    Validation is a seeded random part of the set that training never sees; testing runs over the whole set in its own
    order, so that every combination of factors is there.

    Args:
        dataset: The data.
        batch_size: Training samples a batch, per process.
        eval_batch_size: Samples a batch in validation and testing.
        val_size: Number of samples held out for validation.
        test_size: Number of samples of the test: the whole set if ``None``, else a seeded random part of it.
        batches_per_epoch: Training batches between two validations; a whole pass over the data if ``None``.
        split_seed: Seed of the split, apart from the run's seed so that runs share a split.
        shuffle_seed: Seed of the order of training.
        device_resident: Keep what the data set holds in memory on the Trainer's device.

    Raises:
        ValueError: If ``val_size`` leaves nothing to train on, or a size or ``batches_per_epoch`` is below 1.
    """

    def __init__(
        self,
        dataset: FactorDataset,
        batch_size: int = 64,
        eval_batch_size: int = 256,
        val_size: int = 2048,
        test_size: int | None = None,
        batches_per_epoch: int | None = None,
        split_seed: int = 0,
        shuffle_seed: int = 0,
        device_resident: bool = False,
    ) -> None:
        super().__init__()
        sizes = {
            "val_size": val_size,
            "eval_batch_size": eval_batch_size,
            "batch_size": batch_size,
            "batches_per_epoch": batches_per_epoch,
        }
        for name, size in sizes.items():
            if size is not None and size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        if val_size >= len(dataset):
            raise ValueError(f"val_size must be below the {len(dataset)} samples of {dataset.name}, got {val_size}")
        if test_size is not None and not 1 <= test_size <= len(dataset):
            raise ValueError(f"test_size must lie in 1..{len(dataset)}, got {test_size}")
        self.dataset = dataset
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.val_size = val_size
        self.test_size = test_size
        self.batches_per_epoch = batches_per_epoch
        self.split_seed = split_seed
        self.shuffle_seed = shuffle_seed
        self.device_resident = device_resident
        self._position = 0
        self._train_loader: BatchLoader | None = None

    @override
    def setup(self, stage: str) -> None:
        """Draw the split; move the data to the device where that is asked for."""
        order = torch.randperm(len(self.dataset), generator=torch.Generator().manual_seed(self.split_seed))
        self.val_indices, self.train_indices = order[: self.val_size], order[self.val_size :]
        whole = torch.arange(len(self.dataset))
        self.test_indices = whole if self.test_size is None else order[: self.test_size]
        if self.device_resident and self.trainer is not None:
            self.dataset = self.dataset.to(self.trainer.strategy.root_device)

    @override
    def train_dataloader(self) -> BatchLoader:
        """Return shuffled training batches."""
        self._position = self.state_dict()["position"]  # that of an earlier loader, if this one replaces it
        self._train_loader = self._loader(self.train_indices, self.batch_size, shuffle=True)
        self._train_loader.move_to(self._position)
        return self._train_loader

    @override
    def val_dataloader(self) -> BatchLoader:
        """Return validation batches in a fixed order."""
        return self._loader(self.val_indices, self.eval_batch_size)

    @override
    def test_dataloader(self) -> BatchLoader:
        """Return the batches of the test in the order of the data set."""
        return self._loader(self.test_indices, self.eval_batch_size)

    @override
    def predict_dataloader(self) -> BatchLoader:
        """Return the same batches as for testing."""
        return self.test_dataloader()

    @override
    def state_dict(self) -> dict[str, int]:
        """Return how far training has come in the data.

        The Trainer keeps the loader's state itself, but restores it only inside an epoch.
        """
        loader = self._train_loader
        return {"position": self._position if loader is None else loader.state_dict()["position"]}

    @override
    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Let training continue after the batches that ``state_dict`` counts."""
        self._position, self._train_loader = state_dict["position"], None  # one of an earlier run knows nothing of it

    @override
    def on_after_batch_transfer(self, batch: FactorBatch, dataloader_idx: int) -> FactorBatch:
        """Convert uint8 images to floats in ``[0, 1]``, on the device."""
        return FactorBatch(as_float(batch.images), batch.factors)

    def _loader(self, indices: torch.Tensor, batch_size: int, shuffle: bool = False) -> BatchLoader:
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        return BatchLoader(
            self.dataset, indices, batch_size, shuffle, self.shuffle_seed, self.batches_per_epoch, rank, world_size
        )
