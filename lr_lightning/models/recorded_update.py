"""An update of a model as a CUDA graph."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import SGD, Optimizer

from lr_lightning.models.schedules import Schedule

if TYPE_CHECKING:
    from lr_lightning.models.base import AutoencoderModule

# Updates before the recording, in which libraries choose their algorithms and optimizers make their state
_WARM_UP = 3


class RecordedUpdate:
    """Records one update of a model and replays it: the processor then hands over one graph instead of each kernel.

    What a replay reads is copied to where the recording read it: the batch, the seed of the noise, the values of
    schedules and learning rates. Callbacks at single optimizer steps (``on_before_optimizer_step``) are not called in a
    replay.

    Args:
        model: The model, on a CUDA device, with manual optimization.

    Raises:
        ValueError: If an optimizer cannot be recorded.
    """

    def __init__(self, model: "AutoencoderModule") -> None:
        self._model = model
        self._generator = torch.Generator(model.device)
        self._stream = torch.cuda.Stream(model.device)  # type: ignore[no-untyped-call]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._done = 0
        self._batch: Any = None
        self._weights: dict[Schedule, Tensor] = {}
        self._terms: dict[str, Tensor] = {}
        for optimizer in model.trainer.optimizers:
            make_recordable(optimizer, model.device, scheduled=bool(model.trainer.lr_scheduler_configs))

    def __call__(self, batch: Any, seed: int) -> dict[str, Tensor]:
        """Update on ``batch``, a named tuple of tensors, with noise from ``seed``; return loss and terms.

        The terms are overwritten by the next update.
        """
        self._generator.manual_seed(seed)
        if self._done < _WARM_UP:
            self._done += 1
            return self._unrecorded(batch)
        graph = self._graph or self._record(batch)
        for place, value in zip(self._batch, batch, strict=True):
            place.copy_(value)
        for schedule, weight in self._weights.items():
            weight.fill_(schedule(self._model.steps_trained))
        graph.replay()
        return self._terms

    def _unrecorded(self, batch: Any) -> dict[str, Tensor]:
        """Update on a stream of its own, as recordings ask for."""
        present = torch.cuda.current_stream(self._model.device)
        self._stream.wait_stream(present)
        with torch.cuda.stream(self._stream):
            terms = self._model.update(batch, self._generator)
        present.wait_stream(self._stream)
        return terms

    def _record(self, batch: Any) -> torch.cuda.CUDAGraph:
        """Record an update, which does not make it."""
        self._batch = type(batch)(*(value.clone() for value in batch))
        values = vars(self._model).values()
        self._weights = {s: torch.zeros((), device=self._model.device) for s in values if isinstance(s, Schedule)}
        for optimizer in self._model.trainer.optimizers:
            optimizer.zero_grad()  # gradients are to lie in the graph's memory
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(self._generator)
        self._model.recorded_weights = self._weights
        torch.clear_autocast_cache()  # the copies of weights in low precision must be part of the recording
        with torch.cuda.graph(self._graph):
            self._terms = self._model.update(self._batch, self._generator)
        self._model.recorded_weights = {}
        return self._graph


def make_recordable(optimizer: Optimizer, device: torch.device, scheduled: bool) -> None:
    """Let ``optimizer`` keep all that changes on the device.

    Args:
        optimizer: Any whose groups have the option ``capturable``, as Adam has, or SGD.
        device: The device of its parameters.
        scheduled: Whether a schedule changes its learning rates.

    Raises:
        ValueError: If it is neither.
    """
    for group in optimizer.param_groups:
        if "capturable" in group:
            group["capturable"] = True
        elif not isinstance(optimizer, SGD):
            raise ValueError(
                f"updates_per_batch above 1 needs an optimizer that CUDA graphs can record, one with the option "
                f"'capturable' such as Adam; got {type(optimizer).__name__}"
            )
        if "fused" in group and not group.get("foreach"):
            group["fused"] = True
        if scheduled and not isinstance(group["lr"], Tensor):
            group["lr"] = torch.tensor(group["lr"], dtype=torch.float32, device=device)
    for state in optimizer.state.values():
        if isinstance(state.get("step"), Tensor):
            state["step"] = state["step"].to(device)
