"""The file with the scores of a run: the last one that a run writes, and all that the table of a study reads of it."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from lr_lightning.common.files import write_atomically

FORMAT = 1
Scalars: TypeAlias = Mapping[str, float | None]
"""Values by key; ``None`` where a value is undefined."""


@dataclass(frozen=True)
class EvaluationRecord:
    """What the evaluation of a run found.

    Attributes:
        cell: Identity of the cell.
        seed: Seed of the run.
        step: Training steps of the weights that were evaluated.
        training_seconds: Wall time of the training, its attempts together, without what was lost with a process that
            was killed after its last checkpoint.
        evaluation_seconds: Wall time of the evaluation.
        threads: Threads of PyTorch.
        precision: Precision of the training, such as ``"32-true"``.
        versions: Versions of packages.
        scalars: What the evaluation logged, by keys such as ``"test/loss"`` and ``"metric/mig/score"``.
        validation: What the last validation of the training logged.
        scores: Columns of the table of scores, by the fields of a ``ScoreRow``. They hold each name once, where a list
            of rows would repeat it in each row, and are read in a third of the time.
    """

    cell: str
    seed: int
    step: int
    training_seconds: float
    evaluation_seconds: float
    threads: int
    precision: str
    versions: Mapping[str, str]
    scalars: Scalars
    validation: Scalars = field(default_factory=dict)
    scores: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def score_columns(rows: Iterable[NamedTuple]) -> dict[str, list[Any]]:
    """Return the columns of a table of scores, by the fields of its rows; empty without rows."""
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for key, value in row._asdict().items():
            columns.setdefault(key, []).append(value)
    return columns


def write_evaluation(path: Path, record: EvaluationRecord) -> None:
    """Write the scores of a run, complete or not at all; values that are not finite become ``null``."""
    text = evaluation_text(record)
    write_atomically(path, lambda file: file.write(text.encode()))


def evaluation_text(record: EvaluationRecord) -> str:
    """Return the content of the file."""
    return json.dumps({"format": FORMAT} | _finite(asdict(record)), separators=(",", ":"), allow_nan=False)


def read_evaluation(path: Path) -> EvaluationRecord:
    """Return the scores of a run.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or was written by a later version.
    """
    try:
        values = json.loads(path.read_bytes())
        if values.pop("format") > FORMAT:
            raise ValueError("it was written by a later version of lr-lightning; update the package")
        return EvaluationRecord(**values)
    except FileNotFoundError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} has no readable scores ({error}); remove it, and the next study run evaluates again"
        ) from error


def _finite(value: Any) -> Any:
    """Return ``value`` with ``None`` for numbers, at any depth, that are not finite."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
