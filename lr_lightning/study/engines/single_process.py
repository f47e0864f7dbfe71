"""Makes a worker process a process of its own, whatever started it."""

from collections.abc import MutableMapping

_RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
_LAUNCHERS = ("SLURM_", "JSM_", "TORCHELASTIC_")
"""Beginnings of the names of variables that launchers of parallel programs set."""


def forget_launcher(environment: MutableMapping[str, str]) -> None:
    """Remove the variables with which a launcher such as ``srun`` tells a process its rank among others.

    A worker on the second node of a SLURM job would otherwise take itself for a part of one distributed run: it would
    neither lock its run folder nor write its logs, or Lightning would refuse to start.

    Args:
        environment: Environment variables, such as ``os.environ``.
    """
    for name in list(environment):
        if name in _RANKS or name.startswith(_LAUNCHERS):
            del environment[name]
