"""Values that change with the number of training steps: loss weights and learning rates."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from lr_lightning.common.checks import check_at_least, check_non_negative


class Schedule(ABC):
    """A value that depends only on the step, so that a resumed run continues exactly where it stopped."""

    @abstractmethod
    def __call__(self, step: int) -> float:
        """Return the value for the next update, after ``step`` updates."""


@dataclass(frozen=True)
class _Ramp(Schedule, ABC):
    """A transition from one value to another over ``num_steps`` steps, constant afterwards."""

    start: float
    end: float
    num_steps: int

    def __post_init__(self) -> None:
        check_at_least("num_steps", self.num_steps, 1)


@dataclass(frozen=True)
class LinearSchedule(_Ramp):
    """Linear from ``start`` to ``end`` over ``num_steps`` steps, then constant.

    Args:
        start: Value at step 0.
        end: Value from step ``num_steps`` on.
        num_steps: Number of steps of the transition.

    Raises:
        ValueError: If ``num_steps`` is below 1.
    """

    def __call__(self, step: int) -> float:
        """Return the value at ``step``."""
        return self.start + (self.end - self.start) * min(step / self.num_steps, 1.0)


@dataclass(frozen=True)
class CosineSchedule(_Ramp):
    """Half a cosine wave from ``start`` to ``end`` over ``num_steps`` steps, then constant.

    Args:
        start: Value at step 0.
        end: Value from step ``num_steps`` on.
        num_steps: Number of steps of the transition.

    Raises:
        ValueError: If ``num_steps`` is below 1.
    """

    def __call__(self, step: int) -> float:
        """Return the value at ``step``."""
        progress = min(step / self.num_steps, 1.0)
        # (1 + cos) / 2 falls from 1 to 0
        return self.end + (self.start - self.end) * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class CyclicSchedule(Schedule):
    """Rises linearly from ``start`` to ``end``, and restarts every ``period`` steps.

    Args:
        start: Value at the beginning of each cycle.
        end: Value reached within each cycle, and kept until it ends.
        period: Number of steps per cycle.
        rise: Fraction of a cycle taken by the rise, in ``(0, 1]``.

    Raises:
        ValueError: If ``period`` is below 1 or ``rise`` is outside ``(0, 1]``.

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
    """Rises linearly from 0 to the initial value of ``then`` over ``num_steps`` steps, then follows ``then``.

    Args:
        num_steps: Number of steps of the rise.
        then: Schedule after the rise, which starts at its own step 0, or a constant.

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
        # The rise ends where `then` starts, and `then` counts its own steps from there: no jump, and none are skipped
        return risen * value_at(self.then, 0) if risen < 1 else value_at(self.then, step - self.num_steps)


class ScheduledLearningRate(LambdaLR):
    """Scales the optimizer's learning rate by a schedule; use it as the ``lr_scheduler`` of a model.

    Args:
        optimizer: Optimizer whose learning rates are scaled.
        schedule: Factor at each step.
    """

    def __init__(self, optimizer: Optimizer, schedule: Schedule) -> None:
        # A lambda, because LambdaLR pickles other callables, such as schedules, into checkpoints but skips functions
        super().__init__(optimizer, lambda step: schedule(step))


def value_at(value: float | Schedule, step: int) -> float:
    """Return ``value``, or the value of the schedule at ``step``."""
    return value(step) if isinstance(value, Schedule) else value


def check_weight(name: str, value: float | Schedule) -> float | Schedule:
    """Return the loss weight ``value``; raise ``ValueError`` if it is a number that is negative or not finite."""
    if not isinstance(value, Schedule):
        check_non_negative(name, value)
    return value
