"""A model that answers the requests of a live page, one at a time."""

import threading
from typing import Any

import torch
from torch import Tensor

from lr_lightning.assays.protocol import assay_mode, placement, posterior_mean
from lr_lightning.explorer.data_object import explorer_data
from lr_lightning.explorer.explored_model import ExploredModel, Progress
from lr_lightning.explorer.latents import codes_or_prior
from lr_lightning.explorer.paths import path_between
from lr_lightning.explorer.slices import slice_entry

_MOST_PAGES = 64
"""Number of pages whose newest steps are remembered."""


class SupersededError(Exception):
    """A step was not computed, because a later one of the same page has arrived."""


class LiveModel:
    """A model and its data object; methods may be called from several threads.

    Args:
        explored: The model.
        num_samples: As in :func:`~lr_lightning.explorer.data_object.explorer_data`.
        seed: Seed of all random choices.
        progress: Called while the data object is computed.
    """

    def __init__(
        self,
        explored: ExploredModel,
        *,
        num_samples: int | None = None,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> None:
        self.title = explored.title
        self.data = explorer_data(explored, num_samples=num_samples, seed=seed, progress=progress)
        self.data["engine"] = {"kind": "live"}
        self._autoencoder = explored.autoencoder
        self._codes = codes_or_prior(explored, torch.Generator().manual_seed(seed))
        self._seed = seed
        self._busy = threading.Lock()
        self._newest: dict[str, int] = {}

    def step(self, code: object, page: str = "", number: int = 0) -> bytes:
        """Return the observation decoded from a code and its response, as little-endian float32 one after the other.

        Args:
            code: The code, a list of ``D`` numbers.
            page: Name of the page that asks.
            number: Number of the step on that page, which counts up.

        Raises:
            SupersededError: If a later step of the same page has arrived while this one waited for the model.
            ValueError: If ``code`` is no code of the model.
        """
        checked = self._code("code", code)
        if len(self._newest) > _MOST_PAGES:
            self._newest.clear()
        self._newest[page] = number
        with self._busy:
            if self._newest.get(page, number) > number:
                raise SupersededError(f"step {number} was not computed, because step {self._newest[page]} has arrived")
            with assay_mode(self._autoencoder):
                device, dtype = placement(self._autoencoder)
                observation = self._autoencoder.decode(checked[None].to(device=device, dtype=dtype))
                response = posterior_mean(self._autoencoder.encode(observation.to(dtype=dtype)))
        values = torch.cat([observation.flatten().float().cpu(), response.flatten().float().cpu()])
        return values.numpy().astype("<f4").tobytes()

    def slice(self, latents: object, base: object) -> dict[str, Any]:
        """Return an entry of ``slices``.

        Args:
            latents: Two different latents, a list.
            base: Code that fixes the others, a list.

        Raises:
            ValueError: If there are no such latents, or ``base`` is no code of the model.
        """
        if not isinstance(latents, list) or len(latents) != 2 or not all(type(latent) is int for latent in latents):
            raise ValueError(f"latents must be a list of two numbers of latents, got {latents!r:.40}")
        checked = self._code("base", base)
        with self._busy:
            return slice_entry(self._autoencoder, self._codes, checked, (latents[0], latents[1]))

    def path(self, start: object, end: object) -> dict[str, Any]:
        """Return an entry of ``paths`` between two codes.

        Args:
            start: The first code, a list.
            end: The last code, a list.

        Raises:
            ValueError: If one is no code of the model, or both are the same.
        """
        ends = self._code("from", start), self._code("to", end)
        with self._busy:
            return path_between(self._autoencoder, self._codes, *ends, torch.Generator().manual_seed(self._seed))

    def _code(self, name: str, values: object) -> Tensor:
        """Return a list of numbers as a code ``(D,)``."""
        dim = self._autoencoder.latent_dim
        if not isinstance(values, list) or len(values) != dim or not all(type(v) in (int, float) for v in values):
            raise ValueError(f"{name} must be a list of {dim} numbers, got {values!r:.40}")
        code = torch.tensor([float(value) for value in values])
        if not code.isfinite().all():
            raise ValueError(f"{name} must have finite numbers, got {values!r:.40}")
        return code
