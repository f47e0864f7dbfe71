"""DCIMIG: the share of all factors that is encoded in dedicated latents."""

import math
import warnings

import torch
from torch import Tensor

from lr_lightning.metrics.core.aggregations import dcimig_share, gap_per_latent, largest_gap_per_factor
from lr_lightning.metrics.core.binning import Binning, check_bins
from lr_lightning.metrics.core.information import factor_entropies, mutual_information
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, as_sample, warn_of_constant_factors
from lr_lightning.metrics.function_metric import FunctionMetric


def dcimig(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    num_bins: int = 20,
    binning: Binning = "equal_width",
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how much of all factors is carried by latents dedicated to one factor each (DCIMIG, or 3CharM).

    .. math:: \mathrm{DCIMIG} = \frac{\sum_k S_k}{\sum_k H(y_k)}, \qquad
        S_k = \max_{j : k^*(j) = k} \left(I(z_j; y_{(1)}) - I(z_j; y_{(2)})\right)

    where :math:`(1), (2)` are the two factors about which latent :math:`j` has most information, in nats,
    :math:`k^*(j)` is the first of them, and :math:`S_k` is 0 for a factor that is not the first of any latent.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Factor indices, shape ``(N, K)``.
        num_bins: Number of bins per latent.
        binning: ``"equal_width"``, or ``"quantile"`` if outliers would widen the bins.
        sampling: Which rows; only the training rows are used.

    Returns:
        Score ``dcimig`` in ``[0, 1]``, no unit; higher is better, chance is about 0. ``matrix``: mutual information
        ``(D, K)`` in nats. ``per_factor``: ``gap`` :math:`S_k` and ``entropy``, both in nats, ``latent`` (its index,
        NaN if there is none). ``per_latent``: ``gap`` in nats.

        Blind to duplicated latents and to noise latents, but not to lost factors: each lowers the score by its share of
        the entropy. Factors are weighted by their entropy, so factors with few values count little, and a latent that
        encodes such a factor with a trace of a factor with many values may count for the latter. Factors with one value
        are left out with a warning; NaN with a warning if fewer than two vary.

    Raises:
        ValueError: As :func:`draw`; or if ``num_bins < 2`` or ``binning`` is unknown.

    References:
        Sepliarskaia et al., How to Not Measure Disentanglement, 2019, arXiv:1910.05587.

    Example:
        >>> grid = torch.cartesian_prod(torch.arange(4), torch.arange(5))
        >>> codes = torch.cat([grid, grid], dim=1).float()
        >>> round(dcimig(codes, grid, sampling=Sampling(num_train=20, num_test=0)).value, 6)
        1.0
    """
    check_bins(num_bins, binning)
    sample = as_sample(codes, factors, sampling)
    warn_of_constant_factors(sample)
    matrix, entropies = mutual_information(sample, num_bins, binning), factor_entropies(sample)
    varying = sample.varying_factors
    gaps = torch.full((sample.latent_dim,), torch.nan, dtype=torch.float64)
    owned, owner = torch.full((2, sample.num_factors), torch.nan, dtype=torch.float64)
    value = math.nan
    if len(varying) > 1:
        value = dcimig_share(matrix, entropies).item()
        gaps, owned[varying] = gap_per_latent(matrix[:, varying]), largest_gap_per_factor(matrix[:, varying])
        owner = _owners(matrix, gaps)
    else:
        warnings.warn("dcimig is undefined: it needs two factors that vary", stacklevel=2)
    return MetricResult(
        metric="dcimig",
        scores={"dcimig": Score(value)},
        num_train=len(sample.codes),
        matrix=matrix,
        matrix_label="mutual information [nats]",
        per_factor={"gap": owned, "latent": owner, "entropy": entropies},
        per_latent={"gap": gaps},
        parameters={"num_bins": num_bins, "binning": binning},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _owners(matrix: Tensor, gaps: Tensor) -> Tensor:
    """Return, for each factor ``(K,)``, the latent with the largest gap among those assigned to it; NaN if none is."""
    owned = torch.nn.functional.one_hot(matrix.argmax(dim=1), matrix.shape[1]).bool() & (matrix > 0)
    candidates = torch.where(owned, gaps[:, None], -1.0)
    return torch.where(owned.any(dim=0), candidates.argmax(dim=0).double(), torch.nan)


class DCIMIG(FunctionMetric, function=dcimig):
    """How much of all factors is encoded in dedicated latents; see :func:`.functional.dcimig`."""

    metric = "dcimig"
    aliases = ("3charm",)
    higher_is_better = True
