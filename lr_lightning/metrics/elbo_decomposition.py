"""Decomposition of the divergence from the prior."""

import math
import warnings
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, as_sample
from lr_lightning.metrics.function_metric import FunctionMetric
from lr_lightning.metrics.kl_per_latent import posterior_kl

_SATURATED = 0.3  # nats from log N within which information is that of the number of rows
_CELLS = 2**18  # pairs of samples and posteriors evaluated at once; 2 MiB, which stay in the cache


def elbo_decomposition(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    log_variances: Tensor | None = None,
    num_samples: int = 2000,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Split the mean divergence of the posterior from the prior into its three parts.

    .. math:: \mathbb{E}_n \mathrm{KL}(q(z|x_n) \| p(z)) = I_q(z; n)
        + \mathrm{KL}\Bigl(q(z) \,\|\, \prod_j q(z_j)\Bigr) + \sum_j \mathrm{KL}(q(z_j) \| p(z_j))

    where :math:`q(z) = \frac{1}{N} \sum_n q(z|x_n)`, the posteriors are Gaussian and the prior standard Gaussian.
    Samples :math:`z \sim q(z|x_n)` are weighed against the posteriors of all ``N`` rows, not of a batch: the averages
    are over samples only, and the densities exact.

    Args:
        codes: Posterior means, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Not used; may be ``None``.
        log_variances: Logarithms of the posterior variances, shape ``(N, D)``, unless the sample has them.
        num_samples: Number of samples ``S``; time grows as ``N * S * D``.
        sampling: Which rows; only the training rows are used.

    Returns:
        Scores in nats ``elbo_decomposition_index_code_mutual_information``, at most ``log N`` (its ceiling) and higher
        the more information the code has about the input; ``elbo_decomposition_total_correlation``, lower is better,
        the dependence among latents, whose ceiling is that of the same latents with their rows shuffled apart, which
        are independent: above 0 by what few rows add; and ``elbo_decomposition_dimension_wise_kl``, lower is better,
        best 0. They add up to the mean divergence from the prior, but for the error of ``S`` samples: a few hundredths
        of a nat with the default, so that parts near 0 can come out below it. ``per_latent``: ``dimension_wise_kl`` and
        ``kl``, the whole divergence, which is exact. The last and these depend on the scale of the codes, as the prior
        has the scale 1.

        Blind to the factors and to rotations of Gaussian aggregates. With ``N`` rows and narrow posteriors, information
        saturates at ``log N``, and total correlation takes up the rest: of independent latents it then comes out at
        several nats. Within .3 nats of ``log N`` total correlation is NaN with a warning, and information is
        only a lower bound; use more rows. Farther away total correlation is still too high, of independent
        latents by .8 to 1.5 nats at one nat from ``log N`` and by .1 to .3 at three: compare numbers of equal ``N``
        only. All are NaN with a warning without log-variances, or with ones beyond 60, which double precision does not
        resolve.

    Raises:
        ValueError: As :func:`draw`; or if ``num_samples < 1``.

    References:
        Hoffman and Johnson, ELBO Surgery, NIPS workshop 2016; Chen et al., Isolating Sources of Disentanglement in
        VAEs, NeurIPS 2018, arXiv:1802.04942.

    Example:
        >>> means = torch.zeros(30, 2)  # nothing of the input in the code
        >>> result = elbo_decomposition(means, log_variances=torch.full_like(means, -1.0))
        >>> [round(score.value, 6) for score in result.scores.values()][:2]
        [0.0, 0.0]
    """
    check_at_least("num_samples", num_samples, 1)
    sample = as_sample(codes, factors, sampling, log_variances, factors_needed=False, means_needed=True)
    kl = posterior_kl(sample)
    information = total_correlation = math.nan
    independent: float | None = None
    per_latent = torch.full((sample.latent_dim,), torch.nan, dtype=torch.float64)
    if kl is None:
        warnings.warn("elbo_decomposition is undefined: it needs log_variances, which are not given", stacklevel=2)
    elif abs(sample.log_variances).max() > 60:  # type: ignore[arg-type]
        warnings.warn("elbo_decomposition is undefined: it needs log_variances between -60 and 60", stacklevel=2)
    else:
        information, total_correlation, per_latent = split_divergence(sample, num_samples)
        limit = math.log(len(sample.codes))
        if information > limit - _SATURATED:
            warnings.warn(
                f"elbo_decomposition_total_correlation is undefined: with {len(sample.codes):,} rows the index-code "
                f"information lies within {_SATURATED} nats of its limit log N = {limit:.2f}, a lower bound of its "
                "true value; give more rows (num_train)",
                stacklevel=2,
            )
            total_correlation = math.nan
        else:
            independent = split_divergence(_latents_apart(sample), num_samples)[1]
    parts = {
        "index_code_mutual_information": Score(information, ceiling=math.log(len(sample.codes))),
        "total_correlation": Score(total_correlation, ceiling=independent, higher_is_better=False),
        "dimension_wise_kl": Score(per_latent.sum().item(), ceiling=0.0, higher_is_better=False),
    }
    return MetricResult(
        metric="elbo_decomposition",
        scores={f"elbo_decomposition_{name}": score for name, score in parts.items()},
        num_train=len(sample.codes),
        per_latent={
            "dimension_wise_kl": per_latent,
            "kl": torch.full_like(per_latent, torch.nan) if kl is None else kl,
        },
        parameters={"num_samples": num_samples, "seed": sample.seed},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def _latents_apart(sample: Sample) -> Sample:
    """Return the sample with the rows of each latent, mean and variance together, shuffled independently."""
    rows = np.tile(np.arange(len(sample.codes))[:, None], sample.latent_dim)
    rows = sample.random("elbo decomposition apart").permuted(rows, axis=0)
    assert sample.log_variances is not None  # without them nothing is split
    codes, log_variances = (np.take_along_axis(table, rows, axis=0) for table in (sample.codes, sample.log_variances))
    return replace(sample, codes=codes, log_variances=log_variances, _shared={})


def split_divergence(sample: Sample, num_samples: int) -> tuple[float, float, Tensor]:
    """Return information, total correlation and the divergence of each latent ``(D,)``, in nats."""
    means = torch.from_numpy(sample.codes).double()
    log_deviations = torch.from_numpy(sample.log_variances).double() / 2
    random = sample.random("elbo decomposition")
    rows = torch.from_numpy(random.permutation(len(means))).repeat(-(-num_samples // len(means)))[:num_samples]
    noise = torch.from_numpy(random.standard_normal((num_samples, sample.latent_dim)))
    samples = means[rows] + log_deviations[rows].exp() * noise  # (S, D)
    own = -(noise.square() / 2 + log_deviations[rows]).sum(dim=1)  # log q(z|x) without constants, as all below
    joint, marginals = _aggregate_log_densities(samples, means, log_deviations)
    prior = -samples.square() / 2
    information = (own - joint).mean().item()
    total_correlation = (joint - marginals.sum(dim=1)).mean().item()
    return information, total_correlation, (marginals - prior).mean(dim=0)


def _aggregate_log_densities(samples: Tensor, means: Tensor, log_deviations: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``log q(z)`` (S,) and ``log q(z_j)`` (S, D), but for the constants of Gaussian densities."""
    columns = list(zip(means.T.contiguous(), log_deviations.T.contiguous(), strict=True))
    joints, marginals = [], []
    for chunk in torch.split(samples, max(_CELLS // len(means), 1)):
        joint = torch.zeros(len(chunk), len(means), dtype=torch.float64)
        of_chunk = []
        for z, (mean, log_deviation) in zip(chunk.T, columns, strict=True):
            log_density = (z[:, None] - mean).mul_((-log_deviation).exp()).square_().mul_(-0.5).sub_(log_deviation)
            joint += log_density
            of_chunk.append(log_density.logsumexp(dim=1))
        joints.append(joint.logsumexp(dim=1))
        marginals.append(torch.stack(of_chunk, dim=1))
    log_rows = math.log(len(means))
    return torch.cat(joints) - log_rows, torch.cat(marginals) - log_rows


class ELBODecomposition(FunctionMetric, function=elbo_decomposition):
    """Parts of the divergence from the prior, in nats; see :func:`.functional.elbo_decomposition`."""

    metric = "elbo_decomposition"
    needs_means = True
    needs_factors = False
    needs_log_variances = True
    higher_is_better = None
