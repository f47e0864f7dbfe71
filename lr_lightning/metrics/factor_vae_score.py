"""FactorVAE score: identify the factor shared by a batch of samples from the latent that varies least."""

import warnings

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.metrics.core.factor_groups import FactorGroups, factor_groups, factors_with_groups
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import (
    Floats,
    Integers,
    Sample,
    Sampling,
    as_sample,
    warn_of_constant_factors,
)
from lr_lightning.metrics.function_metric import FunctionMetric

_NAME = "factor_vae_score"
_ENTRIES_AT_A_TIME = 2_000_000  # of codes in a chunk: 16 MB in float64


def factor_vae_score(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    batch_size: int = 64,
    num_votes_train: int = 10_000,
    num_votes_test: int = 5_000,
    num_variance: int = 10_000,
    prune_threshold: float = 0.05,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how well the latent that varies least identifies the factor shared by a batch of samples.

    For each vote, a factor :math:`k` and a batch of samples with the same value of it are drawn. The vote goes to the
    latent with the smallest variance over the batch relative to its variance over the data:

    .. math:: j^* = \arg\min_j \frac{\mathrm{Var}_\text{batch}(z_j)}{\mathrm{Var}(z_j)}

    With :math:`V_{jk}` votes of latent :math:`j` for factor :math:`k`, each latent predicts the factor with most of its
    training votes; the score is the accuracy of these predictions on the test votes.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        batch_size: Number of samples per batch.
        num_votes_train: Number of training votes.
        num_votes_test: Number of test votes.
        num_variance: Number of rows used to estimate variances over the data; the whole table if it is smaller.
        prune_threshold: Constant latents, and latents with a smaller standard deviation over the data, cast no votes.
            In latent units: codes of small scale need a smaller threshold, or 0. Otherwise the scale does not matter.
        sampling: Which rows. With the order ``"random"``, batches come from the whole table, as the study draws from
            the whole data set; with ``"first"``, test batches come from the held-out rows.

    Returns:
        Scores ``factor_vae_score`` and ``factor_vae_score_train``, accuracies in ``[0, 1]`` on the test and training
        votes; higher is better. Chance is at least one over the number of varying factors. It is higher with few rows,
        where noise latents happen to vary less in some groups of rows. ``matrix``: training votes ``(D, K)``; 0 for
        latents without votes. ``per_factor``: ``accuracy`` on the test votes of that factor. ``per_latent``:
        ``variance`` over the data, ``pruned`` (1 or 0).

        Blind to duplicated latents, to uninformative latents, and to other factors encoded in the same latent. Factors
        with one value are left out with a warning, as are factors whose values never occur twice. NaN with a warning if
        fewer than two factors remain or all latents are pruned (disentanglement_lib then returns 0), and for the test
        votes if there are no rows for them.

    Raises:
        ValueError: As :func:`draw`; or if ``batch_size < 2``, a number of votes is less than 1, ``num_variance < 2`` or
            ``prune_threshold < 0``.

    References:
        Kim and Mnih, Disentangling by Factorising, ICML 2018, arXiv:1802.05983; parameters of Locatello et al.,
        Challenging Common Assumptions, ICML 2019, arXiv:1811.12359.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> result = factor_vae_score(grid.float(), grid, num_votes_train=100, num_votes_test=100)
        >>> result.value
        1.0
    """
    for name, number, least in (
        ("batch_size", batch_size, 2),
        ("num_votes_train", num_votes_train, 1),
        ("num_votes_test", num_votes_test, 1),
        ("num_variance", num_variance, 2),
        ("prune_threshold", prune_threshold, 0),
    ):
        check_at_least(name, number, least)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    variances = _variances(sample, num_variance)
    pruned = (np.sqrt(variances) < prune_threshold) | (variances == 0)
    kept = np.array(factors_with_groups(sample), dtype=np.int64)
    train, test = _votes(
        sample, kept, np.where(pruned, np.nan, variances), (num_votes_train, num_votes_test), batch_size
    )
    meant = train.argmax(axis=1)
    right = np.where(meant[:, None] == np.arange(sample.num_factors), test, 0)
    return MetricResult(
        metric="factor_vae_score",
        scores={
            "factor_vae_score": Score(float(_share(right.sum(), test.sum())), scored_on="test"),
            "factor_vae_score_train": Score(float(_share(train.max(axis=1).sum(), train.sum()))),
        },
        num_train=len(sample.pool[0]),
        num_test=len(sample.test_pool[0]),
        matrix=torch.from_numpy(train),
        matrix_label="votes",
        per_factor={"accuracy": torch.from_numpy(_share(right.sum(axis=0), test.sum(axis=0)))},
        per_latent={"variance": torch.from_numpy(variances), "pruned": torch.from_numpy(pruned).double()},
        parameters={
            "batch_size": batch_size,
            "num_votes_train": num_votes_train,
            "num_votes_test": num_votes_test,
            "num_variance": num_variance,
            "prune_threshold": prune_threshold,
            "seed": sample.seed,
        },
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _variances(sample: Sample, num_rows: int) -> Floats:
    """Return the variances ``(D,)`` of the codes over ``num_rows`` random rows, or over all if there are fewer."""
    codes = sample.pool[0]
    if num_rows < len(codes):
        codes = codes[sample.random("factor_vae_score variance").choice(len(codes), size=num_rows, replace=False)]
    constant = (codes == codes[0]).all(axis=0)  # round-off would leave them some variance
    return np.where(constant, 0.0, codes.var(axis=0, ddof=1, dtype=np.float64))


def _votes(
    sample: Sample, kept: Integers, variances: Floats, num_votes: tuple[int, int], batch_size: int
) -> tuple[Floats, Floats]:
    """Return the training and test votes ``(D, K)``; zeros, and a warning, where none can be drawn."""
    none = np.zeros((sample.latent_dim, sample.num_factors))
    if len(kept) < 2:
        warnings.warn("factor_vae_score is undefined: it needs two factors of which rows share values", stacklevel=3)
        return none, none
    if np.isnan(variances).all():
        warnings.warn(
            "factor_vae_score is undefined: it needs a latent whose standard deviation is not pruned", stacklevel=3
        )
        return none, none
    groups, test_groups = factor_groups(sample)
    train = _count(sample.pool[0], groups, kept, variances, num_votes[0], batch_size, sample.random(f"{_NAME} train"))
    if not len(sample.test_pool[0]):
        warnings.warn("factor_vae_score on the test is undefined: it needs rows held out; raise num_test", stacklevel=3)
        return train, none
    random = sample.random(f"{_NAME} test")
    return train, _count(sample.test_pool[0], test_groups, kept, variances, num_votes[1], batch_size, random)


def _count(
    codes: Floats,
    groups: FactorGroups,
    kept: Integers,
    variances: Floats,
    num_votes: int,
    batch_size: int,
    random: np.random.Generator,
) -> Floats:
    """Return the votes ``(D, K)`` of ``num_votes`` batches; latents with NaN variance get none."""
    voting = np.flatnonzero(~np.isnan(variances))
    labels = random.choice(kept, size=num_votes)
    votes = np.zeros((codes.shape[1], groups.factors.shape[1]))
    step = max(1, _ENTRIES_AT_A_TIME // (batch_size * len(voting)))
    for begin in range(0, num_votes, step):
        chunk = labels[begin : begin + step]
        shared = np.repeat(groups.draw_rows(chunk, 1, random), batch_size, axis=1)
        rows = groups.draw_group(shared, chunk, random)
        batches = codes[rows[:, :, None], voting].astype(np.float64)  # (P, B, voting)
        least = (batches.var(axis=1, ddof=1) / variances[voting]).argmin(axis=1)
        np.add.at(votes, (voting[least], chunk), 1)
    return votes


def _share(part: Floats, total: Floats) -> Floats:
    """Return ``part / total``, NaN where ``total`` is 0."""
    return np.where(total > 0, part / np.maximum(total, 1), np.nan)


class FactorVAEScore(FunctionMetric, function=factor_vae_score):
    """How well the latent that varies least identifies a shared factor; see :func:`.functional.factor_vae_score`."""

    metric = "factor_vae_score"
    aliases = ("factor_vae_metric",)
    higher_is_better = True
    refits = True
    num_chance_draws = 3
