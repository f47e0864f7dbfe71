"""What every metric returns."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from lr_lightning.common.printed_result import TabularResult
from lr_lightning.metrics.core.repeats import Draws, ErrorOver, ScoredOn, repeated_mean
from lr_lightning.metrics.core.sample import Codes

if TYPE_CHECKING:
    import pandas as pd


class Score(NamedTuple):
    """One score, with the facts needed to interpret it.

    Attributes:
        value: The score; NaN where it is undefined.
        ceiling: What a perfect code scores on these rows, ``None`` if it was not measured.
        chance: What codes that know nothing of the factors score on these rows, ``None`` if it was not measured or is
            undefined.
        higher_is_better: Direction.
        standard_error: Standard error of ``value``, the mean over repeats; ``None`` if there was one only.
        low: Lower end of its 95 % interval; ``None`` if there was one repeat only.
        high: Upper end.
        error_over: What the error and the interval are over: new ``"rows"``, or other ``"draws"`` from a table that is
            the whole population; ``None`` if there was one repeat only.
        scored_on: Rows that move ``value`` most: those to ``"train"`` on, or those held out to ``"test"`` on.
    """

    value: float
    ceiling: float | None = None
    chance: float | None = None
    higher_is_better: bool = True
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None
    error_over: ErrorOver | None = None
    scored_on: ScoredOn = "train"


@dataclass(frozen=True, eq=False, repr=False)
class MetricResult(TabularResult):
    """Scores of one metric, and what they were made from.

    Attributes:
        metric: Name of the metric, such as ``"dci"``.
        scores: Scores by their full names, which include the variant (``"dci_gbt_completeness"``); each name is that of
            the metric, or begins with it and an underscore. The first is the headline.
        matrix: The matrix ``(D, K)`` float64 that the scores aggregate, rows are latents and columns factors; ``None``
            if there is none.
        matrix_label: What its entries are, with the unit: ``"mutual information [nats]"``.
        matrix_axes: What its rows and columns are; ``("latent", "factor")`` for most metrics.
        per_factor: Quantities ``(K,)`` by name; NaN for a factor with one value only.
        per_latent: Quantities ``(D,)`` by name.
        parameters: All that the numbers depend on, except the data.
        num_train: Rows that the metric was fitted or counted on.
        num_test: Rows held out, 0 if the metric needs none.
        active: Latents ``(D,)`` bool whose means vary over the data.
        codes: Whether posterior means (or the codes of a deterministic autoencoder) or samples were scored.
    """

    metric: str
    scores: Mapping[str, Score]
    num_train: int
    num_test: int = 0
    matrix: Tensor | None = None
    matrix_label: str = ""
    matrix_axes: tuple[str, str] = ("latent", "factor")
    per_factor: Mapping[str, Tensor] = field(default_factory=dict)
    per_latent: Mapping[str, Tensor] = field(default_factory=dict)
    parameters: Mapping[str, object] = field(default_factory=dict)
    active: Tensor | None = None
    codes: Codes = "mean"

    @override
    def to_pandas(self) -> "pd.DataFrame":
        """Return a row for each score, with what is known of it."""
        import pandas as pd

        frame = pd.DataFrame([score._asdict() for score in self.scores.values()], pd.Index(self.scores, name="score"))
        return frame.dropna(axis="columns", how="all") if frame["value"].notna().any() else frame[["value"]]

    @property
    def value(self) -> float:
        """Value of the headline score."""
        return next(iter(self.scores.values())).value

    def __getitem__(self, name: str) -> float:
        """Return the value of the score ``name``, given in full or as an unambiguous ending.

        Raises:
            KeyError: If there is no such score, or more than one.
        """
        for full_name in (name, f"{self.metric}_{name}"):
            if full_name in self.scores:
                return self.scores[full_name].value
        ending = [full_name for full_name in self.scores if full_name.endswith(f"_{name}")]
        if len(ending) == 1:
            return self.scores[ending[0]].value
        raise KeyError(f"{self.metric} has no score {name!r} or more than one; there are {', '.join(self.scores)}")


def mean_over_repeats(results: Sequence[MetricResult], draws: Draws | None = None) -> MetricResult:
    """Return the first of ``results`` with the mean of each score over all of them, its standard error and interval.

    Ceilings and chance levels are averaged too. Matrix and parts are those of the first. The parameters include the
    number of repeats and what the errors are over.

    Args:
        results: One a repeat.
        draws: What the repeats drew from one table; ``None`` if they share no rows.
    """
    if len(results) == 1:
        return results[0]
    error_over: ErrorOver = "draws" if draws is None else draws.error_over
    scores = {}
    for name, first in results[0].scores.items():
        values = [result.scores[name].value for result in results]
        mean = repeated_mean(values, 0.0 if draws is None else draws.shared_variance(first.scored_on))
        scores[name] = first._replace(
            **mean._asdict(),
            ceiling=_mean([result.scores[name].ceiling for result in results]),
            chance=_mean([result.scores[name].chance for result in results]),
            error_over=error_over,
        )
    parameters = {**results[0].parameters, "num_repeats": len(results), "error_over": error_over}
    return replace(results[0], scores=scores, parameters=parameters)


def mean_of_known(parts: NDArray[np.floating]) -> float:
    """Return the mean of the ``parts`` that are not NaN, NaN if all are."""
    known = parts[~np.isnan(parts)]
    return float(known.mean()) if len(known) else math.nan


def are_undefined(names: Sequence[str]) -> str:
    """Return how a warning of the scores called ``names`` begins: ``"a, b and c are undefined"``."""
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return f"{listed} {'are' if len(names) > 1 else 'is'} undefined"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None
