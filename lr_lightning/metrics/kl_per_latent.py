"""Divergence of each latent's posterior from the prior."""

import warnings

import torch
from torch import Tensor

from lr_lightning.metrics.core.result import MetricResult, Score
from lr_lightning.metrics.core.sample import Sample, Sampling, as_sample
from lr_lightning.metrics.function_metric import FunctionMetric


def kl_per_latent(
    codes: Tensor | Sample,
    factors: Tensor | None = None,
    *,
    log_variances: Tensor | None = None,
    sampling: Sampling | None = None,
) -> MetricResult:
    r"""Score how much each latent is used: the divergence of its Gaussian posterior from the standard Gaussian prior.

    .. math:: \mathrm{KL}_j = \frac{1}{2N} \sum_n \left( \mu_{nj}^2 + \sigma_{nj}^2 - \log \sigma_{nj}^2 - 1 \right)

    Args:
        codes: Posterior means, shape ``(N, D)``, or a :class:`.Sample`.
        factors: Not used; may be ``None``.
        log_variances: Logarithms of the posterior variances, shape ``(N, D)``; not needed if the sample has them.
        sampling: Which rows; only the training rows are used.

    Returns:
        Scores ``kl_per_latent_total``, the sum over latents, and ``kl_per_latent_mean``, the sum divided by ``D``; in
        nats, not negative. In terms of the likelihood bound lower is better, but 0 means that the code carries no
        information; there is no chance level. Depends on the scale of the codes, as the prior has unit scale.
        ``per_latent``: ``kl`` in nats, close to 0 for a collapsed latent.

        Blind to the factors and, if posteriors are equally wide, to rotations. Duplicated latents count like any other,
        so each increases the total. NaN with a warning for deterministic codes, which have no log-variances.

    Raises:
        ValueError: As :func:`draw`.

    References:
        Kingma and Welling, Auto-Encoding Variational Bayes, ICLR 2014, arXiv:1312.6114, appendix B.

    Example:
        >>> means = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
        >>> result = kl_per_latent(means, log_variances=torch.zeros(2, 2), sampling=Sampling(2, 0))
        >>> result.per_latent["kl"].tolist()
        [0.5, 0.0]
    """
    sample = as_sample(codes, factors, sampling, log_variances, factors_needed=False, means_needed=True)
    divergences = posterior_kl(sample)
    if divergences is None:
        warnings.warn("kl_per_latent is undefined: it needs log_variances, which are not given", stacklevel=2)
        divergences = torch.full((sample.latent_dim,), torch.nan, dtype=torch.float64)
    return MetricResult(
        metric="kl_per_latent",
        scores={
            "kl_per_latent_total": Score(divergences.sum().item(), ceiling=None, higher_is_better=False),
            "kl_per_latent_mean": Score(divergences.mean().item(), ceiling=None, higher_is_better=False),
        },
        num_train=len(sample.codes),
        per_latent={"kl": divergences},
        active=torch.from_numpy(sample.active),
        codes=sample.kind,
    )


def posterior_kl(sample: Sample) -> Tensor | None:
    """Return the mean divergence ``(D,)`` float64 in nats from the prior, ``None`` without log-variances."""
    if sample.log_variances is None:
        return None
    means, log_variances = torch.from_numpy(sample.codes).double(), torch.from_numpy(sample.log_variances).double()
    # expm1 avoids cancellation for a posterior close to the prior
    return (means.square() + log_variances.expm1() - log_variances).mean(dim=0) / 2


class KLPerLatent(FunctionMetric, function=kl_per_latent):
    """How much each latent is used, in nats; see :func:`.functional.kl_per_latent`."""

    metric = "kl_per_latent"
    needs_means = True
    needs_factors = False
    needs_log_variances = True
    higher_is_better = False
