"""Runs among which a score picks some, and the worth of those by another score."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lr_lightning.study.analysis.ranks import weighted_ranks
from lr_lightning.study.analysis.resampling import Floats, Unit, percentile_interval, resample_weights

_COLUMNS = tuple(
    f"{name}{end}"
    for name in ("chosen", "random", "best", "recovered", "beats_random")
    for end in ("", "_low", "_high")
)


class Candidates:
    """Runs among which a score picks some.

    Args:
        cells: Cell of each of the ``N`` runs.
        unit: What is resampled for the intervals.
        num_resamples: Number of resamples ``B``.
        seed: Seed of the resamples.
        level: Nominal coverage of the intervals.
    """

    def __init__(self, cells: pd.Index, unit: Unit, num_resamples: int, seed: int, level: float) -> None:
        self.level = level
        resampled = resample_weights(cells, unit, num_resamples, np.random.default_rng(seed))
        # the first sample is the table itself; runs are in rows, because picking takes a few of them
        self._weights: Floats = np.concatenate([np.ones((1, len(cells))), resampled]).T.copy()  # (N, 1 + B)
        self._judged: dict[str, _Judged] = {}

    def evaluate(
        self, picked: Floats, target: str, judged: Floats, higher_is_better: bool, num_chosen: Sequence[int]
    ) -> list[dict[str, float]]:
        """Return what the runs that a score picks are worth by a target, for each number of runs.

        Args:
            picked: Score that picks ``(N,)``; the highest are picked.
            target: Name of the target, by which all that does not depend on the score that picks is kept.
            judged: Target ``(N,)``.
            higher_is_better: Direction of the target.
            num_chosen: Numbers of runs to pick.

        Returns:
            The columns of :func:`model_selection`; NaN if there are no runs.
        """
        numbers: list[dict[str, float]] = [
            {"num_chosen": min(number, len(judged)), "num_runs": len(judged)} for number in num_chosen
        ]
        if not len(judged):
            return [row | dict.fromkeys((*_COLUMNS, "correlation"), float("nan")) for row in numbers]
        sign = 1 if higher_is_better else -1
        if target not in self._judged:
            self._judged[target] = _Judged(sign * judged, self._weights)
        of_target, picks = self._judged[target], _Picks(picked, self._weights)
        correlation = _correlation(weighted_ranks(picked, self._weights[:, :1].T)[0], of_target.ranks[:, 0])
        return [
            row | self._row(picks, of_target, int(row["num_chosen"]), sign) | {"correlation": correlation}
            for row in numbers
        ]

    def _row(self, picks: "_Picks", target: "_Judged", num_chosen: int, sign: int) -> dict[str, float]:
        chosen, beats = picks.means(num_chosen, target.scores, target.ranks)
        best, random = target.best(num_chosen), target.random
        gain = np.where(best - random > 1e-12 * np.abs(target.scores).max(), best - random, np.nan)
        found = (sign * chosen, sign * random, sign * best, (chosen - random) / gain, beats)
        low, high = percentile_interval(np.stack(found, axis=1)[1:], self.level)
        numbers = np.stack([[values[0] for values in found], low, high], axis=1).ravel().tolist()
        row = dict(zip(_COLUMNS, numbers, strict=True))
        if num_chosen == 1:  # resamples say nothing about a maximum: these contained its mean in 45 % of simulations
            row |= {"best_low": float("nan"), "best_high": float("nan")}
        return row


class _Judged:
    """A target in each of the weighted samples.

    Attributes:
        scores: The target ``(N,)``; higher is better.
        ranks: Probability ``(N, 1 + B)`` that a random run of the sample is worse than each run.
        random: Its mean ``(1 + B,)``.
    """

    def __init__(self, scores: Floats, weights: Floats) -> None:
        self.scores = scores
        total = weights.sum(axis=0)
        self.ranks: Floats = (weighted_ranks(scores, weights.T) / total[:, None]).T.copy()
        self.random: Floats = scores @ weights / total
        self._picks = _Picks(scores, weights)
        self._best: dict[int, Floats] = {}

    def best(self, num_chosen: int) -> Floats:
        """Return the mean ``(1 + B,)`` of the runs that the target itself picks."""
        if num_chosen not in self._best:
            self._best[num_chosen] = self._picks.means(num_chosen, self.scores, self.ranks)[0]
        return self._best[num_chosen]


class _Picks:
    """The order in which a score picks runs.

    Runs are picked in groups of equal scores, from the highest on; of the last group only as much as is needed, the
    same fraction of each run, which is the expectation over random picks among equals.
    """

    def __init__(self, picked: Floats, weights: Floats) -> None:
        self._order = np.argsort(-picked, kind="stable")
        descending = picked[self._order]
        self._starts = np.flatnonzero(np.append(True, descending[1:] != descending[:-1]))  # of groups
        self._group = np.cumsum(np.append(True, descending[1:] != descending[:-1])) - 1  # of each run, in order
        self._weights = weights[self._order]
        self._of_groups = (
            self._weights if len(self._starts) == len(picked) else np.add.reduceat(self._weights, self._starts, axis=0)
        )
        self._before = np.cumsum(self._of_groups, axis=0) - self._of_groups

    def means(self, num_chosen: int, scores: Floats, ranks: Floats) -> tuple[Floats, Floats]:
        """Return the means ``(1 + B,)`` over the picked runs of scores ``(N,)`` and of ranks ``(N, 1 + B)``."""
        used = int((self._before < num_chosen).any(axis=1).sum())  # groups that any sample takes from
        of_groups = self._of_groups[:used]
        fraction = np.clip(num_chosen - self._before[:used], 0, of_groups) / np.where(of_groups > 0, of_groups, 1)
        count = int(np.searchsorted(self._group, used))
        order = self._order[:count]
        taken = fraction[self._group[:count]] * self._weights[:count]
        total = taken.sum(axis=0)
        return scores[order] @ taken / total, (ranks[order] * taken).sum(axis=0) / total


def _correlation(one: Floats, other: Floats) -> float:
    """Return the correlation of two columns of ranks; NaN if one is constant or there are fewer than three runs."""
    if len(one) < 3 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
