"""Single-neuron classification (SNC)."""

import warnings

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lr_lightning.metrics.core.alignment import align, equal_bins, joint_counts
from lr_lightning.metrics.core.result import MetricResult, Score, are_undefined, mean_of_known
from lr_lightning.metrics.core.sample import (
    Floats,
    Integers,
    Sample,
    Sampling,
    as_sample,
    warn_of_constant_factors,
)
from lr_lightning.metrics.function_metric import FunctionMetric


def single_neuron_classification(
    codes: Tensor | Sample, factors: Tensor | None = None, *, sampling: Sampling | None = None
) -> MetricResult:
    r"""Score how well a single latent predicts each factor when its range is divided into one interval per value.

    .. math:: \mathrm{SNC} = \frac{1}{K} \sum_k P\bigl(\pi_k(b_k(z_{a(k)})) = y_k\bigr)

    Each factor :math:`k` has a latent :math:`a(k)` of its own: the assignment with the largest sum of mutual
    information. Its range is cut into :math:`V_k` bins :math:`b_k` with equally many rows, and each bin predicts one
    value, by the one-to-one assignment :math:`\pi_k` that is right most often. Nothing else is learned, so that a
    latent cannot be decoded by a classifier more complex than an order of the values.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        sampling: Which rows.

    Returns:
        Scores ``snc`` on the rows held out and ``snc_train`` on those to train on, accuracies in ``[0, 1]``, no unit;
        higher is better. ``matrix``: mutual information ``(D, K)`` of latents in bins with factors, in nats.
        ``per_factor``: ``accuracy_test``, ``accuracy_train``, ``latent`` (:math:`a(k)`).

        Independent codes score the mean of :math:`1 / V_k` on the test, and more in training: the assignments are those
        that fit best, which matters on few rows. A perfect code scores below 1 where values are not equally frequent:
        bins are, so that the accuracy is at most :math:`1 - \frac12 \sum_v |p_v - 1 / V|` or so. Equal codes lie in one
        bin, that of their middle rank. (The authors use the last rank, which merges neighboring values of a perfect
        code with a single number for each value unless all are equally frequent.)

        Blind to how a latent orders the values, to leaks of other factors as long as they do not move a code to another
        interval, and to duplicates. A rotation by 45 degrees of two factors with V values keeps about a third. With
        fewer latents than factors, factors share latents. Factors with one value are left out with a warning; NaN with
        a warning if no factor varies, and on the test if no rows are held out.

    Raises:
        ValueError: As :func:`draw`.

    References:
        Mahon, Sha and Lukasiewicz, Correcting Flaws in Common Disentanglement Metrics, TMLR 2024, arXiv:2304.02335.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5)).repeat(6, 1)
        >>> single_neuron_classification(-grid.float(), grid, sampling=Sampling(num_train=80, num_test=40)).value
        1.0
    """
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    latents, information = align(sample)
    accuracies = np.full((2, sample.num_factors), np.nan)
    for k in sample.varying_factors:
        accuracies[:, k] = _accuracies(
            (sample.codes[:, latents[k]], sample.test_codes[:, latents[k]]),
            (sample.factors[:, k], sample.test_factors[:, k]),
        )
    test, train = mean_of_known(accuracies[0]), mean_of_known(accuracies[1])
    if np.isnan(train):
        warnings.warn(f"{are_undefined(('snc', 'snc_train'))}: no factor varies", stacklevel=2)
    elif np.isnan(test):
        warnings.warn("snc is undefined: no rows are held out; raise num_test", stacklevel=2)
    return MetricResult(
        metric="snc",
        scores={"snc": Score(test, scored_on="test"), "snc_train": Score(train)},
        num_train=len(sample.codes),
        num_test=len(sample.test_codes),
        matrix=torch.from_numpy(information),
        matrix_label="mutual information [nats]",
        per_factor={
            "accuracy_test": torch.from_numpy(accuracies[0]),
            "accuracy_train": torch.from_numpy(accuracies[1]),
            "latent": torch.from_numpy(latents),
        },
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _accuracies(codes: tuple[Floats, Floats], factor: tuple[Integers, Integers]) -> tuple[float, float]:
    """Return the accuracy on the test and in training, of codes ``(N,)`` and values ``(N,)`` of (training, test)."""
    train, test = factor
    bins, test_bins = equal_bins(*codes, len(np.unique(train)))
    counts = joint_counts(bins, train)
    rows, values = linear_sum_assignment(counts, maximize=True)
    predicted = np.full(len(counts), -1)
    predicted[rows] = values
    on_test = float((predicted[test_bins] == test).mean()) if len(test) else np.nan
    return on_test, float((predicted[bins] == train).mean())


class SingleNeuronClassification(FunctionMetric, function=single_neuron_classification):
    """How well intervals of one latent predict each factor; see :func:`.functional.single_neuron_classification`."""

    metric = "snc"
    aliases = ("single_neuron_classification",)
    higher_is_better = True
