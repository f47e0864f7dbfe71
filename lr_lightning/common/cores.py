"""The cores that this process may use, and how many of them others leave free."""

import os
import time
from pathlib import Path

import psutil


def num_cores() -> int:
    """Return the number of cores that this process may use, also inside a container with a share of the machine."""
    from joblib import cpu_count

    return int(cpu_count())


class CoreMeter:
    """Measures how many cores were free for this process since the last measurement.

    Free is what this process has used plus what has been idle. Threads of this process that only wait for each other
    count as used; so does everything that other processes would have taken. The load average would not do: it lags by a
    minute, and counts the own threads.

    On systems that do not let a process read the idle time of each core, that of the whole machine is used.
    """

    def __init__(self) -> None:
        self._cores = _own_cores()
        self._limit = _quota()
        self._used, self._idle, self._moment = time.process_time(), _idle(self._cores), time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the last measurement."""
        return time.perf_counter() - self._moment

    def read(self) -> float:
        """Return the mean number of free cores since the last call, or since the meter was made.

        Kernels count idle time in ticks of up to 10 ms, so that at least half a second should have passed.

        Returns:
            A number of cores, not rounded, from 0 to the number that this process may use.
        """
        used, idle, moment = time.process_time(), _idle(self._cores), time.perf_counter()
        free = (used - self._used + idle - self._idle) / max(moment - self._moment, 1e-9)
        self._used, self._idle, self._moment = used, idle, moment
        return float(min(max(free, 0.0), len(self._cores), self._limit))


def _own_cores() -> list[int]:
    process = psutil.Process()
    # macOS has no affinity of processes
    return list(process.cpu_affinity()) if hasattr(process, "cpu_affinity") else list(range(os.cpu_count() or 1))


def _idle(cores: list[int]) -> float:
    """Return the seconds that cores have been idle, added up."""
    times = psutil.cpu_times(percpu=True)
    idle = [each.idle + getattr(each, "iowait", 0.0) for each in times]
    # in some containers, cores are numbered differently here than in the affinity
    known = max(cores) < len(idle)
    return float(sum(idle[core] for core in cores) if known else sum(idle) / len(idle) * len(cores))


def _quota() -> float:
    """Return the share of the machine that a container's control group (version 2) grants, in cores."""
    try:
        group = Path("/proc/self/cgroup").read_text().strip().splitlines()[-1].rpartition("::")[2]
        folder = Path("/sys/fs/cgroup", group.lstrip("/"))
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError, IndexError):
        return float("inf")
    return float("inf") if quota == "max" else float(quota) / float(period)
