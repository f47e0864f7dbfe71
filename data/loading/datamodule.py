"""The LightningDataModule that splits a data set and feeds it to a Trainer."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor
from torchvision.transforms.v2 import Transform
from typing_extensions import override

from lr_lightning.common.checks import check_at_least
from lr_lightning.data.dataset import FactorBatch, FactorDataset, as_float
from lr_lightning.data.loading.augmentations import Augmentations
from lr_lightning.data.loading.batch_loader import Batch, BatchLoader, NumberedBatch
from lr_lightning.data.loading.correlation import FactorCorrelation, WeightedDraw, log_density
from lr_lightning.data.loading.groups import Draw, SampleGroups
from lr_lightning.data.loading.holdout import holdout_mask


class FactorDataModule(LightningDataModule):
    """Training, validation and test batches of one :class:`~lr_lightning.data.FactorDataset`.

    Validation uses a seeded random subset that training never sees. Testing runs over the whole set in its own order,
    which covers every combination of factors. If the Trainer limits an evaluation (``limit_val_batches``,
    ``limit_test_batches``, ``limit_predict_batches``), it uses a seeded random subset, not the beginning of the grid.

    ``correlations``, ``held_out``, ``restricted``, ``groups`` and ``augmentations`` affect training only: validation
    and testing still use all combinations, and images as stored. Factor values are given by index, from 0.

    Args:
        dataset: The data.
        batch_size: Samples per training batch and process.
        eval_batch_size: Samples per batch in validation and testing.
        val_size: Number of samples held out for validation.
        test_size: Number of test samples, drawn at random with ``split_seed``; the whole set if ``None``.
        batches_per_epoch: Training batches between two validations; a whole pass over the data if ``None``.
        split_seed: Seed of the split. It is separate from the run's seed, so that runs share a split.
        shuffle_seed: Seed of the training order.
        device_resident: Keep the data in the memory of the Trainer's device.
        correlations: Pairs of factors that are correlated in training. Samples are then drawn with replacement, in
            proportion to the product of the densities at their factors, as in the paper. Without correlations, or if
            every ``sigma`` is infinite, training passes through the set epoch by epoch.
        held_out: Combinations held out from training. Each entry holds out those in which all its factors have one of
            the values listed, such as ``[{"shape": [0], "object_hue": [3, 4]}]``.
        restricted: The only values of a factor used in training, such as ``{"scale": [0, 1, 2]}``.
        groups: Train on pairs or triplets of samples that share factors, such as ``FactorPairs(num_changed=1)``, or on
            pairs of two augmentations of one image, ``AugmentedPairs()``.
        test_on: ``"full"``, or ``"held_out"`` to test only on combinations held out by ``held_out`` and
            ``restricted``; ``test_size`` then counts those.
        augmentations: Random transforms of ``torchvision.transforms.v2``, applied in order to training images on the
            device, as stored, i.e. uint8 in most sets. They must keep shape, dtype and value range. Each image has its
            own draws, which depend only on ``shuffle_seed``, the number of the batch and the position in the batch of
            all processes. Loaders then yield a ``NumberedBatch``, which
            :meth:`~.FactorDataModule.on_after_batch_transfer` turns into a batch.

    Raises:
        ValueError: If ``val_size`` leaves nothing to train on, a size or ``batches_per_epoch`` is below 1, a seed has
            more than 64 bits, a factor or value does not exist, ``groups`` need a full grid or augmentations that are
            missing, ``augmentations`` are given for observations other than images, there is nothing to test on, or
            there are fewer samples to evaluate than processes; in ``setup``, if ``augmentations`` fail, are not random
            or change shape, dtype or value range.
        TypeError: If ``augmentations`` are not transforms of ``torchvision.transforms.v2``.
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
        correlations: list[FactorCorrelation] | None = None,
        held_out: list[dict[str, list[int]]] | None = None,
        restricted: dict[str, list[int]] | None = None,
        groups: SampleGroups | None = None,
        test_on: Literal["full", "held_out"] = "full",
        augmentations: Sequence[Transform] | None = None,
    ) -> None:
        super().__init__()
        sizes = {
            "val_size": val_size,
            "eval_batch_size": eval_batch_size,
            "batch_size": batch_size,
            "batches_per_epoch": batches_per_epoch,
        }
        for name, size in sizes.items():
            if size is not None:
                check_at_least(name, size, 1)
        for name, seed in {"split_seed": split_seed, "shuffle_seed": shuffle_seed}.items():
            if not -(2**63) <= seed < 2**63:
                raise ValueError(f"{name} must be an integer of 64 bits, got {seed}")
        if val_size >= len(dataset):
            raise ValueError(f"val_size must be below the {len(dataset)} samples of {dataset.name}, got {val_size}")
        self.dataset = dataset
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.val_size = val_size
        self.test_size = test_size
        self.batches_per_epoch = batches_per_epoch
        self.split_seed = split_seed
        self.shuffle_seed = shuffle_seed
        self.device_resident = device_resident
        self.correlations = [c for c in correlations or () if math.isfinite(c.sigma)]
        self.groups = groups
        self.test_on = test_on
        self.augmentations = Augmentations(augmentations, shuffle_seed) if augmentations else None
        self._held_out = torch.zeros(len(dataset), dtype=torch.bool)
        if held_out or restricted is not None:
            self._held_out = holdout_mask(dataset, held_out or (), restricted)
        self._check_training()
        self._check_test()
        self._position = 0
        self._train_loader: BatchLoader | None = None
        self._draw: Draw | None = None

    @override
    def setup(self, stage: str) -> None:
        """Draw the split, and move the data to the device if ``device_resident`` is set."""
        order = torch.randperm(len(self.dataset), generator=torch.Generator().manual_seed(self.split_seed))
        self.val_indices, rest = order[: self.val_size], order[self.val_size :]
        self.train_indices = rest[~self._held_out[rest]]
        tested = order if self.test_on == "full" else order[self._held_out[order]]
        self.test_indices = tested.sort().values if self.test_size is None else tested[: self.test_size]
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        if self.device_resident and self.trainer:
            self.dataset = self.dataset.to(device)
        if stage == "fit":
            self._draw = self._training_draw()
            if self.augmentations is not None:
                self.augmentations.check(self.dataset.images(self.train_indices[: self.batch_size]).to(device))

    @override
    def train_dataloader(self) -> BatchLoader:
        """Return shuffled training batches, of groups if ``groups`` is set."""
        self._position = self.state_dict()["position"]  # that of an earlier loader, if this one replaces it
        self._train_loader = self._loader(self.train_indices, self.batch_size, training=True)
        self._train_loader.move_to(self._position)
        return self._train_loader

    @override
    def val_dataloader(self) -> BatchLoader:
        """Return validation batches in a fixed order."""
        return self._loader(self.val_indices, self.eval_batch_size)

    @override
    def test_dataloader(self) -> BatchLoader:
        """Return the test batches in the order of the data set; ``limit_test_batches`` selects a random subset."""
        return self._test_loader("limit_test_batches")

    @override
    def predict_dataloader(self) -> BatchLoader:
        """Return the same batches as for testing; ``limit_predict_batches`` selects a random subset."""
        return self._test_loader("limit_predict_batches")

    @override
    def state_dict(self) -> dict[str, int]:
        """Return the number of training batches so far.

        The Trainer saves the loader's state as well, but restores it only within an epoch.
        """
        loader = self._train_loader
        return {"position": self._position if loader is None else loader.state_dict()["position"]}

    @override
    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Continue training after the batches counted in ``state_dict``."""
        # a loader of an earlier run has another position
        self._position, self._train_loader = state_dict["position"], None

    @override
    def on_after_batch_transfer(self, batch: Batch | NumberedBatch, dataloader_idx: int) -> Batch | list[Batch]:
        """Augment training images, and convert uint8 images to floats in ``[0, 1]``, on the device.

        For a model that makes several updates per batch, a training batch becomes a list of batches of ``batch_size``.
        """
        if isinstance(batch, NumberedBatch):
            batch = self._augmented(*batch)
        converted = [as_float(field) for field in batch]
        if self.trainer is None or not self.trainer.training or self._batches_at_once() == 1:
            return type(batch)(*converted)
        fields = [torch.split(field, self.batch_size) for field in converted]
        return [type(batch)(*parts) for parts in zip(*fields, strict=True)]

    def _augmented(self, batch: Batch, number: int) -> Batch:
        """Return the training batch with augmented images; ``number`` is that of the first batch, if it joins several.

        Each process takes its share of the seeds of all processes, as the loader does with samples.
        """
        assert self.augmentations is not None
        rank, world_size = self._process()
        num_members = len(batch) // 2  # first the images of each member, then the factors
        share = slice(rank * self.batch_size, (rank + 1) * self.batch_size)
        numbers = range(number, number + len(batch.images) // self.batch_size)
        of_all = (self.augmentations.seeds(each, self.batch_size * world_size, num_members) for each in numbers)
        seeds = torch.cat([seeds[share] for seeds in of_all])  # (B, members, T)
        images = [self.augmentations(batch[member], seeds[:, member]) for member in range(num_members)]
        return type(batch)(*images, *batch[num_members:])

    def _test_loader(self, limit: str) -> BatchLoader:
        """Return test batches, ordered so that the Trainer's ``limit`` selects a random subset.

        The beginning of the grid covers only a few combinations. A subset drawn by ``test_size`` is already random.
        """
        whole = self._loader(self.test_indices, self.eval_batch_size)
        kept = getattr(self.trainer, limit, 1.0)
        kept = kept if isinstance(kept, int) else int(kept * len(whole))  # as the Trainer counts batches
        size = kept * self.eval_batch_size * whole.world_size
        if self.test_size is not None or size >= len(self.test_indices):
            return whole
        order = torch.randperm(len(self.test_indices), generator=torch.Generator().manual_seed(self.split_seed))
        parts = order[:size], order[size:]
        return self._loader(self.test_indices[torch.cat([part.sort().values for part in parts])], self.eval_batch_size)

    def _batches_at_once(self) -> int:
        """Return how many training batches the model uses at once."""
        return int(getattr(self.trainer.lightning_module, "updates_per_batch", 1)) if self.trainer else 1

    def _check_training(self) -> None:
        for correlation in self.correlations:
            correlation.positions(self.dataset.factor_space)
        if self.augmentations is not None and len(self.dataset.image_shape) != 3:
            shape = tuple(self.dataset.image_shape)
            raise ValueError(f"augmentations need images (C, H, W); observations of {self.dataset.name} are {shape}")
        if self.groups is not None:
            self.groups.check_data(self.dataset, has_augmentations=self.augmentations is not None)
        if self._held_out.all():
            raise ValueError("held_out and restricted hold out all combinations; leave some to train on")

    def _check_test(self) -> None:
        if self.test_on not in ("full", "held_out"):
            raise ValueError(f"test_on must be one of full, held_out, got {self.test_on!r}")
        if self.test_on == "held_out" and not self._held_out.any():
            raise ValueError("test_on='held_out' requires combinations held out by held_out or restricted")
        available = len(self.dataset) if self.test_on == "full" else int(self._held_out.sum())
        if self.test_size is not None and not 1 <= self.test_size <= available:
            raise ValueError(f"test_size must lie in 1..{available}, got {self.test_size}")

    def _training_draw(self) -> Draw | None:
        """Return the function that draws a training batch; ``None`` if training passes through the samples in order."""
        if self.groups is not None:
            draw = self.groups.draw_from(self.dataset, self.train_indices, self.correlations)
            if draw is not None:
                return draw
        if self.correlations:
            space = self.dataset.factor_space
            factors = self.dataset.factors(self.train_indices).cpu()
            return WeightedDraw(self.train_indices, log_density(self.correlations, space, factors))
        return None

    def _process(self) -> tuple[int, int]:
        """Return the number of this process, and how many there are."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _loader(self, indices: Tensor, batch_size: int, training: bool = False) -> BatchLoader:
        rank, world_size = self._process()
        if not training and len(indices) < world_size:  # the Trainer would wait forever for a process without batches
            raise ValueError(
                f"{len(indices)} samples are too few for {world_size} processes; lower trainer.devices, or "
                "raise val_size or test_size"
            )
        return BatchLoader(
            self.dataset,
            indices,
            batch_size,
            shuffle=training,
            seed=self.shuffle_seed,
            num_batches=self.batches_per_epoch,
            rank=rank,
            world_size=world_size,
            draw=self._draw if training else None,
            make_batch=self.groups.batch if training and self.groups is not None else FactorBatch,
            batches_at_once=self._batches_at_once() if training else 1,
            numbered=training and self.augmentations is not None,
        )
