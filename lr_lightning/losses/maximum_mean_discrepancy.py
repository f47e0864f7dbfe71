"""Maximum mean discrepancy between a batch of codes and the prior."""

import torch
from torch import Tensor

from lr_lightning.common.kernels import inverse_multiquadratic

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Multiples of ``2 D`` that serve as kernel constants, from narrow to wide kernels."""


def squared_discrepancy(first: Tensor, second: Tensor) -> Tensor:
    r"""Estimate the squared maximum mean discrepancy between two distributions from a sample of each.

    .. math:: \widehat{\mathrm{MMD}}^2 = \frac{1}{B(B-1)} \sum_{i \ne j} \bigl(k(x_i, x_j) + k(y_i, y_j)\bigr)
        - \frac{2}{B^2} \sum_{i, j} k(x_i, y_j), \qquad k(x, y) = \sum_s \frac{2 D s}{2 D s + \|x - y\|^2}

    with the scales :math:`s` of :data:`SCALES`; :math:`2 D` is the mean squared distance of two draws from a standard
    normal prior. Unbiased for independent samples, hence negative at times. Computed in float64, since it is a small
    difference of large sums, which neither mixed precision nor TF32 may round.

    Args:
        first: Samples ``x``, shape ``(B, D)`` with ``B >= 2``.
        second: As many samples ``y`` of the other distribution.

    Returns:
        Scalar without unit, at most 14, in the dtype of ``first``.

    Raises:
        ValueError: If the shapes differ or there are fewer than 2 samples of each.

    References:
        Gretton et al., A Kernel Two-Sample Test, JMLR 2012; the sum of kernels from the code of Tolstikhin et al.,
        Wasserstein Auto-Encoders, ICLR 2018, arXiv:1711.01558.
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
    # Not trace(), whose gradient waits for the device
    own = within_first.diagonal().sum() + within_second.diagonal().sum()
    within = within_first.sum() + within_second.sum() - own
    discrepancy = within / (count * (count - 1)) - 2 * kernel[:count, count:].mean()
    return discrepancy.to(first.dtype)


def discrepancy_from_prior(codes: Tensor, generator: torch.Generator) -> Tensor:
    """Estimate the squared discrepancy of ``codes`` from a standard normal prior, by as many draws from it.

    Args:
        codes: Codes, or one sample of each posterior, shape ``(B, D)``.
        generator: Source of the draws, on the device of ``codes``.

    Returns:
        What :func:`squared_discrepancy` says; 0 for a single code, as in a last batch, which has no pairs.
    """
    prior = torch.randn(codes.shape, generator=generator, device=codes.device, dtype=codes.dtype)
    return squared_discrepancy(codes, prior) if len(codes) > 1 else codes.new_zeros(())
