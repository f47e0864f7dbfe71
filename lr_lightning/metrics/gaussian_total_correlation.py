"""Total correlation of the Gaussian with the covariance of the codes."""

import warnings

import numpy as np
import torch
from torch import Tensor

from lr_lightning.metrics.core.covariance import centered_codes, variances_of
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Floats, Sample, Sampling, as_sample
from lr_lightning.metrics.function_metric import FunctionMetric


def gaussian_total_correlation(
    codes: Tensor | Sample, factors: Tensor | None = None, *, sampling: Sampling | None = None
) -> MetricResult:
    r"""Score the correlation among latents: the total correlation of a Gaussian with their covariance.

    .. math:: \mathrm{TC} = \frac{1}{2} \Bigl( \sum_j \log \Sigma_{jj} - \log \det \Sigma \Bigr)

    where :math:`\Sigma` is the covariance of the codes: the divergence of a Gaussian from the product of its marginals.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Not used; may be ``None``.
        sampling: Which rows; only the training rows are used.

    Returns:
        Score ``gaussian_total_correlation`` in ``[0, inf]`` nats; lower is better; there is no chance level. The
        ceiling is the score after shuffling the rows of each latent, which makes them independent: above 0, by about
        ``D * (D - 1) / 4N``. ``matrix``: correlations ``(D, D)``. ``per_latent``: ``variance``.

        Blind to the factors, to collapse, and to all but linear dependence: 0 for a rotation of independent latents of
        equal variance. Constant latents are left out. Infinite with a warning if a latent is a linear function of the
        others, such as a copy, or rows are fewer than latents. NaN with a warning if all latents are constant.

    Raises:
        ValueError: As :func:`draw`.

    References:
        Watanabe, Information Theoretical Analysis of Multivariate Correlation, IBM Journal 1960; as a score of codes
        Locatello et al., Challenging Common Assumptions, ICML 2019, arXiv:1811.12359.

    Example:
        >>> x = torch.randn(200, 1, generator=torch.Generator().manual_seed(0))
        >>> gaussian_total_correlation(torch.cat([x, x.abs()], dim=1)).value < 0.02
        True
    """
    sample = as_sample(codes, factors, sampling, factors_needed=False)
    centered = centered_codes(sample)
    variances = variances_of(centered)
    varying = variances > 0
    correlations = np.full((sample.latent_dim, sample.latent_dim), np.nan)
    total_correlation = independent = np.nan
    if varying.any():
        standardized = centered[:, varying] / np.sqrt(variances[varying] * (len(centered) - 1))
        correlations[np.ix_(varying, varying)] = standardized.T @ standardized
        total_correlation = _total_correlation(standardized)
        if np.isinf(total_correlation):
            warnings.warn(
                "gaussian_total_correlation is infinite: a latent is a linear function of others (or a copy of one), "
                "or there are no more rows than latents",
                stacklevel=2,
            )
        apart = sample.random("gaussian total correlation").permuted(standardized, axis=0)
        independent = _total_correlation(apart)
    else:
        warnings.warn("gaussian_total_correlation is undefined: it needs a latent that varies", stacklevel=2)
    return MetricResult(
        metric="gaussian_total_correlation",
        scores={
            "gaussian_total_correlation": Score(
                total_correlation, None if np.isnan(independent) else independent, higher_is_better=False
            )
        },
        num_train=len(sample.codes),
        matrix=torch.from_numpy(correlations),
        matrix_label="correlation",
        matrix_axes=("latent", "latent"),
        per_latent={"variance": torch.from_numpy(variances)},
        parameters={"seed": sample.seed},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _total_correlation(standardized: Floats) -> float:
    """Return the score of latents ``(N, D)`` of norm 1: half of -logdet of the correlations.

    Singular values of the latents resolve near-copies that eigenvalues of the covariance, their squares, do not.
    """
    values = np.linalg.svd(standardized, compute_uv=False)
    # N centered rows span N - 1 dimensions at most: with D >= N one of the N values is 0, too
    if values[-1] <= values[0] * max(standardized.shape) * np.finfo(np.float64).eps:
        return float("inf")
    return max(0.0, float(-np.log(values).sum()))  # round-off


class GaussianTotalCorrelation(FunctionMetric, function=gaussian_total_correlation):
    """How strongly latents are correlated, in nats; see :func:`.functional.gaussian_total_correlation`."""

    metric = "gaussian_total_correlation"
    needs_factors = False
    higher_is_better = False
