"""The record of a failure, which lies in the folder of a run whose last attempt failed."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from lr_lightning.common.files import write_atomically
from lr_lightning.study.layout import failure_path

FORMAT = 1


@dataclass(frozen=True)
class Failure:
    """Why the last attempt at a run failed.

    Attributes:
        state: Whether an error ended it, or a loss that is not finite.
        sentence: The error.
        attempts: How often the run was tried.
        seconds: Wall time of the last attempt.
        host: Name of the machine.
        version: Version of this package.
    """

    state: Literal["failed", "diverged"]
    sentence: str
    attempts: int = 1
    seconds: float = 0.0
    host: str = ""
    version: str = ""


def write_failure(folder: Path, failure: Failure) -> None:
    """Write the record of a failure to the folder of a run, complete or not at all."""
    text = json.dumps({"format": FORMAT} | asdict(failure), indent=1)
    write_atomically(failure_path(folder), lambda file: file.write(text.encode()))


def read_failure(folder: Path) -> Failure | None:
    """Return why the last attempt at the run in ``folder`` failed; ``None`` if it did not fail.

    A damaged record is a failure too, with a sentence that names the file.
    """
    path = failure_path(folder)
    try:
        values = json.loads(path.read_bytes())
        if values.pop("format") > FORMAT:
            return Failure("failed", f"{path} was written by a later version of lr-lightning; update the package")
        failure = Failure(**values)
        if failure.state not in ("failed", "diverged"):
            raise ValueError(f"state is {failure.state!r}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Failure("failed", f"{path} is not a readable record of a failure ({error})")
    return failure
