"""How far the aggregate posterior is from the standard normal prior, for each latent and for all of them jointly."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes, own_generator
from lr_lightning.assays.interventions import prior_samples
from lr_lightning.assays.maximum_mean_discrepancy import MeanDiscrepancy, maximum_mean_discrepancy
from lr_lightning.common.checks import check_at_least
from lr_lightning.common.printed_result import TableFields, TabularResult

WASSERSTEIN_NOISE = 1.6147438534 * math.sqrt(2 / math.pi)
"""Expected Wasserstein distance of N prior samples times sqrt(N), for large N; 1.61474 integrates sqrt(F (1 - F))."""

KOLMOGOROV_NOISE = math.sqrt(math.pi / 2) * math.log(2)
"""Expected Kolmogorov-Smirnov distance of N prior samples times sqrt(N), for large N."""


@dataclass(frozen=True, eq=False, repr=False)
class PriorGap(TabularResult):
    """Distances from the standard normal prior, as returned by :func:`prior_gap`. All tensors on the CPU, float64.

    Attributes:
        wasserstein: ``(D,)``, Wasserstein-1 distance of each latent in latent units.
        kolmogorov_smirnov: ``(D,)``, largest difference between the distribution functions, in ``[0, 1]``.
        p_value: ``(D,)``, probability that ``N`` samples from the prior have a Kolmogorov-Smirnov distance as large.
        discrepancy: Maximum mean discrepancy in ``D`` dimensions, which also detects dependence between latents.
        num_samples: Number of samples ``N``.
    """

    table_fields = TableFields("latent", ("wasserstein", "kolmogorov_smirnov", "p_value"))

    wasserstein: Tensor
    kolmogorov_smirnov: Tensor
    p_value: Tensor
    discrepancy: MeanDiscrepancy
    num_samples: int

    @property
    def wasserstein_noise(self) -> float:
        """Expected Wasserstein distance for the same number of samples from the prior itself."""
        return WASSERSTEIN_NOISE / math.sqrt(self.num_samples)

    @property
    def kolmogorov_smirnov_noise(self) -> float:
        """Expected Kolmogorov-Smirnov distance for the same number of samples from the prior itself."""
        return KOLMOGOROV_NOISE / math.sqrt(self.num_samples)


def prior_gap(
    codes: Tensor,
    *,
    constant: float | None = None,
    num_permutations: int = 200,
    max_samples: int = 10_000,
    generator: torch.Generator | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PriorGap:
    r"""Measure how far codes are from samples of the standard normal prior.

    .. math:: W_j = \int |F_j(x) - \Phi(x)|\,dx, \qquad \mathrm{KS}_j = \sup_x |F_j(x) - \Phi(x)|

    with the empirical distribution function :math:`F_j` of latent :math:`j`. Both are exact for the given codes, with
    no samples from the prior. The discrepancy compares the codes with the same number of prior samples.

    Pass samples of the posterior (:func:`posterior_samples` with its variances). Posterior means alone are narrower
    than the prior even for a perfect model. A deterministic autoencoder has no reason to match the prior.

    Args:
        codes: Samples of the aggregate posterior, shape ``(N, D)`` with ``N >= 3``; not modified.
        constant: ``C`` of the kernel in squared latent units; ``D`` if ``None``.
        num_permutations: Size of the null distribution of the discrepancy; 0 for none.
        max_samples: Use at most this many codes, the first ones, for the discrepancy, whose cost is quadratic.
        generator: Random generator for prior samples and null, on the CPU; a new one with seed 0 if ``None``.
        progress: Called with the number of kernel rows of the discrepancy processed, and their total.

    Raises:
        TypeError: If ``codes`` is not a tensor.
        ValueError: If ``codes`` has the wrong shape or dtype, entries that are not finite or fewer than 3 rows, or a
            number is out of range.

    References:
        Rosca et al., Distribution Matching in Variational Inference, 2018, arXiv:1802.06847, on the gap between the
        aggregate posterior and the prior.

    Example:
        >>> collapsed = prior_gap(torch.zeros(100, 1))
        >>> round(collapsed.wasserstein.item(), 4), collapsed.kolmogorov_smirnov.item()  # sqrt(2 / pi), 1 / 2
        (0.7979, 0.5)
    """
    codes = check_codes("codes", codes, None, minimum=3)
    check_at_least("max_samples", max_samples, 3)
    generator = own_generator(generator)
    ordered = codes.double().sort(dim=0).values
    smirnov = _kolmogorov_smirnov(ordered).cpu()
    some = codes[:max_samples]
    discrepancy = maximum_mean_discrepancy(
        prior_samples(len(some), codes.shape[1], generator).to(some),
        some,
        constant=constant,
        num_permutations=num_permutations,
        generator=generator,
        progress=progress,
    )
    return PriorGap(
        wasserstein=_wasserstein(ordered).cpu(),
        kolmogorov_smirnov=smirnov,
        p_value=_kolmogorov_p_value(smirnov, len(codes)),
        discrepancy=discrepancy,
        num_samples=len(codes),
    )


def _levels(ordered: Tensor) -> Tensor:
    """Return 0, 1/N, ..., 1 as a column: the values of the empirical distribution function around each sorted code."""
    return torch.linspace(0, 1, len(ordered) + 1, dtype=torch.float64, device=ordered.device)[:, None]


def _kolmogorov_smirnov(ordered: Tensor) -> Tensor:
    """Return the largest distance between the step function of each sorted column (N, D) and the normal one."""
    # The step function jumps at each code; the largest distance is just before or just after a jump.
    levels, normal = _levels(ordered), torch.special.ndtr(ordered)
    return torch.maximum(levels[1:] - normal, normal - levels[:-1]).amax(dim=0)


def _wasserstein(ordered: Tensor) -> Tensor:
    r"""Return the Wasserstein-1 distance of each sorted column (N, D) from the standard normal distribution.

    It is the integral of ``|x(u) - quantile(u)|`` over ``u`` in [0, 1], where the code ``x(u)`` is constant between
    two levels. The quantile function has the antiderivative ``-density(quantile(u))``, so each piece has a closed form;
    where the quantile function crosses ``x`` inside a piece, the piece is split at ``u = Phi(x)``.
    """
    levels = _levels(ordered)
    low, high = levels[:-1], levels[1:]
    split = torch.minimum(torch.maximum(torch.special.ndtr(ordered), low), high)
    primitive = _negative_density(levels)
    parts = ordered * (2 * split - low - high) + primitive[:-1] + primitive[1:] - 2 * _negative_density(split)
    return parts.sum(dim=0).clamp_min(0)


def _negative_density(levels: Tensor) -> Tensor:
    """Return minus the normal density at the quantiles of ``levels``; 0 at levels 0 and 1."""
    return -torch.exp(-0.5 * torch.special.ndtri(levels).square()) / math.sqrt(2 * math.pi)


def _kolmogorov_p_value(distances: Tensor, num_samples: int) -> Tensor:
    from scipy.stats import kstwo

    return torch.as_tensor(kstwo.sf(distances.numpy(), num_samples), dtype=torch.float64)
