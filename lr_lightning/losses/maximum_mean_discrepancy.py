"""Maximum mean discrepancy between a batch of codes and the prior."""

import torch
from torch import Tensor

from lr_lightning.common.kernels import inverse_multiquadratic

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Kernel constants as multiples of ``2 D``, from narrow to wide kernels."""


def squared_discrepancy(first: Tensor, second: Tensor) -> Tensor:
    r"""Estimate the squared maximum mean discrepancy between two distributions from samples of each.

    .. math:: \widehat{\mathrm{MMD}}^2 = \frac{1}{B(B-1)} \sum_{i \ne j} \bigl(k(x_i, x_j) + k(y_i, y_j)\bigr)
        - \frac{2}{B^2} \sum_{i, j} k(x_i, y_j), \qquad k(x, y) = \sum_s \frac{2 D s}{2 D s + \|x - y\|^2}

    with the scales :math:`s` of 0.1, 0.2, 0.5, 1, 2, 5 and 10; :math:`2 D` is the mean squared distance between two
    samples from a standard normal prior. The estimate is unbiased for independent samples, so it can be negative. It is
    a small difference of large sums, and computed in float64 so that mixed precision and TF32 cannot round them.

    Args:
        first: Samples ``x``, shape ``(B, D)`` with ``B >= 2``.
        second: The same number of samples ``y`` from the other distribution.

    Returns:
        Unitless scalar, at most 14, in the dtype of ``first``.

    Raises:
        ValueError: If the shapes differ or there are fewer than 2 samples of each.

    References:
        Gretton et al., A Kernel Two-Sample Test, JMLR 2012. The sum of kernels is that of the code of Tolstikhin et
        al., Wasserstein Auto-Encoders, ICLR 2018, arXiv:1711.01558.
    """
    if first.shape != second.shape or first.ndim != 2 or len(first) < 2:
        raise ValueError(
            "first and second must have the same shape (B, D) with B of at least 2, "
            f"got {tuple(first.shape)} and {tuple(second.shape)}"
        )
    count, dim = first.shape
    both = torch.cat([first, second]).double()
    kernel = inverse_multiquadratic(both, both, [2 * dim * scale for scale in SCALES])
    within_first, within_second = kernel[:count, :count], kernel[count:, count:]
    # Not trace(), whose gradient synchronizes with the device.
    own = within_first.diagonal().sum() + within_second.diagonal().sum()
    within = within_first.sum() + within_second.sum() - own
    discrepancy = within / (count * (count - 1)) - 2 * kernel[:count, count:].mean()
    return discrepancy.to(first.dtype)


def discrepancy_from_prior(codes: Tensor, generator: torch.Generator) -> Tensor:
    """Estimate the squared discrepancy between ``codes`` and the same number of samples from a standard normal prior.

    Args:
        codes: Codes, or one sample of each posterior, shape ``(B, D)``.
        generator: Random generator for the prior samples, on the device of ``codes``.

    Returns:
        The estimate of :func:`squared_discrepancy`; 0 for a single code (such as a last batch), which has no pairs.
    """
    prior = torch.randn(codes.shape, generator=generator, device=codes.device, dtype=codes.dtype)
    return squared_discrepancy(codes, prior) if len(codes) > 1 else codes.new_zeros(())
