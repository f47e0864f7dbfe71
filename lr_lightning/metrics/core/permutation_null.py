"""What any metric gives for codes that know nothing of the factors."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Integers, Sample


@dataclass(frozen=True, eq=False)
class ScoreNull:
    """One score, and its values with codes and factors paired at random.

    Attributes:
        score: The score as measured.
        null: Scores ``(P,)`` float64 of random pairings; its mean is the chance level.
        p_value: How often chance reaches the score, in ``[1 / (P + 1), 1]``; NaN if the score is.
    """

    score: float
    null: Tensor
    p_value: float


def permutation_null(
    metric: Callable[[Sample], MetricResult], sample: Sample, num_permutations: int = 100
) -> dict[str, ScoreNull]:
    """Score a sample again and again with its codes and factors paired at random.

    It shows which part of a score comes from the metric's bias, from few rows and from the codes' own distribution, and
    whether the codes know more of the factors than nothing.

    Args:
        metric: Any metric that compares codes with factors, e.g. :func:`.functional.mutual_information_gap`; parameters
            are set with :func:`functools.partial`.
        sample: Rows as :func:`draw` returns them.
        num_permutations: Number of random pairings ``P``; the metric runs ``P + 1`` times.

    Returns:
        By the name of each score: the score, its null distribution, and a p-value of one side, that to which the score
        is better. Pairings in which the score is undefined count as reaching it. Rows to train on, rows held out and
        pools are each paired anew within themselves, from the sample's seed; what the metric draws is the same each
        time.

    Raises:
        ValueError: If ``num_permutations < 1``, or the sample has no factors.

    Example:
        >>> from lr_lightning.metrics.mutual_information_gap import mutual_information_gap
        >>> from lr_lightning.metrics.core.sample import draw
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> null = permutation_null(mutual_information_gap, draw(grid.float(), grid), num_permutations=19)
        >>> null["mig"].p_value
        0.05
    """
    check_at_least("num_permutations", num_permutations, 1)
    if not sample.num_factors:
        raise ValueError("the sample has no factors to permute: draw(codes, factors) with factors (N, K)")
    measured = metric(sample).scores
    random = sample.random("permutation null")
    null: dict[str, list[float]] = {name: [] for name in measured}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is wrong with the factors was said of the sample itself
        for _ in range(num_permutations):
            scores = metric(paired_at_random(sample, random)).scores
            for name, values in null.items():
                values.append(scores[name].value)
    return {name: _compare(score, np.array(null[name])) for name, score in measured.items()}


def paired_at_random(sample: Sample, random: np.random.Generator) -> Sample:
    """Return the sample with other factors for its codes; tables of the same rows stay the same.

    What was found of the codes alone, their bins, is kept.
    """
    tables = {
        "factors": sample.factors,
        "test_factors": sample.test_factors,
        "pool": sample.pool[1],
        "test_pool": sample.test_pool[1],
    }
    orders = {len(table): random.permutation(len(table)) for table in tables.values()}
    paired: dict[str, Integers] = {name: table[orders[len(table)]] for name, table in tables.items()}
    return replace(
        sample,
        factors=paired["factors"],
        test_factors=paired["test_factors"],
        pool=(sample.pool[0], paired["pool"]),
        test_pool=(sample.test_pool[0], paired["test_pool"]),
        _shared={key: value for key, value in sample._shared.items() if isinstance(key, tuple) and key[0] == "bins"},
    )


def _compare(score: Score, null: np.ndarray) -> ScoreNull:
    worse = null < score.value if score.higher_is_better else null > score.value
    p_value = np.nan if np.isnan(score.value) else (np.sum(~worse) + 1) / (len(null) + 1)
    return ScoreNull(score.value, torch.from_numpy(null), float(p_value))
