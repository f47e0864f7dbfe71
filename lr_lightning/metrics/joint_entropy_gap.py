"""Joint entropy minus mutual information gap."""

import math
import warnings

import torch
from torch import Tensor

from lr_lightning.metrics.core.information import factor_entropies
from lr_lightning.metrics.core.posterior_bins import (
    BinnedInformation,
    BinRange,
    binned_information,
    check_posterior_bins,
)
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, as_sample, warn_of_constant_factors
from lr_lightning.metrics.function_metric import FunctionMetric


def joint_entropy_minus_mutual_information_gap(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    log_variances: Tensor | None = None,
    num_bins: int = 20,
    bin_range: BinRange | None = None,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how much each factor is encoded in a single latent that encodes nothing but that factor (JEMMIG).

    .. math:: \mathrm{JEMMIG}_k = H(z_{(1)}, y_k) - I(z_{(1)}; y_k) + I(z_{(2)}; y_k), \qquad
        1 - \frac{\mathrm{JEMMIG}_k}{H(y_k) + \log B}

    where :math:`z_{(1)}, z_{(2)}` are the two latents with most information about :math:`y_k`, in :math:`B` bins. The
    first two terms are :math:`H(z_{(1)} \mid y_k) + H(y_k \mid z_{(1)})`: the latent's information besides the factor,
    and the factor's information missing from the latent.

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
        Scores ``jemmig_normalized``, the mean over factors, in ``[0, 1]``, no unit, higher is better; and ``jemmig``,
        the mean in nats, at least 0, **lower** is better. A noiseless ordinal code reaches 1 and 0, up to the bias of
        the estimated information of other latents, unless a factor has more values than there are bins.
        ``matrix``: mutual information ``(D, K)`` in nats. ``per_factor``: ``normalized``, ``jemmig`` in nats,
        ``joint_entropy`` in nats, ``latent`` (the index of :math:`z_{(1)}`), ``entropy`` in nats.

        A perfect code scores below 1 if it is noisy or its values are on bin edges, as one value then fills several
        bins. Uninformative codes do not score 0: noise latents score about .1, and a latent within a single bin, such
        as one that the model does not use, scores :math:`\log B / (H(y_k) + \log B)`, more than many informative
        latents. Read it together with ``rmig``, which is 0 for both. Factors with one value are left out with a
        warning; NaN with a warning if ``D = 1`` or no factor varies.

    Raises:
        ValueError: As :func:`draw`; or if ``num_bins < 2`` or ``bin_range`` is not two finite numbers in order.

    References:
        Do and Tran, Theory and Evaluation Metrics for Learning Disentangled Representations, ICLR 2020,
        arXiv:1908.09961.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> result = joint_entropy_minus_mutual_information_gap(grid.float(), grid, sampling=Sampling(20, 0))
        >>> round(result["normalized"], 6), round(abs(result["jemmig"]), 6)
        (1.0, 0.0)
    """
    check_posterior_bins(num_bins, bin_range)
    sample = as_sample(codes, factors, sampling, log_variances, means_needed=True)
    warn_of_constant_factors(sample)
    entropies, binned = factor_entropies(sample), binned_information(sample, num_bins, bin_range)
    widest = entropies + math.log(num_bins)
    gaps, best = _per_factor(binned, entropies)
    if gaps.isnan().all():
        warnings.warn("jemmig is undefined: it needs two latents and a factor that varies", stacklevel=2)
    return MetricResult(
        metric="jemmig",
        scores={
            "jemmig_normalized": Score((1 - gaps / widest).nanmean().item()),
            "jemmig": Score(gaps.nanmean().item(), higher_is_better=False),
        },
        num_train=len(sample.codes),
        matrix=binned.information,
        matrix_label="mutual information [nats]",
        per_factor={
            "normalized": 1 - gaps / widest,
            "jemmig": gaps,
            "joint_entropy": binned.joint_entropy.gather(0, best[None])[0],
            "latent": best.double(),
            "entropy": entropies,
        },
        parameters={
            "num_bins": num_bins,
            "bin_range": bin_range,
            "log_variances": sample.log_variances is not None,
        },
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _per_factor(binned: BinnedInformation, entropies: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gap ``(K,)`` of each factor, NaN where undefined, and the latent with most information about it."""
    information, joint_entropy = binned
    best = information.argmax(dim=0)
    if len(information) < 2:
        return torch.full_like(entropies, torch.nan), best
    first, second = information.topk(2, dim=0).values
    gaps = joint_entropy.gather(0, best[None])[0] - first + second
    return torch.where(entropies > 0, gaps, torch.nan), best


class JointEntropyMinusMutualInformationGap(FunctionMetric, function=joint_entropy_minus_mutual_information_gap):
    """How much each factor is encoded in a single latent that encodes nothing but that factor.

    See :func:`.functional.joint_entropy_minus_mutual_information_gap`. Log-variances given to
    :meth:`~.CodeTableMetric.update` are used. Of its two scores, higher is better for ``jemmig_normalized``, and lower
    for ``jemmig``.
    """

    metric = "jemmig"
    needs_means = True
