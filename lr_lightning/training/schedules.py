"""Values that change with the number of training steps: weights of a loss, and learning rates."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lr_lightning.common.checks import check_at_least, check_non_negative


class Schedule(ABC):
    """A function of the step alone, so that a resumed run continues where it stopped."""

    @abstractmethod
    def __call__(self, step: int) -> float:
        """Return the value for the update that follows ``step`` updates, from 0."""


@dataclass(frozen=True)
class _Ramp(Schedule, ABC):
    """A change from one value to another within some steps, constant afterwards."""

    start: float
    end: float
    num_steps: int

    def __post_init__(self) -> None:
        check_at_least("num_steps", self.num_steps, 1)


@dataclass(frozen=True)
class LinearSchedule(_Ramp):
    """A straight line from ``start`` to ``end`` over ``num_steps`` steps, then ``end``.

    Args:
        start: Value at step 0.
        end: Value from step ``num_steps`` on.
        num_steps: Length of the line.

    Raises:
        ValueError: If ``num_steps`` is below 1.
    """

    def __call__(self, step: int) -> float:
        """Return the value at ``step``."""
        return self.start + (self.end - self.start) * min(step / self.num_steps, 1.0)


@dataclass(frozen=True)
class CosineSchedule(_Ramp):
    """Half a cosine wave from ``start`` to ``end`` over ``num_steps`` steps, then ``end``.

    Args:
        start: Value at step 0.
        end: Value from step ``num_steps`` on.
        num_steps: Length of the half wave.

    Raises:
        ValueError: If ``num_steps`` is below 1.
    """

    def __call__(self, step: int) -> float:
        """Return the value at ``step``."""
        progress = min(step / self.num_steps, 1.0)
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class CyclicSchedule(Schedule):
    """A line from ``start`` to ``end`` that restarts every ``period`` steps.

    Args:
        start: Value at the beginning of each cycle.
        end: Value reached in each cycle and kept for the rest of it.
        period: Number of steps per cycle.
        rise: Fraction of a cycle that the line takes, in ``(0, 1]``.

    Raises:
        ValueError: If ``period`` is below 1 or ``rise`` outside of its range.

    References:
        Fu et al., Cyclical Annealing Schedule: A Simple Approach to Mitigating KL Vanishing, NAACL 2019,
        arXiv:1903.10145.
    """

    start: float
    end: float
    period: int
    rise: float = 0.5

    def __post_init__(self) -> None:
        check_at_least("period", self.period, 1)
        if not 0 < self.rise <= 1:
            raise ValueError(f"rise must lie in (0, 1], got {self.rise}")

    def __call__(self, step: int) -> float:
        """Return the value at ``step``."""
        progress = (step % self.period) / self.period
        return self.start + (self.end - self.start) * min(progress / self.rise, 1.0)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A rise from 0 to the first value of ``then`` over ``num_steps`` steps, followed by ``then``.

    Args:
        num_steps: Length of the rise.
        then: What follows; its step 0 is the end of the rise. A number is a constant.

    Raises:
        ValueError: If ``num_steps`` is below 1.
    """

    num_steps: int
    then: float | Schedule = 1.0

    def __post_init__(self) -> None:
        check_at_least("num_steps", self.num_steps, 1)

    def __call__(self, step: int) -> float:
        """Return the value at ``step``."""
        risen = step / self.num_steps
        return risen * value_at(self.then, 0) if risen < 1 else value_at(self.then, step - self.num_steps)


class ScheduledLearningRate(LambdaLR):
    """The optimizer's learning rate times a schedule, for ``lr_scheduler`` of a model.

    Args:
        optimizer: Optimizer whose learning rates are scaled.
        schedule: Factor at each step.
    """

    def __init__(self, optimizer: Optimizer, schedule: Schedule) -> None:
        # LambdaLR leaves functions out of its state, but pickles callable objects into checkpoints
        super().__init__(optimizer, lambda step: schedule(step))


def value_at(value: float | Schedule, step: int) -> float:
    """Return ``value``, or the value of the schedule at ``step``."""
    return value(step) if isinstance(value, Schedule) else value


def check_weight(name: str, value: float | Schedule) -> float | Schedule:
    """Return ``value``, the weight ``name`` of a loss; ``ValueError`` if it is a negative number or not finite."""
    if not isinstance(value, Schedule):
        check_non_negative(name, value)
    return value
