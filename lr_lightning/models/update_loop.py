"""Several updates within what the Trainer counts as one batch."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lr_lightning.models.recorded_update import RecordedUpdate

if TYPE_CHECKING:
    from lr_lightning.models.base import AutoencoderModule


class UpdateLoop:
    """Makes one update for each batch of a list.

    The Trainer spends about a millisecond on each batch, more than a GPU needs for an update of a small network. A list
    of batches costs it that once. On a single CUDA device updates are recorded and replayed as well, see
    :class:`RecordedUpdate`. Batches, noise, schedules and the number of steps are those of a run with one update a
    batch; validation, checkpoints and progress can only come between lists.

    Args:
        model: The model, with manual optimization.

    Attributes:
        num_updates: Updates of the last list.
    """

    def __init__(self, model: "AutoencoderModule") -> None:
        self._model = model
        several = model.updates_per_batch > 1
        recordable = several and model.device.type == "cuda" and model.trainer.world_size == 1
        self._recorded = RecordedUpdate(model) if recordable else None
        self.num_updates = 0

    def run(self, batches: list[Any]) -> dict[str, Tensor]:
        """Update on each of ``batches``, as far as the Trainer's ``max_steps`` allows; return the last terms."""
        trainer = self._model.trainer
        if trainer.max_steps >= 0:
            batches = batches[: trainer.max_steps - trainer.global_step]
        terms: dict[str, Tensor] = {}
        for batch in batches:
            terms = self._update(batch)
            self._count()
        self.num_updates = len(batches)
        trainer.fit_loop.epoch_loop._batches_that_stepped += len(batches) - 1  # the Trainer adds the last
        return terms

    def _update(self, batch: Any) -> dict[str, Tensor]:
        seed = self._model.noise_seed_of(self._model.steps_trained + 1)
        if self._recorded is not None:
            return self._recorded(batch, seed)
        return self._model.update(batch, torch.Generator(self._model.device).manual_seed(seed))

    def _count(self) -> None:
        """Count an update as a step, and let learning rates follow."""
        trainer = self._model.trainer
        progress = trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        progress.increment_ready()
        progress.increment_completed()
        for config in trainer.lr_scheduler_configs:
            self._model.lr_scheduler_step(config.scheduler, None)
        self._model.steps_trained += 1
