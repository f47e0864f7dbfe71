"""Explicitness and size, by loss-capacity curves."""

import math
import warnings
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.metrics.core.dci_es_probes import (
    CAPACITIES,
    FOREST_TREES,
    MLP_EPOCHS,
    PROBES,
    RIDGE,
    Probe,
    Rows,
    position_on_axis,
    predictions_of_growing_probes,
)
from lr_lightning.metrics.core.dci_estimators import Standardization
from lr_lightning.metrics.core.result import MetricResult, Score, mean_of_known
from lr_lightning.metrics.core.sample import Floats, Sample, Sampling, as_sample, warn_of_constant_factors
from lr_lightning.metrics.function_metric import FunctionMetric


def dci_es(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    probe: Probe = "random_fourier_features",
    capacities: Sequence[int] | None = None,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how little capacity is needed to predict the factors from the code, and how few latents it has (DCI-ES).

    .. math:: E = \frac{1}{K} \sum_k \left(1 - \frac{1}{(\kappa_{\max} - \kappa_{\min})\, \ell_k^{b}}
        \int_{\kappa_{\min}}^{\kappa_{\max}} \ell_k(\kappa)\, d\kappa\right), \qquad S = \frac{K}{D}

    where :math:`\ell_k(\kappa)` is the smallest held-out loss of probes of factor :math:`k` whose log capacity is at
    most :math:`\kappa`, and :math:`\ell_k^b` is the loss of a constant, the mean of the training rows. Probes regress
    the index of the value, which assumes ordered values; the loss is the squared error.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        probe: ``"random_fourier_features"``: ridge regression on the standardized codes and random cosines of them;
            capacity is the number of cosines. ``"mlp"``: a network with one hidden layer; capacity is its width. For
            both, capacity 0 is linear regression. ``"forest"``: a random forest; capacity is its depth, with up to 2 to
            that power leaves; at the smallest depth it cannot even fit the factors themselves.
        capacities: At least two increasing capacities. ``None``: 0, 3, 15, 63, 255, 1023 cosines; a width of 0, 3, 15,
            63; a depth of 1, 2, 4, 8, 16. Scores depend on them.
        sampling: Which rows.

    Returns:
        Scores ``dci_es_<probe>_explicitness`` in ``[0, 1]`` and ``dci_es_<probe>_size``, the number of varying factors
        divided by the number of latents; no unit, higher is better. Explicitness is 1 if the smallest capacity
        suffices, and about 0 by chance. ``per_factor``: ``explicitness``; ``relative_explicitness``, as defined by
        Eastwood et al.; ``loss_at_<c>``, the loss at each capacity divided by the loss of the constant.

        Here the area is measured from 0, the loss of a perfect probe, so a factor that no probe can predict scores 0.
        Eastwood et al. use :math:`1 - 2 A / ((\kappa_{\max} - \kappa_{\min})\, \ell^b)` with the area :math:`A` above
        the smallest loss reached. This is 1 for uninformative codes too, and must be read together with
        informativeness.

        Blind to rotations, and to the spread of factors over latents. Factors with one value are left out with a
        warning, and factors that the constant predicts without error on the held-out rows without one. NaN with a
        warning if no factor varies; explicitness alone also if there are no held-out rows.

    Raises:
        ValueError: As :func:`draw`; or if ``probe`` is unknown, or ``capacities`` are fewer than two, do not increase
            or are negative, or less than 1 for a forest.

    References:
        Eastwood et al., DCI-ES: An Extended Disentanglement Framework with Connections to Identifiability, ICLR 2023,
        arXiv:2210.00364.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(6, 1)
        >>> result = dci_es(grid.float() + 3, grid, sampling=Sampling(num_train=80, num_test=40))
        >>> round(result["random_fourier_features_explicitness"], 3), result["random_fourier_features_size"]
        (1.0, 1.0)
    """
    check_choice("probe", probe, PROBES)
    capacities = CAPACITIES[probe] if capacities is None else tuple(capacities)
    _check_capacities(probe, capacities)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)

    losses = _loss_capacity_curves(sample, probe, capacities)
    axis = position_on_axis(probe, capacities)
    explicitness = 1 - _mean_over(axis, losses)
    relative = 1 - 2 * _mean_over(axis, losses - losses[:, -1:])
    num_varying = len(sample.varying_factors)
    score = mean_of_known(explicitness)
    if not num_varying:
        warnings.warn("dci_es is undefined: it needs a factor that varies", stacklevel=2)
    elif math.isnan(score):
        warnings.warn("dci_es explicitness is undefined: it needs rows held out; raise num_test", stacklevel=2)
    curve = {f"loss_at_{c}": torch.from_numpy(loss.copy()) for c, loss in zip(capacities, losses.T, strict=True)}
    fixed = {
        "random_fourier_features": ("ridge", RIDGE),
        "mlp": ("epochs", MLP_EPOCHS),
        "forest": ("num_trees", FOREST_TREES),
    }
    return MetricResult(
        metric="dci_es",
        scores={
            f"dci_es_{probe}_explicitness": Score(score, scored_on="test"),
            f"dci_es_{probe}_size": Score(num_varying / sample.latent_dim if num_varying else math.nan),
        },
        num_train=len(sample.codes),
        num_test=len(sample.test_codes),
        per_factor={
            "explicitness": torch.from_numpy(explicitness),
            "relative_explicitness": torch.from_numpy(relative),
            **curve,
        },
        parameters={"probe": probe, "capacities": capacities, fixed[probe][0]: fixed[probe][1], "seed": sample.seed},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _check_capacities(probe: Probe, capacities: Sequence[int]) -> None:
    if len(capacities) < 2 or any(a >= b for a, b in pairwise(capacities)):
        raise ValueError(f"capacities must be two or more that increase, got {list(capacities)}")
    check_at_least("capacities", capacities[0], 1 if probe == "forest" else 0)


def _loss_capacity_curves(sample: Sample, probe: Probe, capacities: Sequence[int]) -> Floats:
    """Return the least loss up to each capacity, divided by the constant's ``(K, capacities)``; NaN if undefined."""
    curves = np.full((sample.num_factors, len(capacities)), np.nan)
    varying = sample.varying_factors
    if not varying or not len(sample.test_codes):
        return curves
    scaled = Standardization(sample.codes)
    train, test = sample.factors[:, varying], sample.test_factors[:, varying]
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    rows = Rows(scaled(sample.codes), (train - mean) / deviation, scaled(sample.test_codes))
    seeds = sample.random(f"dci_es {probe}").integers(2**31 - 1, size=sample.num_factors)
    predictions = predictions_of_growing_probes(probe, rows, capacities, [int(seeds[k]) for k in varying])
    targets = (test - mean) / deviation
    constant = (targets**2).mean(axis=0)
    losses = ((predictions - targets) ** 2).mean(axis=1)  # (capacities, factors)
    shares = np.divide(losses, constant, out=np.full_like(losses, np.nan), where=constant > 0)
    curves[varying] = np.minimum(np.minimum.accumulate(shares, axis=0), 1).T  # constants are in all families
    return curves


def _mean_over(axis: Floats, curves: Floats) -> Floats:
    """Return the mean of each curve over the axis, by trapezoids, ``(K,)``."""
    areas = ((curves[:, 1:] + curves[:, :-1]) / 2 * np.diff(axis)).sum(axis=1)
    mean: Floats = areas / (axis[-1] - axis[0])
    return mean


class DCIES(FunctionMetric, function=dci_es):
    """How little capacity is needed to predict the factors from the code; see :func:`.functional.dci_es`."""

    metric = "dci_es"
    higher_is_better = True
    refits = True
    num_chance_draws = 1
