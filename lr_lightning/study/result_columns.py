"""Reads the results of many runs into columns, which take a few bytes for each number."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lr_lightning.study.evaluation_file import EvaluationRecord, read_evaluation

Floats: TypeAlias = NDArray[np.float64]
ScoreColumns: TypeAlias = Mapping[str, Sequence[Any]]
"""Columns of a table of scores, by the fields of a ``ScoreRow``."""
NUMBERS = ("value", "standard_error", "ceiling", "chance")
"""Columns of a table of scores with its numbers."""
_DESCRIPTION = ("metric", "variant", "name", "higher_is_better")


class Quantity(NamedTuple):
    """What a row of the table is about.

    Attributes:
        kind: ``"metric"``, ``"assay"``, ``"test"`` or another first part of a scalar's key; ``"val"`` for everything
            that the last validation of the training logged.
        metric: The metric, the assay, or the term of the loss.
        variant: Which of the values of a metric or assay; ``"score"`` if there is one only.
        name: Unique name: of a score its own, such as ``"dci_lightgbm_completeness"``; of other scalars their key, such
            as ``"assay/conditioned_response/cds"``, after ``val/`` if a validation logged it.
        higher_is_better: Direction; ``None`` if it is not known.
    """

    kind: str
    metric: str
    variant: str
    name: str
    higher_is_better: bool | None = None

    @classmethod
    def of_scalar(cls, key: str) -> "Quantity":
        """Return the quantity of a scalar, given its key."""
        kind, _, rest = key.partition("/")
        metric, _, variant = rest.partition("/")
        return cls(kind, metric or kind, variant or "score", key)


@dataclass(frozen=True)
class ResultColumns:
    """Results of runs: one row for each quantity of each run.

    Attributes:
        runs: The runs, without their results.
        lengths: Number of rows of each run.
        quantities: Distinct quantities.
        quantity: Index into ``quantities`` of each row, shape ``(R,)``.
        numbers: Value, standard error, ceiling and chance of each row, shape ``(4, R)``; NaN where a number is
            undefined or was not measured.
    """

    runs: list[EvaluationRecord]
    lengths: list[int]
    quantities: list[Quantity]
    quantity: NDArray[np.int32]
    numbers: Floats


def read_results(runs: Iterable[tuple[Path, ScoreColumns]]) -> ResultColumns:
    """Read the results of runs.

    Args:
        runs: File of each run, and columns of scores that are not in its file, empty if there are none.

    Raises:
        FileNotFoundError: If one of the files has been removed.
        ValueError: If one is damaged or was written by a later version.
    """
    codes = _Codes()
    records: list[EvaluationRecord] = []
    quantity = [np.empty(0, np.int32)]
    numbers = [np.empty((len(NUMBERS), 0))]
    for path, others in runs:
        record = read_evaluation(path)
        try:
            found, values = _rows(record, others, codes)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} has no readable scores ({error!r}); remove it and run the study again") from error
        quantity.append(found)
        numbers.append(values)
        records.append(replace(record, scalars={}, validation={}, scores={}))  # drops what takes the memory
    lengths = [len(each) for each in quantity[1:]]
    return ResultColumns(records, lengths, codes.quantities, np.concatenate(quantity), np.concatenate(numbers, axis=1))


class _Codes(dict[str | tuple[str, str, str, bool], int]):
    """Numbers the quantities as they turn up: scalars by their key, scores by their description."""

    def __init__(self) -> None:
        super().__init__()
        self.quantities: list[Quantity] = []

    def __missing__(self, given: str | tuple[str, str, str, bool]) -> int:
        self.quantities.append(Quantity.of_scalar(given) if isinstance(given, str) else Quantity("metric", *given))
        self[given] = len(self.quantities) - 1
        return self[given]


def _rows(record: EvaluationRecord, others: ScoreColumns, codes: _Codes) -> tuple[NDArray[np.int32], Floats]:
    """Return codes ``(R,)`` and numbers ``(4, R)`` of the scores of a run, its other scalars, and its validation."""
    columns = record.scores or dict.fromkeys((*_DESCRIPTION, *NUMBERS), ())
    if others:
        columns = {key: [*columns[key], *others[key]] for key in (*_DESCRIPTION, *NUMBERS)}
    scores = list(zip(*(columns[key] for key in _DESCRIPTION), strict=True))
    logged = {f"metric/{metric}/{variant}" for metric, variant, *_ in scores}  # by the assay with the table of scores
    scalars = {key: value for key, value in record.scalars.items() if key not in logged}
    scalars |= {f"val/{key.removeprefix('val/')}": value for key, value in record.validation.items()}
    numbers = np.full((len(NUMBERS), len(scores) + len(scalars)), np.nan)
    numbers[:, : len(scores)] = np.array([columns[key] for key in NUMBERS], np.float64)  # None becomes NaN
    numbers[0, len(scores) :] = np.array(list(scalars.values()), np.float64)
    found = [*map(codes.__getitem__, scores), *map(codes.__getitem__, scalars)]
    return np.array(found, np.int32), numbers
