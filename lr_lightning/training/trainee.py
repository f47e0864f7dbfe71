"""The interface between a model and the code that updates it."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from pytorch_lightning import Trainer
from torch import Tensor

from lr_lightning.training.schedules import Schedule


class Trainee(Protocol):
    """The members of a model that :class:`UpdateLoop` and :class:`CUDAGraphUpdate` use; ``AutoencoderModule`` has them.

    Attributes:
        steps_trained: Number of updates so far; schedules and noise depend on it.
        recorded_weights: Values of schedules as tensors on the device, by the ``id`` of the schedule. It is filled only
            while an update is recorded as a CUDA graph, which reads these tensors instead of Python numbers.
    """

    steps_trained: int
    recorded_weights: dict[int, Tensor]

    @property
    def trainer(self) -> Trainer:
        """The Trainer that the model is attached to."""
        ...

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        ...

    @property
    def updates_per_batch(self) -> int:
        """Number of updates per Trainer batch."""
        ...

    def schedules(self) -> Mapping[str, Schedule]:
        """Return the schedules of the model by name, always in the same order."""
        ...

    def noise_seed_of(self, batch: int) -> int:
        """Return the noise seed of this process for batch number ``batch``, counted from 1."""
        ...

    def noise(self, batch: int) -> torch.Generator:
        """Return a generator on ``device``, seeded by :meth:`noise_seed_of`."""
        ...

    def update(self, batch: Any, generator: torch.Generator) -> dict[str, Tensor]:
        """Update the weights once; return the loss and its terms, scalars without gradients."""
        ...
