"""Assays that cannot run: whether the run goes on without them, and with which message."""

import logging
from dataclasses import dataclass

import torch

from lr_lightning.common.checks import one_line

_log = logging.getLogger(__name__)

DATA_CAUSES = (
    ValueError,
    ArithmeticError,
    torch.linalg.LinAlgError,  # type: ignore[attr-defined]
    torch.OutOfMemoryError,
    MemoryError,
)
"""Errors that data, codes or the size of a model can cause. Any other error is a bug in the assay."""


@dataclass(frozen=True)
class AssayFailure:
    """Why an assay did not run; the same on each process.

    Attributes:
        text: Text of the error, in one line.
        is_bug: Whether the assay has a bug; otherwise the data caused the error.
    """

    text: str
    is_bug: bool

    @classmethod
    def of(cls, error: Exception) -> "AssayFailure":
        """Return the failure behind ``error``; a bug is also logged with its traceback."""
        if isinstance(error, DATA_CAUSES):
            return cls(one_line(error) or type(error).__name__, is_bug=False)
        _log.error("an assay failed", exc_info=error)
        return cls(f"{type(error).__name__}: {one_line(error)}", is_bug=True)

    def message(self, name: str) -> str:
        """Return the warning about the assay ``name``."""
        if self.is_bug:
            return f"the assay {name} has a bug and was skipped: {self.text}"
        return f"the assay {name} cannot run here and was skipped: {self.text} (assays.{name}: null drops it)"


def ends_the_run(error: Exception, in_training: bool, world_size: int) -> bool:
    """Return whether ``error`` of an assay ends the run.

    A bug in the assay ends an evaluation, which has nothing to lose. Running out of memory on one of several processes
    ends any run: the others do not notice, and would wait for it forever.
    """
    if world_size > 1 and isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return not in_training and not isinstance(error, DATA_CAUSES)
