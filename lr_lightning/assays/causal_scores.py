"""Disentanglement and completeness scores of a conditioned response matrix, with null distribution and interval."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.assays.checks import own_generator
from lr_lightning.assays.conditioned_response import ConditionedResponseMatrix, reduce_traversals
from lr_lightning.assays.label_pairs import LabelPairs
from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.common.printed_result import described

Weights: TypeAlias = Literal["response", "column-normalized"]


def causal_disentanglement_score(matrix: Tensor, normalized: bool = False, weights: Weights = "response") -> Tensor:
    r"""Score how exclusively each latent responds to a single factor (CDS).

    .. math:: \mathrm{CDS} = \frac{\sum_j \max_c R_{cj}}{\sum_{cj} R_{cj}}, \qquad
        \mathrm{CDS}_{norm} = \frac{\mathrm{CDS} - 1/K}{1 - 1/K}

    A code that encodes a single factor scores 1 too, so report :func:`causal_completeness_score` and
    :func:`owned_factors` alongside. Noise in the responses biases the score upwards.

    Args:
        matrix: Conditioned responses, shape ``(K, D)``, nonnegative. NaN rows (factors with a single value) do not
            count towards ``K``.
        normalized: Rescale so that ``1/K``, the score of a code that responds equally to all factors, becomes 0.
        weights: ``"response"``: latents are weighted by their total response. ``"column-normalized"``: all latents that
            respond have equal weight.

    Returns:
        Scalar float64 in ``[1/K, 1]``, or in ``[0, 1]`` if normalized; higher is better. NaN with a warning if all
        responses are 0, an entry is NaN, or ``K = 1`` and normalized.

    Raises:
        ValueError: If ``matrix`` is not two-dimensional or has a negative entry, or ``weights`` is unknown.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> causal_disentanglement_score(torch.tensor([[2.0, 0.0], [0.0, 1.0]])).item()
        1.0
    """
    return _share_of_largest(_prepare(matrix, weights), 0, normalized)


def causal_completeness_score(matrix: Tensor, normalized: bool = False, weights: Weights = "response") -> Tensor:
    r"""Score how exclusively each factor is encoded by a single latent (CCS), the counterpart of CDS.

    .. math:: \mathrm{CCS} = \frac{\sum_c \max_j R_{cj}}{\sum_{cj} R_{cj}}, \qquad
        \mathrm{CCS}_{norm} = \frac{\mathrm{CCS} - 1/D}{1 - 1/D}

    Args:
        matrix: Conditioned responses, shape ``(K, D)``, nonnegative. NaN rows (factors with a single value) are
            ignored.
        normalized: Rescale so that ``1/D``, the score of factors spread evenly over all latents, becomes 0.
        weights: As in :func:`causal_disentanglement_score`.

    Returns:
        Scalar float64 in ``[1/D, 1]``, or in ``[0, 1]`` if normalized; higher is better. NaN with a warning if all
        responses are 0, an entry is NaN, or ``D = 1`` and normalized.

    Raises:
        ValueError: If ``matrix`` is not two-dimensional or has a negative entry, or ``weights`` is unknown.

    Example:
        >>> causal_completeness_score(torch.tensor([[1.0, 1.0]])).item()  # two copies of one latent
        0.5
    """
    return _share_of_largest(_prepare(matrix, weights), 1, normalized)


def owned_factors(matrix: Tensor, threshold: float = 0.0) -> Tensor:
    """Return the fraction of factors that own a latent: one that responds to this factor more than to any other.

    Args:
        matrix: Conditioned responses, shape ``(K, D)``, nonnegative. NaN rows are ignored.
        threshold: Latents whose largest response does not exceed it have no owner, in the unit of ``matrix``. Collapsed
            latents respond with noise of about 0.001. In a tie, the first factor owns the latent.

    Returns:
        Scalar float64 in ``[0, 1]``; higher is better. NaN with a warning if there are no rows or an entry is NaN.

    Raises:
        ValueError: If ``matrix`` is not two-dimensional or has a negative entry.

    Example:
        >>> owned_factors(torch.tensor([[2.0, 1.0], [0.0, 0.0]])).item()
        0.5
    """
    rows = _prepare(matrix, "response")
    if not rows.numel() or rows.isnan().any():
        warnings.warn("owned_factors is undefined: the response matrix is empty or has NaN entries", stacklevel=2)
        return torch.tensor(torch.nan, dtype=torch.float64)
    largest, owner = rows.max(dim=0)
    return torch.tensor(len(torch.unique(owner[largest > threshold])) / len(rows), dtype=torch.float64)


class PermutationNull(NamedTuple):
    """A score, its null distribution under shuffled factor labels, and the p-value.

    Attributes:
        score: Score of the measured responses, scalar float64.
        null: Scores ``(P,)`` float64 after shuffling the labels, without those that are undefined.
        p_value: Scalar float64 in ``[1 / (P + 1), 1]``.
    """

    score: Tensor
    null: Tensor
    p_value: Tensor

    def __repr__(self) -> str:
        """Return the numbers, without the entries of the null distribution."""
        return described(self)


def permutation_null(
    result: ConditionedResponseMatrix,
    score: Callable[[Tensor], Tensor] = causal_disentanglement_score,
    num_permutations: int = 1000,
    generator: torch.Generator | None = None,
) -> PermutationNull:
    """Score responses with shuffled labels.

    On a grid, the factor labels of the traversals are shuffled. The null hypothesis is that all factors move the
    latents in the same way, so that a traversal's label is irrelevant.

    For matched and marginal pairs, the labels of the samples are shuffled instead: the null hypothesis is that codes
    are independent of the labels. Traversals are not exchangeable there even for such codes, because the root mean
    square over few pairs is smaller than over many, and factors differ in the sizes of their groups. Each shuffle
    keeps all pairs, and gives each sample the code of one of the ``Q`` samples in ``result.chance_squares``, at random.
    In simulations with independent codes, 256 of them reject 2 to 8 % of cases at a level of 5 %, and up to 18 % if
    codes have very heavy tails (cubes of normal variables).

    Args:
        result: Conditioned response matrix.
        score: Function of a matrix ``(K, D)``.
        num_permutations: Number of shuffles ``P``.
        generator: Random generator for the shuffles, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        The score, its null distribution and the p-value. All NaN, with a warning, if the score is undefined.

    Raises:
        ValueError: If ``num_permutations < 1``.
    """
    check_at_least("num_permutations", num_permutations, 1)
    generator = own_generator(generator)
    groups = _traversed(result)
    measured = score(reduce_traversals(groups, result.reduction)) if groups else _undefined()
    if measured.isnan():
        return PermutationNull(measured, torch.full((num_permutations,), torch.nan, dtype=torch.float64), measured)
    shuffled = _with_shuffled_traversals(groups, generator)
    if result.pairs is not None and result.chance_squares is not None:
        shuffled = _with_shuffled_samples(result.pairs, result.chance_squares, generator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shuffles of few samples in which no latent responds have no score
        null = [score(reduce_traversals(next(shuffled), result.reduction)) for _ in range(num_permutations)]
    scores = torch.stack(null).double()
    scores = scores[~scores.isnan()]
    return PermutationNull(measured, scores, ((scores >= measured).sum() + 1).double() / (len(scores) + 1))


def _with_shuffled_traversals(groups: Sequence[Tensor], generator: torch.Generator) -> Iterator[Sequence[Tensor]]:
    """Yield the responses (T, D) of each factor with all traversals shuffled, again and again."""
    rows, sizes = torch.cat(list(groups)), [len(group) for group in groups]
    while True:
        yield torch.split(rows[torch.randperm(len(rows), generator=generator)], sizes)


def _with_shuffled_samples(
    pairs: LabelPairs, squares: Tensor, generator: torch.Generator
) -> Iterator[Sequence[Tensor]]:
    """Yield the responses (T, D) of each factor with pairs if each sample has a random code of the pool, repeatedly.

    Args:
        pairs: The pairs.
        squares: ``(Q, Q, D)``, squared responses among the pool.
        generator: Random generator.
    """
    size, _, dim = squares.shape
    sizes = [len(rows) for rows in pairs.bases if len(rows)]
    table = squares.view(size * size, dim)
    rows = torch.cat([torch.cat(pairs.bases), torch.cat(pairs.donors)])
    used, position = torch.unique(rows, return_inverse=True)
    while True:
        # Different samples have different codes if there are enough
        given = torch.randperm(size, generator=generator)[: len(used)]
        if len(used) > size:
            given = torch.randint(size, used.shape, generator=generator)
        bases, donors = given[position].chunk(2)  # (S, B)
        means = F.embedding_bag(bases * size + donors, table, mode="mean")  # without a copy of the squares of all pairs
        yield torch.split(means.sqrt(), sizes)


def bootstrap_interval(
    result: ConditionedResponseMatrix,
    score: Callable[[Tensor], Tensor] = causal_disentanglement_score,
    level: float = 0.95,
    num_resamples: int = 1000,
    bounds: tuple[float, float] = (0.0, 1.0),
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Return a bootstrap interval of a score, resampling the traversals of each factor with replacement.

    .. math:: \left[s - 2 b^+ - t \hat\sigma,\; s - 2 b^- + t \hat\sigma\right]

    where :math:`s` is the score, :math:`b` the bias of the resamples with positive part :math:`b^+` and negative part
    :math:`b^-`, :math:`\hat\sigma` their standard deviation times :math:`\sqrt{T / (T - 1)}`, :math:`t` a quantile of
    Student's t distribution with :math:`T - 1` degrees of freedom, and :math:`T` the smallest number of traversals of
    any factor.

    The maximum of noisy responses is biased upwards, and resampling adds the same bias again, so the usual percentile
    interval misses the score for infinitely many traversals. In simulations with 5 to 50 traversals this interval
    covers it in 92 to 100 % of cases, and in 87 to 97 % if responses do not depend on the factors at all.

    The interval shows how much the score depends on the values at which the other factors were fixed, not how it varies
    between training runs. With ``reduction="min"`` it is too narrow: the score itself depends on the number of
    traversals, and no resample can fall below the observed minimum.

    Args:
        result: Conditioned response matrix.
        score: Function of a matrix ``(K, D)``.
        level: Coverage, in ``(0, 1)``.
        num_resamples: Number of resamples.
        bounds: Smallest and largest possible score; the interval is clipped to them.
        generator: Random generator for the resamples, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Lower and upper end, float64 scalars. NaN with a warning if the score is undefined, and without one if a factor
        has a single traversal or ``num_resamples`` is 1.

    Raises:
        ValueError: If ``level`` lies outside ``(0, 1)`` or ``num_resamples < 1``.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, on bias and standard error.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level}")
    check_at_least("num_resamples", num_resamples, 1)
    generator = own_generator(generator)
    groups = _traversed(result)
    measured = score(reduce_traversals(groups, result.reduction)) if groups else _undefined()
    fewest = min(map(len, groups), default=0)
    if measured.isnan() or fewest < 2 or num_resamples < 2:
        return measured * torch.nan, measured * torch.nan
    resampled = []
    for _ in range(num_resamples):
        drawn = [group[torch.randint(len(group), (len(group),), generator=generator)] for group in groups]
        resampled.append(score(reduce_traversals(drawn, result.reduction)))
    scores, measured = torch.stack(resampled).double(), measured.double()
    bias = scores.mean() - measured
    reach = _student_quantile((1 + level) / 2, fewest - 1) * scores.std() * (fewest / (fewest - 1)) ** 0.5
    low = measured - 2 * bias.clamp_min(0) - reach
    high = measured - 2 * bias.clamp_max(0) + reach
    return low.clamp(*bounds), high.clamp(*bounds)


def _student_quantile(probability: float, degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf(probability, degrees))


def _traversed(result: ConditionedResponseMatrix) -> list[Tensor]:
    """Return the responses per traversal of those factors that have more than one value."""
    return [rows for rows in result.per_traversal if not rows.isnan().all()]


def _undefined() -> Tensor:
    warnings.warn("score undefined: no factor has more than one value and non-NaN responses", stacklevel=3)
    return torch.tensor(torch.nan, dtype=torch.float64)


def _prepare(matrix: Tensor, weights: Weights) -> Tensor:
    """Return ``matrix`` in float64 on the CPU without NaN rows, with columns normalized if requested by ``weights``."""
    check_choice("weights", weights, ("response", "column-normalized"))
    if matrix.ndim != 2:
        raise ValueError(f"matrix must have shape (K, D), got {tuple(matrix.shape)}")
    if (matrix < 0).any():
        raise ValueError(f"matrix must not have negative entries, got {float(matrix.min())}")
    rows = matrix.detach().double().cpu()
    rows = rows[~rows.isnan().all(dim=1)]
    if weights == "response":
        return rows
    total = rows.sum(dim=0)
    return rows / total.masked_fill(total == 0, 1)


def _share_of_largest(rows: Tensor, dim: int, normalized: bool) -> Tensor:
    """Return the sum of the largest entries along ``dim`` over the sum of all entries, or NaN with a warning."""
    total, count = rows.sum(), rows.shape[dim]
    if not total > 0 or (normalized and count == 1):
        reason = "there is only one row or column" if total > 0 else "all responses are 0, or some are NaN"
        warnings.warn(f"score undefined: {reason}", stacklevel=3)
        return torch.tensor(torch.nan, dtype=torch.float64)
    share = rows.amax(dim=dim).sum() / total
    return (share - 1 / count) / (1 - 1 / count) if normalized else share
