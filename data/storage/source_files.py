"""The files that define a class of the user, whose changes make a cache outdated."""

import inspect
from pathlib import Path

_FOREIGN = ("builtins", "torch", "torchvision", "typing")
"""Packages whose classes do not change unless their version does."""


def source_files(cls: type, argument: str) -> list[Path]:
    """Return the files that define a class and its bases, except those of torch and torchvision.

    Args:
        cls: The class.
        argument: Argument that it was given as, for the message.

    Raises:
        ValueError: If a class is not defined in a file.
    """
    own = [each for each in cls.__mro__ if each.__module__.partition(".")[0] not in _FOREIGN]
    try:
        return [Path(inspect.getfile(each)) for each in own]
    except (TypeError, OSError) as error:
        raise ValueError(
            f"{argument}: {cls.__qualname__} must be defined in a file, to notice changes ({error})"
        ) from error
