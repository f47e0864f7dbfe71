"""Robust mutual information gap."""

import warnings

import torch
from torch import Tensor

from lr_lightning.metrics.core.aggregations import gap_per_factor
from lr_lightning.metrics.core.binning import binned_factor_ceilings
from lr_lightning.metrics.core.information import factor_entropies
from lr_lightning.metrics.core.posterior_bins import BinRange, binned_information, check_posterior_bins
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, as_sample, warn_of_constant_factors
from lr_lightning.metrics.function_metric import FunctionMetric


def robust_mutual_information_gap(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    log_variances: Tensor | None = None,
    num_bins: int = 20,
    bin_range: BinRange | None = None,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how much each factor is encoded in a single latent, using the whole posterior (RMIG).

    .. math:: \mathrm{RMIG}_k = I(z_{(1)}; y_k) - I(z_{(2)}; y_k), \qquad
        p(z_j, y_k = v) = \frac1N \sum_n q(z_j \mid x_n)\, [y_{nk} = v]

    where :math:`z_{(1)}, z_{(2)}` are the two latents with most information about :math:`y_k`. Latents are binned. The
    paper estimates the distribution from samples of :math:`z`; here the mass of each posterior in each bin is exact.

    Args:
        codes: Means of the posteriors, shape ``(N, D)``, or a :class:`.Sample`, whose log-variances are then used.
        factors: Factor indices, shape ``(N, K)``.
        log_variances: Logarithms of the posterior variances, shape ``(N, D)``; ``None`` for deterministic codes, each
            of which falls into one bin.
        num_bins: Number of equal-width bins per latent; 100 in the paper.
        bin_range: Range of the bins for all latents, ``(-4, 4)`` in the paper; values outside count in the outermost
            bins. ``None``: for each latent the range of its means, or of its means ± 3 standard deviations if there are
            log-variances.
        sampling: Which rows; only the training rows are used.

    Returns:
        Scores ``rmig``, the mean gap over factors in nats, in ``[0, H]`` with the factors' mean entropy ``H``, and
        ``rmig_normalized``, the mean of gap over entropy, in ``[0, 1]``; higher is better, chance is close to 0.
        ``matrix``: mutual information ``(D, K)`` in nats. ``per_factor``: ``gap`` in nats, ``normalized_gap``,
        ``entropy`` in nats, ``kept_in_bins``, the fraction of the entropy that a noiseless ordinal code keeps in these
        bins.

        As strict as the mutual information gap: low for duplicated latents, rotations and factors on a circle. Also
        blind to other factors in the same latent, which :func:`.functional.joint_entropy_minus_mutual_information_gap`
        detects. Unlike the mutual information gap, it counts encoder noise as lost information. Nats grow with the
        number of values of a factor, so compare ``rmig`` only within one data set. Factors with one value are left out
        with a warning; NaN with a warning if ``D = 1`` or no factor varies.

    Raises:
        ValueError: As :func:`draw`; or if ``num_bins < 2`` or ``bin_range`` is not two finite numbers in order.

    References:
        Do and Tran, Theory and Evaluation Metrics for Learning Disentangled Representations, ICLR 2020,
        arXiv:1908.09961.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> narrow, wide = torch.full((20, 2), -9.0), torch.full((20, 2), 0.0)
        >>> for log_variances in (narrow, wide):
        ...     result = robust_mutual_information_gap(
        ...         grid.float(), grid, log_variances=log_variances, sampling=Sampling(20, 0)
        ...     )
        ...     print(round(result["normalized"], 2))
        1.0
        0.31
    """
    check_posterior_bins(num_bins, bin_range)
    sample = as_sample(codes, factors, sampling, log_variances, means_needed=True)
    warn_of_constant_factors(sample)
    matrix, _ = binned_information(sample, num_bins, bin_range)
    entropies = factor_entropies(sample)
    gaps = torch.where(entropies > 0, gap_per_factor(matrix), torch.nan)
    normalized = gaps / entropies
    if gaps.isnan().all():
        warnings.warn("rmig is undefined: it needs two latents and a factor that varies", stacklevel=2)
    return MetricResult(
        metric="rmig",
        scores={
            "rmig": Score(gaps.nanmean().item()),
            "rmig_normalized": Score(normalized.nanmean().item()),
        },
        num_train=len(sample.codes),
        matrix=matrix,
        matrix_label="mutual information [nats]",
        per_factor={
            "gap": gaps,
            "normalized_gap": normalized,
            "entropy": entropies,
            "kept_in_bins": binned_factor_ceilings(sample, num_bins),
        },
        parameters={
            "num_bins": num_bins,
            "bin_range": bin_range,
            "log_variances": sample.log_variances is not None,
        },
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


class RobustMutualInformationGap(FunctionMetric, function=robust_mutual_information_gap):
    """How much each factor is encoded in a single latent, using the whole posterior.

    See :func:`.functional.robust_mutual_information_gap`. Log-variances given to :meth:`~.CodeTableMetric.update` are
    used.
    """

    metric = "rmig"
    needs_means = True
    higher_is_better = True
