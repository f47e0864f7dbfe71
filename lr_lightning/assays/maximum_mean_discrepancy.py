"""Maximum mean discrepancy between two samples of codes, with a standard error and a null distribution."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, check_same_length, own_generator
from lr_lightning.common.checks import check_at_least, check_positive
from lr_lightning.common.kernels import inverse_multiquadratic
from lr_lightning.common.printed_result import PrintedResult

KERNEL_ENTRIES = 2**22
"""Largest number of kernel matrix entries held at once: 32 MiB in float64."""


@dataclass(frozen=True, eq=False, repr=False)
class MeanDiscrepancy(PrintedResult):
    """Squared maximum mean discrepancy, as returned by :func:`maximum_mean_discrepancy`. All tensors float64, CPU.

    Attributes:
        squared: Scalar estimate. Unless ``biased``, it can be negative if the distributions are equal.
        standard_error: Scalar, by the jackknife over samples. Conservative (up to 1.6 times too large) if the
            distributions are equal or almost equal.
        null: ``(P,)``, estimates under the null hypothesis that the distributions are equal.
        p_value: Scalar in ``[1 / (P + 1), 1]``, fraction of the null at or above ``squared``. NaN without a null.
        num_samples: Number of samples ``N`` from each distribution.
        biased: Whether the estimate includes the terms of a sample with itself.
    """

    squared: Tensor
    standard_error: Tensor
    null: Tensor
    p_value: Tensor
    num_samples: int
    biased: bool = False


def maximum_mean_discrepancy(
    first: Tensor,
    second: Tensor,
    *,
    constant: float | None = None,
    biased: bool = False,
    num_permutations: int = 200,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MeanDiscrepancy:
    r"""Estimate the squared maximum mean discrepancy (MMD) between two distributions from samples of each.

    .. math:: \widehat{\mathrm{MMD}}^2 = \frac{1}{N(N-1)} \sum_{i \ne j} h_{ij}, \qquad
        h_{ij} = k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(y_i, x_j)

    with the inverse multiquadratic kernel :math:`k(x, y) = C / (C + \|x - y\|^2)`. Because terms with ``i = j`` are
    left out, the estimate is unbiased even for paired samples such as :math:`y_i = h(x_i)`, and exactly 0 for
    :math:`y_i = x_i`. Exchanging :math:`x_i` and :math:`y_i` flips the sign of :math:`h_{ij}`. The null distribution
    therefore sums :math:`s_i s_j h_{ij}` with random signs :math:`s`, which is valid for paired samples too.

    With ``biased``, the terms ``i = j`` are included, and the estimate is the squared distance between the two kernel
    means of the samples: the sum over all ``i`` and ``j`` over :math:`N^2`, which is never negative and about
    :math:`2 (1 - \mathbb{E}\,k(x, x')) / N` if the distributions are equal and the samples independent.

    Cost: ``4 * N**2`` kernel values, ``chunk_size`` rows at a time. The test loses power as ``D`` grows, because
    distances concentrate and a difference in a single latent counts for little; :func:`prior_gap` tests single latents.

    Args:
        first: Samples, shape ``(N, D)`` with ``N >= 3``; not modified.
        second: The same number of samples from the other distribution.
        constant: ``C`` in squared latent units, positive; ``D`` if ``None``.
        biased: Whether to include the terms ``i = j``, as older code does.
        num_permutations: Size ``P`` of the null distribution; 0 for none.
        generator: Random generator for the signs, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Rows of the kernel matrix at a time; as many as fit into 32 MiB if ``None``. Results agree up to
            round-off.
        progress: Called after each chunk with the number of rows processed and ``N``.

    Returns:
        The estimate, unitless and at most 2; unless ``biased``, with expectation 0 for equal distributions.

    Raises:
        TypeError: If the samples are not tensors.
        ValueError: If the samples have the wrong shape, dtype or non-finite entries, differ in number or are fewer than
            3, or a number is out of range.

    References:
        Gretton et al., A Kernel Two-Sample Test, JMLR 2012. The kernel, and its use on latent codes: Tolstikhin et al.,
        Wasserstein Auto-Encoders, 2018, arXiv:1711.01558.
    """
    check_chunk_size(chunk_size)
    first = check_codes("first", first, None, minimum=3).double()
    second = check_codes("second", second, first.shape[1]).to(first)
    check_same_length("second", second, "first", first)
    count, dim = first.shape
    constant = float(dim) if constant is None else constant
    check_positive("constant", constant)
    check_at_least("num_permutations", num_permutations, 0)
    signs = torch.randint(2, (count, num_permutations), generator=own_generator(generator)).mul_(2).sub_(1).to(first)
    null = first.new_zeros(num_permutations)
    sums = first.new_zeros(count)  # of h over each row, without the terms i = j
    own = first.new_zeros(count)  # these terms
    for rows in torch.split(torch.arange(count, device=first.device), chunk_size or max(1, KERNEL_ENTRIES // count)):
        x, y = first[rows], second[rows]
        h = inverse_multiquadratic(x, first, [constant]) + inverse_multiquadratic(y, second, [constant])
        h -= inverse_multiquadratic(x, second, [constant]) + inverse_multiquadratic(y, first, [constant])
        own[rows] = h[torch.arange(len(rows)), rows]
        h[torch.arange(len(rows)), rows] = 0
        sums[rows] = h.sum(dim=1)
        null += (signs[rows] * (h @ signs)).sum(dim=0)  # sum over i and j of s_i h_ij s_j, for all sign vectors at once
        if progress is not None:
            progress(int(rows[-1]) + 1, count)
    if biased:
        squared = (sums + own).sum() / count**2
        without = ((sums + own).sum() - 2 * sums - own) / (count - 1) ** 2  # the estimate without each sample
        error = ((count - 1) / count * (without - without.mean()).square().sum()).sqrt()
        null = (null + own.sum()).cpu() / count**2
        return _with_p_value(squared.cpu(), error.cpu(), null, count, biased)
    squared = sums.sum() / (count * (count - 1))
    # Leaving out sample i changes the estimate by 2 / (N - 2) times its deviation (row mean of h minus estimate), which
    # gives the jackknife in closed form.
    deviation = (sums / (count - 1) - squared).square().sum()
    error = (4 * (count - 1) / (count * (count - 2) ** 2) * deviation).sqrt()
    return _with_p_value(squared.cpu(), error.cpu(), null.cpu() / (count * (count - 1)), count, biased)


def _with_p_value(squared: Tensor, error: Tensor, null: Tensor, count: int, biased: bool) -> MeanDiscrepancy:
    p_value = ((null >= squared).sum() + 1).double() / (len(null) + 1) if len(null) else squared * torch.nan
    return MeanDiscrepancy(squared, error, null, p_value, count, biased)
