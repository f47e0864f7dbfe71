"""The kernel with which assays and losses compare samples of codes."""

from collections.abc import Sequence

import torch
from torch import Tensor


def inverse_multiquadratic(first: Tensor, second: Tensor, constants: Sequence[float]) -> Tensor:
    r"""Return the sum of inverse multiquadratic kernels :math:`\sum_C C / (C + \|x - y\|^2)` of all pairs of rows.

    Distances are computed by one matrix product, which loses precision for rows that are close together but far from
    the origin. If small differences matter, pass float64, which autocast and TF32 do not affect.

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
    return sum(kernels, last / distances.add_(last))  # in place: assays use one constant and large matrices
