"""What becomes of an assay that cannot run."""

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
"""Errors that data, codes or the size of a model bring about. Any other is a fault in the assay."""


@dataclass(frozen=True)
class AssayFailure:
    """Why an assay did not run; the same on each process.

    Attributes:
        text: What the error says, in one sentence.
        is_fault: Whether the assay is at fault, not the data.
    """

    text: str
    is_fault: bool

    @classmethod
    def of(cls, error: Exception) -> "AssayFailure":
        """Return what ``error`` says, with its kind for a fault, which the log gets with the lines that led to it."""
        if isinstance(error, DATA_CAUSES):
            return cls(one_line(error) or type(error).__name__, is_fault=False)
        _log.error("an assay failed", exc_info=error)
        return cls(f"{type(error).__name__}: {one_line(error)}", is_fault=True)

    def message(self, name: str) -> str:
        """Return the warning of the assay ``name``."""
        if self.is_fault:
            return f"the assay {name} failed by a fault of its own and was skipped: {self.text}"
        return f"the assay {name} cannot run here and was skipped: {self.text} (assays.{name}: null drops it)"


def ends_the_run(error: Exception, in_training: bool, world_size: int) -> bool:
    """Return whether ``error`` of an assay must not be passed over.

    A fault in the assay ends an evaluation, which has nothing to lose. Among several processes the others know nothing
    of the lack of memory on one, and would wait for it.
    """
    if world_size > 1 and isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return not in_training and not isinstance(error, DATA_CAUSES)
