"""Batches gathered by index tensor, in a seeded order that can be resumed at any batch."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.data.dataset import FactorBatch, FactorDataset
from lr_lightning.data.loading.groups import Draw, PairBatch, TripletBatch

Batch = FactorBatch | PairBatch | TripletBatch


class NumberedBatch(NamedTuple):
    """A training batch with its number, from which the data module seeds the augmentation of its images.

    Attributes:
        batch: The batch, or several consecutive ones joined.
        number: Number of the first batch, counted from the beginning of training.
    """

    batch: Batch
    number: int


class BatchLoader:
    """Iterable of whole batches: one gather each, no per-item Python, no collating.

    With ``shuffle``, it runs through an endless sequence of passes over ``indices``. The order of a pass depends only
    on ``seed`` and the number of the pass. One iteration yields the next ``num_batches``; the last, incomplete batch of
    a pass is dropped. Without ``shuffle``, one iteration is one pass in order, including the last batch.
    Process ``r`` of ``n`` gets every ``n``-th sample, starting with ``r``.

    With ``draw``, a shuffled loader draws each batch independently, which depends only on ``seed`` and the number of
    the batch. Every process draws the batch of all processes and takes its share.

    Args:
        dataset: The data.
        indices: Samples to use, shape ``(N,)`` int64.
        batch_size: Samples per batch and process.
        shuffle: Whether to shuffle, for training.
        seed: Seed of the order.
        num_batches: Batches in one iteration when shuffled; one pass if ``None``.
        rank: Number of this process.
        world_size: Number of processes.
        draw: Called with a number of samples and a generator, returns sample numbers ``(N,)`` for training, or groups
            of them ``(N, G)``.
        make_batch: Called with the images and then the factors of each of the ``G`` members.
        batches_at_once: Number of consecutive batches that a shuffled loader gathers and yields as one.
        numbered: Whether a shuffled loader yields each batch with its number, as a ``NumberedBatch``.

    Raises:
        ValueError: If ``batch_size``, ``num_batches`` or ``batches_at_once`` is below 1, or there are too few samples
            for one batch per process.
    """

    def __init__(
        self,
        dataset: FactorDataset,
        indices: Tensor,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        num_batches: int | None = None,
        rank: int = 0,
        world_size: int = 1,
        draw: Draw | None = None,
        make_batch: Callable[..., Batch] = FactorBatch,
        batches_at_once: int = 1,
        numbered: bool = False,
    ) -> None:
        check_at_least("batch_size", batch_size, 1)
        if num_batches is not None:
            check_at_least("num_batches", num_batches, 1)
        check_at_least("batches_at_once", batches_at_once, 1)
        if shuffle and len(indices) < batch_size * world_size:
            raise ValueError(
                f"{len(indices)} training samples do not fill one batch of {batch_size} for each of {world_size} "
                "process(es); lower batch_size or val_size"
            )
        self.dataset = dataset
        self.indices = indices
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.draw = draw
        self.make_batch = make_batch
        self.batches_at_once = batches_at_once
        self.numbered = numbered
        self._batches_per_pass = len(indices) // (batch_size * world_size)
        self._num_batches = self._batches_per_pass if num_batches is None else num_batches
        self._pass: tuple[int, Tensor] | None = None
        self._position = 0  # batches yielded since the beginning of training
        self._taken = 0  # batches yielded in the current iteration
        self._skipped = 0  # batches that the next iteration skips, after a resume within one

    def __len__(self) -> int:
        """Return the number of batches that one iteration yields."""
        if self.shuffle:
            return -(-self._num_batches // self.batches_at_once)
        own = len(range(self.rank, len(self.indices), self.world_size))
        return -(-own // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        """Yield what ``make_batch`` returns, inside a :class:`NumberedBatch` if ``numbered``."""
        return self._shuffled() if self.shuffle else self._in_order()

    def state_dict(self) -> dict[str, int]:
        """Return the number of batches so far, in total and in the current iteration; the seed determines the rest."""
        return {"position": self._position, "taken": self._taken}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue within the iteration in which ``state`` was saved, unless it had ended."""
        self._position = state["position"]
        self._skipped = state["taken"] % self._num_batches

    def move_to(self, position: int) -> None:
        """Start the next iteration after ``position`` batches, and make it a whole one."""
        self._position, self._skipped = position, 0

    def give_back(self, num_batches: int) -> None:
        """Count the last ``num_batches`` of this iteration as not yielded."""
        self._position, self._taken = self._position - num_batches, self._taken - num_batches

    def _in_order(self) -> Iterator[Batch]:
        own = self.indices[self.rank :: self.world_size]
        for start in range(0, len(own), self.batch_size):
            yield self._gather(own[start : start + self.batch_size])

    def _shuffled(self) -> Iterator[Batch | NumberedBatch]:
        skipped, self._skipped = self._skipped, 0
        taken = skipped
        while taken < self._num_batches:
            # after a resume within a group of batches, finish that group first
            count = min(self.batches_at_once - taken % self.batches_at_once, self._num_batches - taken)
            batches = range(self._position, self._position + count)
            taken += count
            # before the yield: a checkpoint saved during this batch must count it
            self._position, self._taken = self._position + count, taken
            gathered = self._gather(torch.cat([self._samples(batch) for batch in batches]))
            yield NumberedBatch(gathered, batches.start) if self.numbered else gathered

    def _samples(self, batch: int) -> Tensor:
        """Return this process's samples of training batch number ``batch``."""
        if self.draw is not None:
            start, order = 0, self.draw(self.batch_size * self.world_size, self._generator(batch))
        else:
            number, place = divmod(batch, self._batches_per_pass)
            start, order = place * self.batch_size * self.world_size, self._order(number)
        start += self.rank * self.batch_size
        return order[start : start + self.batch_size]

    def _order(self, number: int) -> Tensor:
        """Return the samples of pass ``number`` in order; the order is cached for the next batch."""
        if self._pass is None or self._pass[0] != number:
            permutation = torch.randperm(len(self.indices), generator=self._generator(number))
            self._pass = number, self.indices[permutation]
        return self._pass[1]

    def _generator(self, number: int) -> torch.Generator:
        """Return the generator of pass or batch ``number``."""
        seed = torch.randint(2**62, (), generator=torch.Generator().manual_seed(self.seed)).item()
        return torch.Generator().manual_seed(int(seed) + number)

    def _gather(self, samples: Tensor) -> Batch:
        """Return the batch of ``samples`` (B,), or of groups of them (B, G)."""
        members = samples.view(len(samples), -1).T  # (G, B)
        images, factors = self.dataset.images(members.flatten()), self.dataset.factors(members.flatten())
        return self.make_batch(*images.chunk(len(members)), *factors.chunk(len(members)))
