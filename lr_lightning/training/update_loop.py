"""Several updates per Trainer batch."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor

from lr_lightning.training.cuda_graph_update import CUDAGraphUpdate
from lr_lightning.training.trainee import Trainee


class UpdateLoop:
    """Updates each model once on each batch of a list.

    The Trainer spends about a millisecond on each batch, more than a GPU needs to update a small network. A list of
    batches, or several models on one batch, incurs that overhead only once. On a single CUDA device, such updates are
    also recorded and replayed; see :class:`CUDAGraphUpdate`. Batches, noise, schedules and the number of steps are the
    same as in separate runs with one update per batch. Validation, checkpoints and progress updates happen only between
    lists.

    If ``max_steps`` ends a run inside a list, the remaining batches are returned to the loader. A resumed run trains on
    them and finishes the list, as an uninterrupted run would. Nothing is logged or validated for the unfinished list.

    Args:
        models: Models with manual optimization and equal ``updates_per_batch``, attached to the same Trainer.
        alone: Returns the context in which the model of an index is updated, unless updates are recorded.

    Attributes:
        num_updates: Number of updates of each model on the last list.
    """

    def __init__(
        self, models: Sequence[Trainee], alone: Callable[[int], AbstractContextManager[Any]] = nullcontext
    ) -> None:
        self._models = models
        self._alone = alone
        self._trainer = models[0].trainer
        self._takes_lists = models[0].updates_per_batch > 1
        several = self._takes_lists or len(models) > 1
        recordable = several and models[0].device.type == "cuda" and self._trainer.world_size == 1
        self._recorded = CUDAGraphUpdate(models) if recordable else None
        self.num_updates = 0

    def run(self, batch: Any) -> list[dict[str, Tensor]]:
        """Update on a batch or a list of batches, up to ``max_steps``; return the last terms of each model."""
        trainer, loop = self._trainer, self._trainer.fit_loop.epoch_loop
        batches = batch if self._takes_lists and isinstance(batch, list) else [batch]
        room = len(batches) if trainer.max_steps < 0 else trainer.max_steps - trainer.global_step
        terms: list[dict[str, Tensor]] = []
        for each in batches[:room]:
            terms = self._update(each)
            self._count()
        if room < len(batches):
            self._give_back(len(batches) - room)
        else:
            before = loop._batches_that_stepped
            # The Trainer counts a list as one batch and adds 1 after it; loggers read this counter as the step
            loop._batches_that_stepped = trainer.global_step - 1
            self.num_updates = trainer.global_step - before  # includes updates made before a resume inside this list
        return terms

    def _give_back(self, num_batches: int) -> None:
        """Return unused batches to the loader, and make the Trainer stop as if this list had not been started."""
        loop = self._trainer.fit_loop.epoch_loop
        self._trainer.train_dataloader.give_back(num_batches)  # type: ignore[union-attr]
        self.num_updates = 0
        # The Trainer has already counted this list as a batch, will count it as a step, and may be due to validate
        loop.batch_progress.increment_by(-1)
        loop._batches_that_stepped -= 1
        loop._skip_next_val = True

    def _update(self, batch: Any) -> list[dict[str, Tensor]]:
        if self._recorded is not None:
            return self._recorded(batch, [model.noise_seed_of(model.steps_trained + 1) for model in self._models])
        terms = []
        for index, model in enumerate(self._models):
            with self._alone(index):
                terms.append(model.update(batch, model.noise(model.steps_trained + 1)))
        return terms

    def _count(self) -> None:
        """Count an update of all models as one step, and step the learning-rate schedulers."""
        progress = self._trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        progress.increment_ready()
        progress.increment_completed()
        for config in self._trainer.lr_scheduler_configs:
            self._trainer.lightning_module.lr_scheduler_step(config.scheduler, None)
        for model in self._models:
            model.steps_trained += 1
