"""How much each latent is used, measured on the posteriors of a data set."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes, check_log_variances
from lr_lightning.common.printed_result import TableFields, TabularResult


@dataclass(frozen=True, eq=False, repr=False)
class LatentStatistics(TabularResult):
    """Use of each latent over a data set, as returned by :func:`latent_statistics`. All tensors are on the CPU.

    Attributes:
        mean: ``(D,)`` float64, mean of the posterior means.
        std: ``(D,)`` float64, standard deviation of the posterior means.
        active: ``(D,)`` bool, latents whose posterior means have a variance above the threshold.
        kl: ``(D,)`` float64, KL divergence from the posterior to the standard normal prior, averaged over the data, in
            nats. ``None`` for a deterministic code, like the next three.
        posterior_variance: ``(D,)`` float64, mean ``m`` of the posterior variance over the data.
        posterior_variance_spread: ``(D,)`` float64, variance ``v`` of the posterior variance over the data.
        regimes: ``"active"``, ``"mixed"`` or ``"passive"`` for each latent.
        active_threshold: Variance of the posterior means above which a unit is active.
        num_samples: Number of observations ``N``.
    """

    table_fields = TableFields(
        "latent",
        ("mean", "std", "active", "kl", "posterior_variance", "posterior_variance_spread", "regimes"),
    )

    mean: Tensor
    std: Tensor
    active: Tensor
    kl: Tensor | None
    posterior_variance: Tensor | None
    posterior_variance_spread: Tensor | None
    regimes: tuple[str, ...] | None
    active_threshold: float
    num_samples: int

    @property
    def num_active(self) -> int:
        """Number of active units."""
        return int(self.active.sum())


def latent_statistics(
    means: Tensor, log_variances: Tensor | None = None, active_threshold: float = 0.01
) -> LatentStatistics:
    r"""Measure how much each latent is used.

    .. math:: \mathrm{KL}_j = \tfrac{1}{2} \mathbb{E}_x\left[\mu_j^2 + \sigma_j^2 - \log \sigma_j^2 - 1\right]

    Active units [1] have :math:`\mathrm{Var}_x(\mu_j)` above the threshold. Regimes [2] follow from mean :math:`m` and
    variance :math:`v` of :math:`\sigma_j^2` over the data: *passive* if :math:`v < 0.1` and :math:`|m - 1| \le 0.1`,
    *active* if :math:`v < 0.1` and :math:`m \le 0.1`, and *mixed* otherwise.

    Args:
        means: Posterior means, shape ``(N, D)`` with ``N >= 2``.
        log_variances: Log-variances of the posteriors, shape ``(N, D)``; ``None`` for a deterministic code.
        active_threshold: Variance in squared latent units above which a unit is active; 0.01 in [1].

    Returns:
        The statistics, computed in float64. Variances are population variances (divisor ``N``).

    Raises:
        TypeError: If ``means`` or ``log_variances`` is not a tensor.
        ValueError: If a tensor has the wrong shape, dtype or non-finite entries, or there are fewer than 2 rows.

    References:
        [1] Burda et al., Importance Weighted Autoencoders, 2016, arXiv:1509.00519.
        [2] Bonheme and Grzes, Be More Active! Understanding the Differences between Mean and Sampled Representations of
        Variational Autoencoders, 2021, arXiv:2109.12679.

    Example:
        >>> means = torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
        >>> statistics = latent_statistics(means, torch.tensor([[-6.0, 0.0], [-6.0, 0.0]]))
        >>> statistics.regimes, statistics.num_active
        (('active', 'passive'), 1)
    """
    means = check_codes("means", means, means.shape[-1], minimum=2).double()
    if log_variances is None:
        kl = spread = average = regimes = None
    else:
        log_variances = check_log_variances(log_variances, means).double()
        variances = log_variances.exp()
        kl = 0.5 * (means.square() + variances - log_variances - 1).mean(dim=0).cpu()
        spread, average = (moment.cpu() for moment in torch.var_mean(variances, dim=0, correction=0))
        regimes = tuple(_regime(m, v) for m, v in zip(average.tolist(), spread.tolist(), strict=True))
    variance, mean = torch.var_mean(means, dim=0, correction=0)
    return LatentStatistics(
        mean=mean.cpu(),
        std=variance.sqrt().cpu(),
        active=(variance > active_threshold).cpu(),
        kl=kl,
        posterior_variance=average,
        posterior_variance_spread=spread,
        regimes=regimes,
        active_threshold=active_threshold,
        num_samples=len(means),
    )


def _regime(mean: float, variance: float) -> str:
    """Return the regime of a latent from the mean and variance of its posterior variance over the data."""
    if variance < 0.1 and abs(mean - 1) <= 0.1:
        return "passive"
    return "active" if variance < 0.1 and mean <= 0.1 else "mixed"
