"""Mutual information gap."""

import warnings

import torch
from torch import Tensor

from lr_lightning.metrics.core.aggregations import gap_per_factor
from lr_lightning.metrics.core.binning import Binning, binned_factor_ceilings, check_bins
from lr_lightning.metrics.core.information import factor_entropies, mutual_information
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, as_sample, warn_of_constant_factors
from lr_lightning.metrics.function_metric import FunctionMetric


def mutual_information_gap(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    num_bins: int = 20,
    binning: Binning = "equal_width",
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how much each factor is encoded in a single latent (MIG).

    .. math:: \mathrm{MIG} = \frac{1}{K} \sum_k \frac{I(z_{(1)}; y_k) - I(z_{(2)}; y_k)}{H(y_k)}

    where :math:`z_{(1)}, z_{(2)}` are the two latents with most information about :math:`y_k`. The information is
    estimated from binned posterior means; :func:`.functional.robust_mutual_information_gap` uses the whole posterior.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        num_bins: Number of bins per latent.
        binning: ``"equal_width"`` as in the study; ``"quantile"`` if outliers would widen the bins.
        sampling: Which rows; only the training rows are used.

    Returns:
        Score ``mig`` in ``[0, 1]``, no unit; higher is better, chance is close to 0. A perfect code scores below 1 if a
        factor has more values than there are bins, and due to the bias of the estimated information of other latents.
        ``matrix``: mutual information ``(D, K)`` in nats. ``per_factor``: ``gap`` divided by the factor's entropy,
        ``entropy`` in nats, ``kept_in_bins``, the fraction of the entropy that an ordinal code keeps in these bins.

        Strict about factors spread over latents: 0 for duplicated latents, low for rotations and for factors on a
        circle. Blind to other factors in the same latent: a latent with a distinct value for each pair of values of two
        factors scores 1 for both; see :func:`.functional.mig_sup` and :func:`.functional.dcimig`. Factors with one
        value are left out with a warning; NaN with a warning if ``D = 1`` or no factor varies.

    Raises:
        ValueError: As :func:`draw`; or if ``num_bins < 2`` or ``binning`` is unknown.

    References:
        Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018, arXiv:1802.04942; parameters of
        Locatello et al., Challenging Common Assumptions, ICML 2019, arXiv:1811.12359.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> round(mutual_information_gap(grid.float(), grid, sampling=Sampling(num_train=20, num_test=0)).value, 6)
        1.0
    """
    check_bins(num_bins, binning)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    matrix, entropies = mutual_information(sample, num_bins, binning), factor_entropies(sample)
    gaps = gap_per_factor(matrix) / entropies  # NaN for a constant factor
    if gaps.isnan().all():
        warnings.warn("mig is undefined: it needs two latents and a factor that varies", stacklevel=2)
    return MetricResult(
        metric="mig",
        scores={"mig": Score(gaps.nanmean().item())},
        num_train=len(sample.codes),
        matrix=matrix,
        matrix_label="mutual information [nats]",
        per_factor={
            "gap": gaps,
            "entropy": entropies,
            "kept_in_bins": binned_factor_ceilings(sample, num_bins, binning),
        },
        parameters={"num_bins": num_bins, "binning": binning},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


class MutualInformationGap(FunctionMetric, function=mutual_information_gap):
    """How much each factor is encoded in a single latent; see :func:`.functional.mutual_information_gap`."""

    metric = "mig"
    aliases = ("mutual_information_gap",)
    higher_is_better = True
