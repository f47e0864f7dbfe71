"""How fast the runs of a study end, from the times at which they did."""

from collections.abc import Sequence
from itertools import pairwise

_HOUR = 3600.0
_RECENT = 10
"""The rate is that of the last hour, or of the time of ten runs one after the other if that is longer."""


def runs_per_hour(finished: Sequence[float], longest: float) -> float | None:
    """Return the rate at which runs have ended lately, leaving out the time before the last pause.

    A run that was under way during a whole gap between two ends takes at least as long as the gap. A gap much longer
    than any run is therefore a time in which nothing ran. The first run after it began about one run's time before its
    end, which is where counting starts; otherwise, the rate of few runs side by side would be far too high.

    Args:
        finished: When runs ended, in seconds, in any order.
        longest: Seconds that the longest of the recent runs took.

    Returns:
        Runs per hour, ``None`` without a run.
    """
    times = sorted(finished, reverse=True)
    if not times or longest <= 0:
        return None
    since = max(_first_after_pause(times, longest) - longest, times[0] - max(_HOUR, _RECENT * longest))
    return sum(time > since for time in times) / (times[0] - since) * _HOUR


def _first_after_pause(times: Sequence[float], longest: float) -> float:
    """Return the first of the times, which descend, that no pause separates from the last one."""
    for time, earlier in pairwise(times):
        if time - earlier > 2 * longest:
            return time
    return times[-1]
