"""Modularity, explicitness and compactness by normalized information (InfoMEC)."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.metrics.core.binning import entropy_of
from lr_lightning.metrics.core.information import mutual_information_matrix
from lr_lightning.metrics.core.neighbor_information import neighbor_information
from lr_lightning.metrics.core.quiet_fit import fit_in_threads
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

NUM_SHUFFLES = 5


def infomec(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    num_neighbors: int = 10,
    min_range: float = 0.05,
    discrete_latents: bool = False,
    mask_uninformative: bool = False,
    max_iter: int = 100,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score modularity, explicitness and compactness by information, each on a scale from chance to perfection.

    .. math:: \mathrm{InfoM} = \frac{\frac1A \sum_j \max_k N_{jk} / \sum_k N_{jk} - \frac1K}{1 - \frac1K}, \quad
        \mathrm{InfoC} = \frac{\frac1K \sum_k \max_j N_{jk} / \sum_j N_{jk} - \frac1A}{1 - \frac1A}, \quad
        \mathrm{InfoE} = \frac1K \sum_k \left(1 - \frac{H(y_k \mid z)}{H(y_k)}\right)

    where :math:`N_{jk} = I(z_j; y_k) / H(y_k)` over the :math:`A` latents that count, and in InfoE alone :math:`H` is
    the cross entropy that a logistic regression reaches with the whole code, or with none: :math:`\log V_k`.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        num_neighbors: Number of neighbors for the estimate of information (Ross, 2014).
        min_range: Latents count if their range exceeds this fraction of the largest range; discrete latents count if
            they have two values.
        discrete_latents: Whether latents take few values. Information is then computed from counts, and latents enter
            the regression one-hot.
        mask_uninformative: Whether to exclude latents and factors whose summed :math:`N` does not exceed the largest
            of five shuffles of the rows. ``False``, as published: noise then contributes a share too.
        max_iter: Iterations of the regression. It has no penalty, so for a perfectly separable code it has no optimum
            and stops at this limit.
        sampling: Which rows; only the training rows are used.

    Returns:
        Scores ``infomec_modularity``, ``infomec_explicitness``, ``infomec_compactness``, at most 1, no unit; higher is
        better. ``matrix``: :math:`N` ``(D, K)`` for all latents. ``per_latent``: ``modularity`` (NaN for latents that
        do not count), ``counts``. ``per_factor``: ``compactness``, ``explicitness``.

        The modularity of noise is not 0: its estimated information is 0 for some factors and slightly positive for
        others, so one factor can have all of it. Explicitness is measured on the rows used to fit the regression,
        which overestimates it for many latents and few rows, even for noise. ``min_range`` drops latents of small
        scale, however informative. Modularity is blind to duplicates and lost factors, explicitness to rotations,
        compactness to other factors in the same latent. A latent or factor without any information makes its score NaN
        with a warning unless ``mask_uninformative`` is set; so do fewer than two factors that count, or for compactness
        fewer than two latents. Factors with one value are left out with a warning.

    Raises:
        ValueError: As :func:`draw`; or if ``num_neighbors < 1``, ``min_range < 0`` or ``max_iter < 1``.

    References:
        Hsu et al., Disentanglement via Latent Quantization, NeurIPS 2023, arXiv:2305.18378. Ross, Mutual Information
        between Discrete and Continuous Data Sets, PLoS ONE 9(2), 2014, on the estimate of information.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(15, 1)
        >>> result = infomec(grid.float(), grid, sampling=Sampling(num_train=300, num_test=0))
        >>> [round(result[name], 2) for name in ("modularity", "explicitness", "compactness")]
        [1.0, 1.0, 1.0]
    """
    check_at_least("num_neighbors", num_neighbors, 1)
    check_at_least("min_range", min_range, 0)
    check_at_least("max_iter", max_iter, 1)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    latents = _labeled(sample) if discrete_latents else _standardized(sample)
    information = _normalized_information(latents, sample, num_neighbors)
    ranges = np.ptp(sample.codes.astype(np.float64), axis=0)
    counting = ranges > (0.0 if discrete_latents else min_range * ranges.max())
    floors = _floors(latents[:, counting], sample, num_neighbors) if mask_uninformative else None
    shares = _shares(information, counting, sample.varying_factors, floors)
    explained = np.full(sample.num_factors, np.nan)
    explained[sample.varying_factors] = fit_in_threads(
        lambda k: _explicitness(latents, sample.factors[:, k], max_iter), sample.varying_factors
    )
    explicitness = float(explained[sample.varying_factors].mean()) if sample.varying_factors else np.nan
    scores = {
        "infomec_modularity": Score(shares.modularity),
        "infomec_explicitness": Score(explicitness),
        "infomec_compactness": Score(shares.compactness),
    }
    _warn_of_undefined([name for name, score in scores.items() if np.isnan(score.value)])
    return MetricResult(
        metric="infomec",
        scores=scores,
        num_train=len(latents),
        matrix=torch.from_numpy(information),
        matrix_label="mutual information over the factor's entropy",
        per_factor={"explicitness": torch.from_numpy(explained), "compactness": torch.from_numpy(shares.of_factors)},
        per_latent={
            "modularity": torch.from_numpy(shares.of_latents),
            "counts": torch.from_numpy(shares.latents.astype(np.float64)),
        },
        parameters={
            "num_neighbors": num_neighbors,
            "min_range": min_range,
            "discrete_latents": discrete_latents,
            "mask_uninformative": mask_uninformative,
            "num_shuffles": NUM_SHUFFLES,
            "max_iter": max_iter,
            "seed": sample.seed,
        },
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


class _Shares(NamedTuple):
    """Largest shares of information, rescaled to 0 for even shares and 1 for a single one; NaN if excluded.

    Attributes:
        of_latents: Share of the most informed factor in the information of each latent, ``(D,)``.
        of_factors: Share of the most informative latent in the information about each factor, ``(K,)``.
        latents: Latents that count ``(D,)`` bool.
        modularity: Mean of ``of_latents``.
        compactness: Mean of ``of_factors``.
    """

    of_latents: Floats
    of_factors: Floats
    latents: NDArray[np.bool_]
    modularity: float
    compactness: float


def _shares(
    information: Floats, counting: NDArray[np.bool_], varying: list[int], floors: tuple[float, float] | None
) -> _Shares:
    """Return the shares of counting latents and varying factors; with ``floors``, only of those above their floor."""
    latents, factors = counting.copy(), np.isin(np.arange(information.shape[1]), varying)
    if floors is not None:
        latents &= information[:, factors].sum(axis=1) > floors[0]
        factors &= information[counting].sum(axis=0) > floors[1]
    of_latents, of_factors = np.full(len(latents), np.nan), np.full(len(factors), np.nan)
    of_latents[latents] = _largest_shares(information[latents][:, varying])
    of_factors[factors] = _largest_shares(information[latents][:, factors].T)
    modularity = float(of_latents[latents].mean()) if latents.any() else np.nan
    compactness = float(of_factors[factors].mean()) if factors.any() else np.nan
    return _Shares(of_latents, of_factors, latents, modularity, compactness)


def _largest_shares(rows: Floats) -> Floats:
    """Return the largest entry of each row over its sum, rescaled to 0 for an even share; NaN for 0 / 0."""
    num_entries = rows.shape[1]
    if num_entries < 2:
        return np.full(len(rows), np.nan)
    sums = rows.sum(axis=1)
    shares = np.divide(rows.max(axis=1), sums, out=np.full(len(rows), np.nan), where=sums > 0)
    rescaled: Floats = (shares - 1 / num_entries) / (1 - 1 / num_entries)
    return rescaled


def _floors(latents: Floats | Integers, sample: Sample, num_neighbors: int) -> tuple[float, float]:
    """Return the largest sums of information over factors and over latents among shuffled rows."""
    random = sample.random("infomec shuffles")
    shuffled = np.stack(
        [
            _normalized_information(latents[random.permutation(len(latents))], sample, num_neighbors)
            for _ in range(NUM_SHUFFLES)
        ]
    )[:, :, sample.varying_factors]
    return float(shuffled.sum(axis=2).max(initial=0.0)), float(shuffled.sum(axis=1).max(initial=0.0))


def _labeled(sample: Sample) -> Integers:
    """Return the index of each latent's value, ``(N, D)``."""
    return np.stack([np.unique(column, return_inverse=True)[1] for column in sample.codes.T], axis=1)


def _standardized(sample: Sample) -> Floats:
    """Return standardized latents ``(N, D)`` with noise of 1e-10 standard deviations, which breaks ties."""
    codes = sample.codes.astype(np.float64)
    deviations = codes.std(axis=0)
    deviations[np.ptp(codes, axis=0) == 0] = 1.0
    noise = sample.random("infomec ties").normal(size=codes.shape)
    standardized: Floats = (codes - codes.mean(axis=0)) / deviations + 1e-10 * noise
    return standardized


def _normalized_information(latents: Floats | Integers, sample: Sample, num_neighbors: int) -> Floats:
    """Return the information divided by the entropy of the factor ``(D, K)``, NaN for factors with one value."""
    information = np.full((latents.shape[1], sample.num_factors), np.nan)
    for k in sample.varying_factors:
        factor = sample.factors[:, k]
        if np.issubdtype(latents.dtype, np.integer):
            column = mutual_information_matrix(latents.astype(np.int64), factor[:, None])[:, 0].numpy()
        else:
            column = np.array([neighbor_information(latent, factor, num_neighbors) for latent in latents.T])
        information[:, k] = column / entropy_of(factor)
    return information


def _explicitness(latents: Floats | Integers, factor: Integers, max_iter: int) -> float:
    """Return the fraction by which a linear classifier on the code lowers the cross entropy of a factor."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder

    features: Any = OneHotEncoder().fit_transform(latents) if np.issubdtype(latents.dtype, np.integer) else latents
    # Without a penalty, separable values have no optimum: max_iter is part of the definition of the score.
    classifier = LogisticRegression(C=np.inf, class_weight="balanced", tol=1e-4, max_iter=max_iter)
    probabilities = classifier.fit(features, factor).predict_proba(features)
    own = probabilities[np.arange(len(factor)), np.searchsorted(classifier.classes_, factor)]
    cross_entropy = -float(np.log(np.maximum(own, np.finfo(np.float64).eps)).mean())
    # with balanced class weights, a classifier without input assigns equal probability to all values
    return 1 - cross_entropy / float(np.log(len(classifier.classes_)))


def _warn_of_undefined(names: list[str]) -> None:
    if names:
        warnings.warn(
            f"{are_undefined(names)}: a latent or factor has no information at all (mask_uninformative=True excludes "
            "it), or fewer than two latents or factors count",
            stacklevel=3,
        )


class InfoMEC(FunctionMetric, function=infomec):
    """Modularity, explicitness and compactness by normalized information; see :func:`.functional.infomec`."""

    metric = "infomec"
    higher_is_better = True
    refits = True
    num_chance_draws = 3
