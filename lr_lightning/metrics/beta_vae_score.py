"""beta-VAE score: a linear classifier predicts the factor that pairs of samples have in common."""

import warnings
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.metrics.base import Variants
from lr_lightning.metrics.core.factor_groups import FactorGroups, factor_groups, factors_with_groups
from lr_lightning.metrics.core.quiet_fit import fit_quietly
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

_ENTRIES_AT_A_TIME = 2_000_000  # of codes in a chunk: 16 MB in float64


def beta_vae_score(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    batch_size: int = 64,
    num_points_train: int = 10_000,
    num_points_test: int = 5_000,
    standardize: bool = False,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how well a linear classifier predicts the factor that pairs of samples have in common.

    For each point, a factor :math:`k` and pairs :math:`(x_l, x'_l)` with equal values of it are drawn. The features are

    .. math:: d = \frac{1}{L} \sum_{l=1}^{L} \left| z(x_l) - z(x'_l) \right| \in \mathbb{R}^D

    Logistic regression is trained to predict :math:`k` from :math:`d`; the score is its accuracy on new points.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        batch_size: Number of pairs ``L`` per point.
        num_points_train: Number of training points.
        num_points_test: Number of test points.
        standardize: Whether to divide the features by their standard deviations. The study does not, so its penalty on
            large weights suppresses latents of small scale. If scales differ between models, use the standardized
            score, which does not depend on them.
        sampling: Which rows. With the order ``"random"``, pairs come from the whole table, as the study draws from the
            whole data set; with ``"first"``, test pairs come from the held-out rows.

    Returns:
        Scores ``beta_vae_score`` and ``beta_vae_score_train``, accuracies in ``[0, 1]`` on the test and training
        points; ``beta_vae_score_standardized`` and ``..._train`` if standardized. Higher is better. Chance is one over
        the number of varying factors for many rows. It is higher for few rows: the same pairs are then drawn
        repeatedly, and the classifier memorizes them. ``per_factor``: ``accuracy`` on the test points of that factor.

        Blind to most rotations: if a factor is fixed, all latents vary less, and the classifier sums over them.
        However, two factors rotated into each other by 45 degrees are confused. Also blind to duplicated latents, to
        other factors that leak into a latent, and to a single factor that is not encoded: the classifier recognizes it
        because no latent is fixed. Factors with one value are left out with a warning, as are factors whose values
        never occur twice. NaN with a warning if fewer than two factors remain, and for the test points if there are no
        rows for them.

    Raises:
        ValueError: As :func:`draw`; or if ``batch_size < 1``, ``num_points_train < 100`` or ``num_points_test < 1``.

    References:
        Higgins et al., beta-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework, ICLR 2017,
        https://openreview.net/forum?id=Sy2fzU9gl; parameters of Locatello et al., Challenging Common Assumptions,
        ICML 2019, arXiv:1811.12359.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> result = beta_vae_score(grid.float(), grid, num_points_train=100, num_points_test=100)
        >>> result.value
        1.0
    """
    check_at_least("batch_size", batch_size, 1)
    check_at_least("num_points_train", num_points_train, 100)  # so that each factor is among them
    check_at_least("num_points_test", num_points_test, 1)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    kept = np.array(factors_with_groups(sample), dtype=np.int64)
    train, test, accuracies = _accuracies(sample, kept, (num_points_train, num_points_test), batch_size, standardize)
    name = "beta_vae_score_standardized" if standardize else "beta_vae_score"
    return MetricResult(
        metric="beta_vae_score",
        scores={name: Score(test, scored_on="test"), f"{name}_train": Score(train)},
        num_train=len(sample.pool[0]),
        num_test=len(sample.test_pool[0]),
        per_factor={"accuracy": accuracies},
        parameters={
            "batch_size": batch_size,
            "num_points_train": num_points_train,
            "num_points_test": num_points_test,
            "standardize": standardize,
            "seed": sample.seed,
        },
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _accuracies(
    sample: Sample, kept: Integers, num_points: tuple[int, int], batch_size: int, standardize: bool
) -> tuple[float, float, Tensor]:
    """Return the accuracies on training and test points, and the test accuracy of each factor ``(K,)``."""
    per_factor = torch.full((sample.num_factors,), torch.nan, dtype=torch.float64)
    if len(kept) < 2:
        warnings.warn("beta_vae_score is undefined: it needs two factors of which rows share values", stacklevel=3)
        return float("nan"), float("nan"), per_factor
    groups, test_groups = factor_groups(sample)
    random = sample.random("beta_vae_score train")
    labels = random.choice(kept, size=num_points[0])
    points = _points(sample.pool[0], groups, labels, batch_size, random)
    classifier = _train(points, labels, standardize)
    train = float((classifier(points) == labels).mean())
    if not len(sample.test_pool[0]):
        warnings.warn("beta_vae_score on the test is undefined: it needs rows held out; raise num_test", stacklevel=3)
        return train, float("nan"), per_factor
    random = sample.random("beta_vae_score test")
    labels = random.choice(kept, size=num_points[1])
    right = classifier(_points(sample.test_pool[0], test_groups, labels, batch_size, random)) == labels
    for k in np.unique(labels):
        per_factor[k] = float(right[labels == k].mean())
    return train, float(right.mean()), per_factor


def _points(
    codes: Floats, groups: FactorGroups, labels: Integers, batch_size: int, random: np.random.Generator
) -> Floats:
    """Return the mean absolute differences ``(P, D)`` float64 of pairs with equal values of factor ``labels`` (P,)."""
    points = np.empty((len(labels), codes.shape[1]))
    step = max(1, _ENTRIES_AT_A_TIME // (batch_size * codes.shape[1]))
    for begin in range(0, len(labels), step):
        chunk = labels[begin : begin + step]
        rows = groups.draw_rows(chunk, batch_size, random)
        partners = groups.draw_partners(rows, chunk, random)
        differences = codes[rows].astype(np.float64) - codes[partners]
        points[begin : begin + step] = np.abs(differences).mean(axis=1)
    return points


def _train(points: Floats, labels: Integers, standardize: bool) -> Callable[[Floats], Integers]:
    """Fit ``labels`` (P,) to ``points`` (P, D) by logistic regression; return a function from points to labels."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = np.zeros(points.shape[1]), np.ones(points.shape[1])
    if standardize:
        mean, deviation = points.mean(axis=0), points.std(axis=0)
        scale = np.where(deviation > 0, deviation, 1.0)  # a dead latent stays as it is
    # if scales differ by orders of magnitude, the last digits of the weights converge slowly and do not matter
    classifier = fit_quietly(LogisticRegression(max_iter=1000), (points - mean) / scale, labels)
    return lambda new: classifier.predict((new - mean) / scale)


class BetaVAEScore(FunctionMetric, function=beta_vae_score):
    """How well a linear classifier predicts the factor that pairs share; see :func:`.functional.beta_vae_score`."""

    metric = "beta_vae_score"
    variants: ClassVar[Variants] = {
        "beta_vae_score": {},
        "beta_vae_score_standardized": {"standardize": True},
    }
    aliases = (
        "beta_vae_sklearn",
        "beta_vae_metric",
    )
    higher_is_better = True
    refits = True
    num_chance_draws = 3
