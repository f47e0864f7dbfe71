"""Sharing the work of an assay between processes."""

from collections.abc import Callable
from typing import TypeVar

import torch
from pytorch_lightning.strategies import Strategy
from torch import Tensor, nn

from lr_lightning.assays import Autoencoder, posterior_mean

_T = TypeVar("_T")


def gather_objects(local: _T, world_size: int) -> list[_T]:
    """Return the objects of all processes in the order of ranks; every process must call it."""
    if world_size == 1:
        return [local]
    gathered: list[_T | None] = [None] * world_size
    torch.distributed.all_gather_object(gathered, local)
    return gathered  # type: ignore[return-value]


def gather_computed(compute: Callable[[], _T], world_size: int) -> list[_T]:
    """Return the results of ``compute`` on all processes, by rank; an error on one process is raised on all of them.

    Raises:
        ValueError: If ``compute`` raises a ``ValueError`` on another process.
        RuntimeError: If it raises another error there.
    """
    if world_size == 1:
        return [compute()]
    local, error, failure = None, None, None
    try:
        local = compute()
    except Exception as raised:
        error, failure = raised, (isinstance(raised, ValueError), f"{type(raised).__name__}: {raised}")
    gathered = gather_objects((local, failure), world_size)
    if error is not None:
        raise error
    for rank, (_, failure) in enumerate(gathered):
        if failure is not None:
            raise (ValueError if failure[0] else RuntimeError)(f"on process {rank}: {failure[1]}")
    return [result for result, _ in gathered]  # type: ignore[misc]


class ShardedAutoencoder(nn.Module):
    """An autoencoder whose ``encode(decode(codes))`` runs on all processes, each with its share of the rows.

    ``decode`` returns the images of this process's rows only; ``encode`` takes these and returns the gathered codes of
    all rows. Every process must make the same calls. Use it only to encode images that were just decoded, and the
    autoencoder itself for anything else.

    Args:
        autoencoder: The model, equal on all processes.
        strategy: The Trainer's strategy, which gathers the codes.
    """

    def __init__(self, autoencoder: Autoencoder, strategy: Strategy) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.latent_dim = autoencoder.latent_dim
        self.rank, self.world_size = strategy.global_rank, strategy.world_size  # type: ignore[attr-defined]
        self._gather = strategy.all_gather
        self._num_rows = 0

    def decode(self, codes: Tensor) -> Tensor:
        """Return this process's share of decoded ``codes`` (B, D); equal shares, padded with the last row."""
        self._num_rows = len(codes)
        share = -(-len(codes) // self.world_size)
        rows = torch.arange(self.rank * share, (self.rank + 1) * share, device=codes.device).clamp(max=len(codes) - 1)
        return self.autoencoder.decode(codes[rows])

    def encode(self, images: Tensor) -> Tensor:
        """Return the mean codes ``(B, D)`` of all rows of the last :meth:`decode`, given this process's ``images``."""
        codes = posterior_mean(self.autoencoder.encode(images))
        return self._gather(codes.contiguous()).flatten(0, 1)[: self._num_rows]
