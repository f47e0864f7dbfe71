"""The tidy table that a suite of metrics fills."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from typing_extensions import override

from lr_lightning.common.printed_result import TabularResult
from lr_lightning.metrics.core.repeats import ErrorOver
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Codes

if TYPE_CHECKING:
    import pandas as pd


class ScoreRow(NamedTuple):
    """One score.

    Attributes:
        name: Full name, ``metric`` and ``variant`` joined by an underscore.
        metric: Name of the metric, such as ``"dci"``.
        variant: Which of the metric's scores it is, such as ``"gbt_completeness"``; ``"score"`` if the metric has one
            only.
        value: The score; NaN where it is undefined.
        standard_error: Standard error of ``value``, the mean over repeats; ``None`` without repeats.
        ceiling: What a perfect code scores on these rows, ``None`` if it was not measured.
        chance: What codes that know nothing of the factors score on these rows, ``None`` if it was not measured or is
            undefined.
        higher_is_better: Direction.
        num_train: Rows fitted or counted on.
        num_test: Rows held out.
        seconds: Time that the metric took, all its scores and repeats together. The first metric to need something
            that others share pays for it.
        level_seconds: Additional time that its chance and ceilings took.
        low: Lower end of the 95 % interval of ``value``; ``None`` without repeats.
        high: Upper end.
        error_over: What the error and the interval are over: new ``"rows"`` of which the table is a sample, or other
            ``"draws"`` from a table that holds each combination of factor values once and is the whole population;
            ``None`` without repeats.
        codes: Whether posterior ``"mean"`` codes (or those of a deterministic autoencoder) or one ``"sample"`` of each
            posterior were scored. Metrics of whole posteriors have means and log-variances.
    """

    name: str
    metric: str
    variant: str
    value: float
    standard_error: float | None
    ceiling: float | None
    chance: float | None
    higher_is_better: bool
    num_train: int
    num_test: int
    seconds: float
    level_seconds: float = 0.0
    low: float | None = None
    high: float | None = None
    error_over: ErrorOver | None = None
    codes: Codes = "mean"


_SHOWN = ("value", "standard_error", "ceiling", "chance", "higher_is_better", "seconds")
"""Columns that are printed, if they are not empty."""


@dataclass(frozen=True, eq=False, repr=False)
class ScoreTable(TabularResult):
    """Scores of a suite of metrics on one code table.

    Attributes:
        rows: One row a score, in the order in which the metrics were asked for.
        results: Result of each metric by its name in the suite, with matrices and parts.
    """

    rows: tuple[ScoreRow, ...]
    results: Mapping[str, MetricResult]

    @override
    def to_pandas(self) -> "pd.DataFrame":
        """Return one row a score, with the fields of :class:`ScoreRow` as columns."""
        import pandas as pd

        return pd.DataFrame([row._asdict() for row in self.rows], columns=list(ScoreRow._fields))

    @override
    def _shown(self) -> "pd.DataFrame":
        frame = self.to_pandas().set_index("name")[list(_SHOWN)]
        return frame.drop(columns=[name for name in _SHOWN[1:] if frame[name].isna().all()])

    @property
    def scores(self) -> dict[str, float]:
        """Values by the full names of the scores."""
        return {row.name: row.value for row in self.rows}

    def __getitem__(self, name: str) -> float:
        """Return the value of the score with the full name ``name``."""
        return self.scores[name]

    def merged(self, others: Iterable["ScoreTable"]) -> "ScoreTable":
        """Return the table with the rows and results of ``others`` after its own."""
        rows, results = self.rows, dict(self.results)
        for other in others:
            rows += other.rows
            results |= other.results
        return ScoreTable(rows, results)

    def ordered(self, names: Iterable[str]) -> "ScoreTable":
        """Return the table of the metrics ``names``, named as in ``results``, in this order.

        Raises:
            KeyError: If there is no result of one of them.
        """
        results = {name: self.results[name] for name in names}
        by_name = {row.name: row for row in self.rows}
        return ScoreTable(tuple(by_name[score] for result in results.values() for score in result.scores), results)


def rows_of(result: MetricResult, seconds: float, level_seconds: float = 0.0) -> list[ScoreRow]:
    """Return one row for each score of ``result``, which took ``seconds``, and its levels ``level_seconds``."""
    return [_row(name, score, result, seconds, level_seconds) for name, score in result.scores.items()]


def _row(name: str, score: Score, result: MetricResult, seconds: float, level_seconds: float) -> ScoreRow:
    return ScoreRow(
        name=name,
        metric=result.metric,
        variant=name.removeprefix(result.metric).removeprefix("_") or "score",
        value=score.value,
        standard_error=score.standard_error,
        ceiling=score.ceiling,
        chance=score.chance,
        higher_is_better=score.higher_is_better,
        num_train=result.num_train,
        num_test=result.num_test,
        seconds=seconds,
        level_seconds=level_seconds,
        low=score.low,
        high=score.high,
        error_over=score.error_over,
        codes=result.codes,
    )
