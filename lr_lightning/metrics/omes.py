"""Overlap and multiple encoding score (OMES)."""

import math
import warnings
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.metrics.base import Variants
from lr_lightning.metrics.core.result import MetricResult, Score, are_undefined
from lr_lightning.metrics.core.sample import (
    Floats,
    Integers,
    Sample,
    Sampling,
    as_sample,
    warn_of_constant_factors,
)
from lr_lightning.metrics.function_metric import FunctionMetric

Pooling: TypeAlias = Literal["average", "max"]

_ROUNDING = 1e-12  # variance over second moment, of a latent that is constant up to rounding


def omes(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    alpha: float = 0.5,
    pooling: Pooling = "average",
    threshold: float = 0.05,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score whether a change of one factor changes one latent, and no other factor changes that latent.

    Of all pairs of rows that differ in factor :math:`k` only, with codes :math:`(z, z')`,

    .. math:: S_{jk} = 1 - |\mathrm{corr}(z_j, z'_j)|

    is 0 for a latent that stays the same, and near 1 for one that changes to an unrelated value. A matrix with a single
    1 in row :math:`j` and column :math:`k` has

    .. math:: o_{jk} = 1 - \frac{1}{K} \sum_{l} |\delta_{lk} - S_{jl}|, \qquad
        m_{jk} = 1 - \frac{1}{D} \sum_{i} |\delta_{ij} - S_{ik}|

    equal to 1: the overlap score :math:`o` falls with each factor that shares the latent, the multiple encoding score
    :math:`m` with each latent that shares the factor. The score of a factor pools them over latents,

    .. math:: \mathrm{OMES}_k = \frac{\sum_j S_{jk} \, S_{jk} \, (\alpha o_{jk} + (1 - \alpha) m_{jk})}{\sum_j S_{jk}}

    or, with ``pooling="max"``, :math:`\alpha \max_j S_{jk} o_{jk} + (1 - \alpha) \max_j S_{jk} m_{jk}`, and the score
    is the mean over factors. Latents of small scale are left out.

    The authors draw pairs at random: rows that agree in all factors but one are shuffled and paired, once for each of
    them. Correlations here are those over all pairs, weighted by how often these draws contain them, so that nothing is
    drawn. Where a combination of factors has several rows, the authors use one; here they count equally.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        alpha: Weight of the overlap score, in ``[0, 1]``; 1 for it alone, 0 for the multiple encoding score alone.
        pooling: ``"average"``: over all latents, weighted with :math:`S_{jk}`. ``"max"``: the best latent only, so that
            a factor may have more latents.
        threshold: Latents whose standard deviation is below are left out; in latent units.
        sampling: Which rows. With the order ``"random"``, pairs come from the whole table.

    Returns:
        Scores ``omes``, ``omes_overlap`` (the score with ``alpha=1``) and ``omes_multiple_encoding`` (``alpha=0``), or
        ``omes_max``, ``omes_max_overlap`` and ``omes_max_multiple_encoding``, in ``[0, 1]``, no unit; higher is better.
        ``matrix``: :math:`S`, 0 for a latent that is left out. ``per_factor``: ``omes``, ``overlap``,
        ``multiple_encoding``, ``pairs`` (the number of pairs of combinations).

        Codes that are independent of the factors change to unrelated values whichever factor changes: all of :math:`S`
        is 1, and they score :math:`\alpha / K + (1 - \alpha) / D'` with :math:`D'` latents above the threshold, a
        little less where pairs are few. A single latent, or a single factor, therefore scores high. The two values of
        a pair are never equal, which correlates them negatively: for a factor of :math:`V` values, a perfect code has
        :math:`S_{jk} = 1 - 1 / (V - 1)`, and scores :math:`S_{jk} (1 - (1 - S_{jk}) (\alpha / K + (1 - \alpha) / D'))`.
        This is 0 for a factor of two values, .46 or less for three. Noise in the latents hides this correlation: noisy
        codes may score above the ceiling, most of all where factors have few values.

        Blind to how a latent depends on its factor, and to factors of two values; with ``pooling="max"`` and
        ``alpha=1`` also to duplicates. Depends on the scale of the codes through ``threshold``. Factors with a single
        value, and those in which alone no two rows differ, are left out with a warning; NaN with a warning if none is
        left, or if no latent is above the threshold.

    Raises:
        ValueError: As :func:`draw`; or if ``alpha`` is not in ``[0, 1]``, ``pooling`` unknown, or ``threshold``
            negative.

    References:
        Dapueto, Noceti and Odone, Transferring Disentangled Representations: Bridging the Gap between Synthetic and
        Real Images, NeurIPS 2024, arXiv:2409.18017.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(4))
        >>> result = omes(grid.float(), grid, sampling=Sampling(num_train=16, num_test=0))
        >>> result.matrix.round(decimals=3).tolist()
        [[0.667, 0.0], [0.0, 0.667]]
        >>> round(result.value, 3)  # 2/3 (1 - 1/3 * 1/2)
        0.556
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in [0, 1], got {alpha}")
    check_choice("pooling", pooling, ("average", "max"))
    check_at_least("threshold", threshold, 0)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    matrix, pairs = sample.shared("change under factors", lambda: _change_matrix(*sample.pool, sample.varying_factors))
    kept = sample.pool[0].std(axis=0, dtype=np.float64, ddof=1) >= threshold
    matrix = np.where(kept[:, None], matrix, np.where(np.isnan(matrix), np.nan, 0.0))
    parts = np.full((2, sample.num_factors), np.nan)
    paired = pairs > 0
    if kept.any() and paired.any():
        parts[:, paired] = _pooled(matrix[np.ix_(kept, paired)], pooling)
    per_factor = alpha * parts[0] + (1 - alpha) * parts[1]
    name = "omes" if pooling == "average" else "omes_max"
    names = (name, f"{name}_overlap", f"{name}_multiple_encoding")
    _warn_of_missing_pairs(sample, pairs, names, kept)
    return MetricResult(
        metric="omes",
        scores={
            name: Score(float(part[paired].mean()) if paired.any() else math.nan)
            for name, part in zip(names, (per_factor, *parts), strict=True)
        },
        num_train=len(sample.pool[0]),
        matrix=torch.from_numpy(matrix),
        matrix_label="change under the factor",
        per_factor={
            "omes": torch.from_numpy(per_factor),
            "overlap": torch.from_numpy(parts[0]),
            "multiple_encoding": torch.from_numpy(parts[1]),
            "pairs": torch.from_numpy(pairs),
        },
        parameters={"alpha": alpha, "pooling": pooling, "threshold": threshold},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _warn_of_missing_pairs(sample: Sample, pairs: Floats, names: tuple[str, ...], kept: np.ndarray) -> None:
    without = [k for k in sample.varying_factors if pairs[k] == 0]
    if not sample.varying_factors:
        warnings.warn(f"{are_undefined(names)}: no factor varies", stacklevel=3)
    elif len(without) == len(sample.varying_factors):
        warnings.warn(f"{are_undefined(names)}: no two rows differ in a single factor", stacklevel=3)
    elif not kept.any():
        warnings.warn(f"{are_undefined(names)}: no latent has a standard deviation above threshold", stacklevel=3)
    elif without:
        listed = ", ".join(map(str, without))
        warnings.warn(f"no two rows differ in factors {listed} alone; {names[0]} leaves them out", stacklevel=3)


def _change_matrix(codes: Floats, factors: Integers, varying: list[int]) -> tuple[Floats, Floats]:
    """Return the matrix ``S`` (D, K), NaN for factors without pairs, and the number of pairs (K,) of each factor.

    Args:
        codes: Codes ``(N, D)``.
        factors: Their factors ``(N, K)``, values from 0.
        varying: Factors with more than one value.
    """
    matrix, pairs = np.full((codes.shape[1], factors.shape[1]), np.nan), np.zeros(factors.shape[1])
    _, first, rows = np.unique(_keys(factors), return_index=True, return_inverse=True)
    combinations, counts = factors[first], np.bincount(rows)
    deviations = np.subtract(codes, codes.mean(axis=0, dtype=np.float64), order="F")  # columns are summed
    means = _sums(deviations, rows) / counts[:, None]  # (M, D), over the rows of a combination
    squares = _sums(np.square(deviations), rows) / counts[:, None]
    for k in varying:
        _, lines = np.unique(_keys(np.delete(combinations, k, axis=1)), return_inverse=True)
        sizes = np.bincount(lines)  # number of combinations that agree in all factors but k
        # A line of n combinations is paired n times, into n // 2 pairs each time.
        weights = sizes // 2
        pairs[k] = (sizes * (sizes - 1)).sum() / 2
        if not pairs[k]:
            continue
        total = float((weights * sizes).sum())
        mean = weights[lines] @ means / total
        second = weights[lines] @ squares / total
        products = np.square(_sums(means, lines)) - _sums(np.square(means), lines)  # over ordered pairs of each line
        product = weights / np.maximum(sizes - 1, 1) @ products / total
        variance = second - np.square(mean)
        constant = variance <= _ROUNDING * second
        correlation = (product - np.square(mean)) / np.where(constant, 1.0, variance)
        matrix[:, k] = np.where(constant, 0.0, 1.0 - np.minimum(np.abs(correlation), 1.0))
    return matrix, pairs


def _keys(factors: Integers) -> Integers:
    """Return a number for each row of ``factors`` (N, K), equal where rows are equal."""
    if not factors.shape[1]:
        return np.zeros(len(factors), dtype=np.int64)
    sizes = [int(size) for size in factors.max(axis=0) + 1]
    if math.prod(sizes) < 2**62:
        keys: Integers = np.ravel_multi_index(tuple(factors.T), sizes).astype(np.int64)
    else:
        keys = np.unique(factors, axis=0, return_inverse=True)[1].reshape(-1)
    return keys


def _sums(table: Floats, groups: Integers) -> Floats:
    """Return the sums ``(G, D)`` of the rows of ``table`` (N, D) in each group, column by column in memory."""
    sums: Floats = np.stack([np.asarray(np.bincount(groups, column), dtype=np.float64) for column in table.T])
    return sums.T


def _pooled(matrix: Floats, pooling: Pooling) -> Floats:
    """Return the overlap score and the multiple encoding score (2, K) of each factor, of a matrix (D, K)."""
    # One entry differs from the ideal by 1 - S, all others of its row or column by S.
    misfits = np.stack(np.broadcast_arrays(matrix.mean(axis=1, keepdims=True), matrix.mean(axis=0)))
    sizes = np.array(matrix.shape)[::-1, None, None]
    scores: Floats = matrix * (1.0 - misfits - (1.0 - 2.0 * matrix) / sizes)  # (2, D, K)
    weight = matrix.sum(axis=0)
    pooled: Floats = (
        scores.max(axis=1) if pooling == "max" else (scores * matrix).sum(axis=1) / np.where(weight > 0, weight, 1.0)
    )
    return pooled


class OMES(FunctionMetric, function=omes):
    """Whether each factor changes one latent, and each latent changes with one factor; see :func:`.functional.omes`."""

    metric = "omes"
    variants: ClassVar[Variants] = {"omes": {}, "omes_max": {"pooling": "max"}}
    higher_is_better = True
