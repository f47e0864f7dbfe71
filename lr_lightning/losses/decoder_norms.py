"""Two measures of how steep a decoder is: the size of its weights and of its Jacobian."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lr_lightning.common.gradients import gradients


def decoder_weight_norm(decoder: nn.Module) -> Tensor:
    r"""Return the squared norm of all weights and biases of a decoder, :math:`\|\theta\|^2`, a scalar.

    Args:
        decoder: Module with parameters.
    """
    return torch.stack([parameter.float().square().sum() for parameter in decoder.parameters()]).sum()


def decoder_gradient_norm(decode: Callable[[Tensor], Tensor], codes: Tensor, generator: torch.Generator) -> Tensor:
    r"""Estimate the squared norm of the Jacobian of decoded observations by their codes, averaged over the batch.

    .. math:: \|J\|_F^2 = \mathbb{E}_v \|J^\top v\|^2, \qquad J = \partial \hat x / \partial z

    with one vector :math:`v` of random signs per code: unbiased, for the price of one backward pass instead of ``D``.
    Also computed without gradients around it, as in validation; gradients pass through it where they are on.

    Args:
        decode: Maps codes ``(B, D)`` to observations ``(B, *observation_shape)``, row by row.
        codes: Shape ``(B, D)``.
        generator: Source of the signs, on the device of ``codes``.

    Returns:
        Scalar in squared units of the observations per squared unit of the codes.

    References:
        Hutchinson, A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines,
        Communications in Statistics 1990.
    """
    with gradients():
        # A copy where there is no graph: tensors of inference mode take no part in gradients.
        inputs = codes if codes.requires_grad else codes.detach().clone().requires_grad_()
        decoded = decode(inputs)
        signs = torch.randint(2, decoded.shape, generator=generator, device=decoded.device, dtype=decoded.dtype)
        (pulled,) = torch.autograd.grad(decoded, inputs, 2 * signs - 1, create_graph=True)
    return pulled.square().sum(dim=1).mean()
