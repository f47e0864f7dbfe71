"""The kernel by which assays and losses compare samples of codes."""

from collections.abc import Sequence

import torch
from torch import Tensor


def inverse_multiquadratic(first: Tensor, second: Tensor, constants: Sequence[float]) -> Tensor:
    r"""Return the sum of inverse multiquadratic kernels :math:`\sum_C C / (C + \|x - y\|^2)` of all pairs of rows.

    Distances come from one matrix product, which loses digits where rows lie far from the origin and close together:
    give float64, which autocast and TF32 leave alone, where small differences matter.

    Args:
        first: Rows ``x``, shape ``(N, D)``.
        second: Rows ``y``, shape ``(M, D)``.
        constants: Each ``C`` in squared units of the rows, positive.

    Returns:
        Shape ``(N, M)``, positive, at most the number of constants.
    """
    distances = torch.addmm(first.square().sum(dim=1)[:, None] + second.square().sum(dim=1), first, second.T, alpha=-2)
    distances.clamp_min_(0)
    *others, last = constants
    kernels = [constant / (distances + constant) for constant in others]
    return sum(kernels, last / distances.add_(last))  # in place: with one constant, in assays, matrices are large
