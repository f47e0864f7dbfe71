"""Chooses the number of threads from what the work gains by them and from how many cores are free."""

from collections.abc import Iterable, Mapping

from lr_lightning.common.thread_limit import CROWDED, fitting
from lr_lightning.training.thread_trial import ThreadTrial

_TOLERANCE = 1.05
"""How much longer than the fastest number a smaller number may take."""
_PATIENCE = 2
"""Successive measurements with free cores after which threads are taken back, or more threads should be tried."""


def fewest(seconds: Mapping[int, float], numbers: Iterable[int]) -> int:
    """Return the fewest threads that are about as fast as the fastest of ``numbers``.

    Args:
        seconds: Time of the work by number of threads.
        numbers: The numbers to choose from, one or more.
    """
    numbers = sorted(numbers)
    bound = _TOLERANCE * min(seconds[number] for number in numbers)
    return next(number for number in numbers if seconds[number] <= bound)


class ThreadChoice:
    """The number of threads of a run, which changes only between numbers that give the same results.

    Threads that wait for each other spin: one thread more than there are free cores makes a run several times as slow
    as one thread less. They are therefore given up at once, and taken back only after two measurements.

    Attributes:
        threads: The current number.
        is_crowded: Whether more threads would have been given up if fewer gave the same results.

    Args:
        trial: What a trial has found.
        threads: A number to keep to, which the trial must include, as when a run is resumed; by default the fewest that
            are about as fast as the fastest.
    """

    def __init__(self, trial: ThreadTrial, threads: int | None = None) -> None:
        self._seconds = trial.seconds
        self.threads = fewest(trial.seconds, trial.seconds) if threads is None else threads
        self._interchangeable = trial.interchangeable(self.threads)
        self.is_crowded = False
        self._successive = self._roomy = 0

    def review(self, free: float) -> int:
        """Take a measurement of free cores into account, and return the number of threads from now on.

        Args:
            free: Number of free cores, not rounded, those that the own threads use included.
        """
        allowed = [number for number in self._interchangeable if number <= fitting(free)]
        wanted = fewest(self._seconds, allowed or self._interchangeable[:1])
        self._successive = self._successive + 1 if wanted > self.threads else 0
        self._roomy = self._roomy + 1 if self.may_gain(free) else 0
        is_short = free < self.threads - CROWDED
        if (is_short and wanted < self.threads) or self._successive >= _PATIENCE:
            self.threads, self._successive = wanted, 0
        self.is_crowded = free < self.threads - CROWDED and self.threads == self._interchangeable[0] > 1
        return self.threads

    @property
    def is_trial_due(self) -> bool:
        """Whether more cores than were tried have been free for some time."""
        return self._roomy >= _PATIENCE

    def may_gain(self, free: float) -> bool:
        """Return whether more cores are free than any number that was tried."""
        return fitting(free) > max(self._seconds)
