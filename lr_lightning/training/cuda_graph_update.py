"""Updates of one or several models, recorded as a CUDA graph."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

from lr_lightning.training.schedules import Schedule
from lr_lightning.training.trainee import Trainee

# Ordinary updates before recording: libraries select algorithms and optimizers create their state, neither of which a
# graph can record
_WARM_UP = 3


class CUDAGraphUpdate:
    """Records one update of each model and replays it: the CPU then launches one graph instead of every kernel.

    A replay reads from the recorded memory addresses, so its inputs are copied there first: the batch, the noise seeds,
    and the values of schedules and learning rates. Hooks around optimizer steps (``on_before_optimizer_step``) are not
    called in a replay. If a batch differs in size from the recorded one, the update runs without the graph.

    Each model is recorded on its own stream, so that the kernels of several small models, none of which fills a GPU,
    run side by side: 16 models make 2.5 times as many updates as one model in the same time. A batched computation on
    stacked weights would make 3.3 times as many, but its round-off would differ from that of a model trained alone.

    Args:
        models: Models on one CUDA device, with manual optimization and equal numbers of steps trained.

    Raises:
        ValueError: If an optimizer cannot be recorded.
    """

    def __init__(self, models: Sequence[Trainee]) -> None:
        self._models = models
        self._device = device = models[0].device
        self._generators = [torch.Generator(device) for _ in models]
        # Warm-up and recording use the same streams: libraries keep one workspace per stream
        self._streams = [torch.cuda.Stream(device) for _ in models]  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._done = 0
        self._batch: Any = None
        self._weights: list[tuple[Schedule, Tensor]] = []
        self._terms: list[dict[str, Tensor]] = []
        trainer = models[0].trainer
        for optimizer in trainer.optimizers:
            make_recordable(optimizer, device, scheduled=bool(trainer.lr_scheduler_configs))

    def __call__(self, batch: Any, seeds: Sequence[int]) -> list[dict[str, Tensor]]:
        """Update on ``batch``, a tuple of tensors, with noise from one seed per model; return the terms of each model.

        The next update overwrites the terms.
        """
        for generator, seed in zip(self._generators, seeds, strict=True):
            generator.manual_seed(seed)
        if self._done < _WARM_UP:
            self._done += 1
            return self._update_all(batch)
        graph = self._graph or self._record(batch)  # recording executes nothing; the replay below does
        # Such as a smaller last batch: the graph only fits the recorded shapes
        if any(place.shape != value.shape for place, value in zip(self._batch, batch, strict=True)):
            return self._update_all(batch)
        # The replay reads the batch and the value of each schedule from fixed addresses: write them there
        for place, value in zip(self._batch, batch, strict=True):
            place.copy_(value)
        for schedule, weight in self._weights:
            weight.fill_(schedule(self._models[0].steps_trained))
        graph.replay()
        return self._terms

    def _update_all(self, batch: Any) -> list[dict[str, Tensor]]:
        """Update each model on its own stream, both in the warm-up and while recording."""
        present = torch.cuda.current_stream(self._device)
        terms = []
        for model, generator, stream in zip(self._models, self._generators, self._streams, strict=True):
            # Fork from the current stream and join it below; a graph only captures streams connected in this way
            stream.wait_stream(present)
            with torch.cuda.stream(stream):
                terms.append(model.update(batch, generator))
        for stream in self._streams:
            present.wait_stream(stream)
        return terms

    def _record(self, batch: Any) -> torch.cuda.CUDAGraph:
        """Record an update of all models without executing it."""
        copies = [value.clone() for value in batch]
        self._batch = batch._make(copies) if hasattr(batch, "_make") else copies
        schedules = [schedule for model in self._models for schedule in model.schedules().values()]
        self._weights = [(s, torch.zeros((), dtype=torch.float32, device=self._device)) for s in schedules]
        for optimizer in self._models[0].trainer.optimizers:
            optimizer.zero_grad()  # backward then allocates the gradients in the graph's memory
        self._graph = torch.cuda.CUDAGraph()
        # A registered generator draws new noise in every replay, from the seed set before it
        for generator in self._generators:
            self._graph.register_generator_state(generator)
        # While recording, models read schedules from these tensors; a Python number would become a constant of the
        # graph
        for model in self._models:
            model.recorded_weights = {id(schedule): weight for schedule, weight in self._weights}
        # Autocast's cached low-precision weights would never be refreshed by a replay: the graph must cast them itself
        torch.clear_autocast_cache()
        with torch.cuda.graph(self._graph):
            self._terms = self._update_all(self._batch)
        for model in self._models:
            model.recorded_weights = {}
        return self._graph


def make_recordable(optimizer: Optimizer, device: torch.device, scheduled: bool) -> None:
    """Make ``optimizer`` keep its step counts and, if scheduled, its learning rates on the device.

    Args:
        optimizer: SGD, or an optimizer with the option ``capturable``, such as Adam.
        device: The device of its parameters.
        scheduled: Whether a schedule changes its learning rates.

    Raises:
        ValueError: If the optimizer is neither.
    """
    for group in optimizer.param_groups:
        if "capturable" in group:
            group["capturable"] = True
        elif not isinstance(optimizer, SGD):
            raise ValueError(
                "updates_per_batch above 1 or an ensemble of seeds needs an optimizer that CUDA graphs can record, one "
                f"with the option 'capturable' such as Adam; got {type(optimizer).__name__}"
            )
        if "fused" in group and not group.get("foreach"):
            group["fused"] = True
        # A number would become a constant of the graph; if it is a tensor, schedulers change it in place
        if scheduled and not isinstance(group["lr"], Tensor):
            group["lr"] = torch.tensor(group["lr"], dtype=torch.float32, device=device)
    for state in optimizer.state.values():
        if isinstance(state.get("step"), Tensor):
            state["step"] = state["step"].to(device)
