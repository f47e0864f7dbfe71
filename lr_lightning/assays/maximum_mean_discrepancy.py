"""How far two samples of codes are from one distribution, with a standard error and a null distribution."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, own_generator
from lr_lightning.common.kernels import inverse_multiquadratic

KERNEL_ENTRIES = 2**22
"""Entries of a kernel matrix held at once: 32 MiB in float64."""


@dataclass(frozen=True, eq=False)
class MeanDiscrepancy:
    """Squared maximum mean discrepancy; made by :func:`maximum_mean_discrepancy`. All tensors on the CPU, float64.

    Attributes:
        squared: Scalar, unbiased, hence negative at times where the distributions are equal.
        standard_error: Scalar, by the jackknife over samples. Conservative where the distributions are equal or
            almost: there up to 1.6 times too large.
        null: ``(P,)``, values that arise if the distributions are equal.
        p_value: Scalar in ``[1 / (P + 1), 1]``, share of the null that reaches ``squared``. NaN without a null.
        num_samples: Number of samples ``N`` of each.
    """

    squared: Tensor
    standard_error: Tensor
    null: Tensor
    p_value: Tensor
    num_samples: int


def maximum_mean_discrepancy(
    first: Tensor,
    second: Tensor,
    *,
    constant: float | None = None,
    num_permutations: int = 200,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MeanDiscrepancy:
    r"""Estimate the squared maximum mean discrepancy between two distributions from a sample of each.

    .. math:: \widehat{\mathrm{MMD}}^2 = \frac{1}{N(N-1)} \sum_{i \ne j} h_{ij}, \qquad
        h_{ij} = k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(y_i, x_j)

    with the inverse multiquadratic kernel :math:`k(x, y) = C / (C + \|x - y\|^2)`. Without the terms ``i = j`` it is
    unbiased also for paired samples, such as :math:`y_i = h(x_i)`, and exactly 0 for :math:`y_i = x_i`. Exchanging
    :math:`x_i` and :math:`y_i` turns the sign of :math:`h_{ij}`: the null takes the sum with random signs
    :math:`s_i s_j h_{ij}`, which is valid for paired samples as well.

    Costs ``4 * N**2`` kernel values, ``chunk_size`` rows at a time. Large ``D`` blunts the kernel: distances
    concentrate, and differences in single latents weigh little; see :func:`prior_gap` for those.

    Args:
        first: Samples, shape ``(N, D)`` with ``N >= 3``; not written to.
        second: As many samples of the other distribution.
        constant: ``C`` in squared latent units, positive; ``D`` if ``None``.
        num_permutations: Size ``P`` of the null distribution; 0 for none.
        generator: Source of the random signs, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Rows of the kernel matrix at a time; as many as take 32 MiB if ``None``. The result does not depend
            on it but for rounding.
        progress: Called after each chunk with the rows that are done and ``N``.

    Returns:
        The estimate, without unit, at most 2; 0 for equal distributions.

    Raises:
        TypeError: If the samples are no tensors.
        ValueError: If the samples have the wrong shape, dtype or entries that are not finite, are not equally many or
            fewer than 3, or a number is out of range.

    References:
        Gretton et al., A Kernel Two-Sample Test, JMLR 2012; the kernel and its use on latent codes from Tolstikhin et
        al., Wasserstein Auto-Encoders, 2018, arXiv:1711.01558.
    """
    check_chunk_size(chunk_size)
    first = check_codes("first", first, None, minimum=3).double()
    second = check_codes("second", second, first.shape[1]).to(first)
    count, dim = first.shape
    if len(second) != count:
        raise ValueError(f"the two samples must be equally many, got {count} and {len(second)}")
    constant = float(dim) if constant is None else constant
    if not 0 < constant < torch.inf or num_permutations < 0:
        raise ValueError(
            "constant must be positive and finite and num_permutations not negative, "
            f"got {constant} and {num_permutations}"
        )
    signs = torch.randint(2, (count, num_permutations), generator=own_generator(generator)).mul_(2).sub_(1).to(first)
    null = first.new_zeros(num_permutations)
    sums = first.new_zeros(count)  # of h over each row
    for rows in torch.split(torch.arange(count, device=first.device), chunk_size or max(1, KERNEL_ENTRIES // count)):
        x, y = first[rows], second[rows]
        h = inverse_multiquadratic(x, first, [constant]) + inverse_multiquadratic(y, second, [constant])
        h -= inverse_multiquadratic(x, second, [constant]) + inverse_multiquadratic(y, first, [constant])
        h[torch.arange(len(rows)), rows] = 0
        sums[rows] = h.sum(dim=1)
        null += (signs[rows] * (h @ signs)).sum(dim=0)
        if progress is not None:
            progress(int(rows[-1]) + 1, count)
    squared = sums.sum() / (count * (count - 1))
    deviation = (sums / (count - 1) - squared).square().sum()  # leaving out i moves the estimate by 2 / (N - 2) of this
    error = (4 * (count - 1) / (count * (count - 2) ** 2) * deviation).sqrt()
    null = null.cpu() / (count * (count - 1))
    squared = squared.cpu()
    p_value = ((null >= squared).sum() + 1).double() / (num_permutations + 1) if len(null) else squared * torch.nan
    return MeanDiscrepancy(squared, error.cpu(), null, p_value, count)
