"""Failures of assays: their cause, their message, and whether they end the run."""

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
"""Errors that can be caused by the data, the codes or the size of a model. Any other error is a bug in the assay."""


@dataclass(frozen=True)
class AssayFailure:
    """The reason why an assay did not run; the same on each process.

    Attributes:
        text: Text of the error, on one line.
        is_bug: Whether the error is a bug in the assay; otherwise the data caused it.
    """

    text: str
    is_bug: bool

    @classmethod
    def of(cls, error: Exception) -> "AssayFailure":
        """Return the failure for ``error``; bugs are also logged with their traceback."""
        if isinstance(error, DATA_CAUSES):
            return cls(one_line(error) or type(error).__name__, is_bug=False)
        _log.error("an assay failed", exc_info=error)
        return cls(f"{type(error).__name__}: {one_line(error)}", is_bug=True)

    def message(self, name: str) -> str:
        """Return the warning about the assay ``name``."""
        if self.is_bug:
            return f"the assay {name} has a bug and was skipped: {self.text}"
        return f"the assay {name} cannot run here and was skipped: {self.text} (assays.{name}: null removes it)"


def ends_the_run(error: Exception, in_training: bool, world_size: int) -> bool:
    """Return whether an assay's ``error`` ends the run.

    A bug in the assay ends an evaluation, because no training is lost. Running out of memory on one of several
    processes ends any run: the other processes do not notice and would wait for it forever.
    """
    if world_size > 1 and isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return not in_training and not isinstance(error, DATA_CAUSES)
