"""Wasserstein distance of the Gaussian with the covariance of the codes from one with independent latents."""

import warnings

import numpy as np
import torch
from torch import Tensor

from lr_lightning.metrics.core.covariance import centered_codes, variances_of
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Floats, Sample, Sampling, as_sample
from lr_lightning.metrics.function_metric import FunctionMetric


def gaussian_wasserstein_correlation(
    codes: Tensor | Sample, factors: Tensor | None = None, *, sampling: Sampling | None = None
) -> MetricResult:
    r"""Score the correlation among latents: the distance of a Gaussian with their covariance from its marginals.

    .. math:: W = 2 \operatorname{tr} \Sigma
        - 2 \operatorname{tr} \bigl( \Lambda^{1/2} \Sigma \Lambda^{1/2} \bigr)^{1/2},
        \qquad \Lambda = \operatorname{diag} \Sigma

    where :math:`\Sigma` is the covariance of the codes: the squared 2-Wasserstein distance between a Gaussian and the
    product of its marginals. Unlike the total correlation, it is finite for copies of latents.

    Args:
        codes: Codes, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Not used; may be ``None``.
        sampling: Which rows; only the training rows are used.

    Returns:
        Score ``gaussian_wasserstein_correlation`` in squared latent units, not negative, and
        ``gaussian_wasserstein_correlation_normalized``, the same over the trace of the covariance, in ``[0, 2)``
        without a unit; lower is better; there is no chance level. The ceiling is the score after shuffling the rows of
        each latent, which makes them independent: just above 0. ``matrix``: covariances ``(D, D)``. ``per_latent``:
        ``variance``.

        Blind to the factors, to collapse, and to all but linear dependence: 0 for a rotation of independent latents of
        equal variance. The first depends on the scale of the codes, and both are ruled by latents of large variance.
        Constant latents add nothing. NaN with a warning if all are constant.

    Raises:
        ValueError: As :func:`draw`.

    References:
        Olkin and Pukelsheim, The Distance between Two Random Vectors with Given Dispersion Matrices, Linear Algebra
        and its Applications 1982; as a score of codes Locatello et al., Challenging Common Assumptions, ICML 2019,
        arXiv:1811.12359.

    Example:
        >>> x = torch.arange(-2.0, 3.0)[:, None]
        >>> copies = gaussian_wasserstein_correlation(torch.cat([x, x], dim=1), sampling=Sampling(5, 0))
        >>> round(copies["normalized"], 4)  # 2 - sqrt(2)
        0.5858
    """
    sample = as_sample(codes, factors, sampling, factors_needed=False)
    centered = centered_codes(sample)
    variances = variances_of(centered)
    trace = float(variances.sum())
    distance = independent = np.nan
    if trace > 0:
        distance = _distance(centered, variances)
        apart = sample.random("gaussian wasserstein correlation").permuted(centered, axis=0)
        independent = _distance(apart, variances)
    else:
        warnings.warn("gaussian_wasserstein_correlation is undefined: it needs a latent that varies", stacklevel=2)
    return MetricResult(
        metric="gaussian_wasserstein_correlation",
        scores={
            "gaussian_wasserstein_correlation": Score(distance, independent if trace else None, higher_is_better=False),
            "gaussian_wasserstein_correlation_normalized": Score(
                distance / trace if trace else np.nan, independent / trace if trace else None, higher_is_better=False
            ),
        },
        num_train=len(sample.codes),
        matrix=torch.from_numpy(centered.T @ centered / (len(centered) - 1)),
        matrix_label="covariance [squared latent units]",
        matrix_axes=("latent", "latent"),
        per_latent={"variance": torch.from_numpy(variances)},
        parameters={"seed": sample.seed},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _distance(centered: Floats, variances: Floats) -> float:
    """Return the squared distance for latents ``(N, D)`` of mean 0 with these variances."""
    # the root's trace, as a sum of singular values: real also where the covariance is singular
    scaled = centered * np.sqrt(variances / (len(centered) - 1))
    root_trace = float(np.linalg.svd(scaled, compute_uv=False).sum())
    return max(0.0, 2 * float(variances.sum()) - 2 * root_trace)  # round-off


class GaussianWassersteinCorrelation(FunctionMetric, function=gaussian_wasserstein_correlation):
    """How strongly latents are correlated, as a distance; see :func:`.functional.gaussian_wasserstein_correlation`."""

    metric = "gaussian_wasserstein_correlation"
    needs_factors = False
    higher_is_better = False
