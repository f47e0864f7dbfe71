"""Two measures of how steep a decoder is: the norm of its weights and the norm of its Jacobian."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lr_lightning.common.gradients import gradients


def decoder_weight_norm(decoder: nn.Module) -> Tensor:
    r"""Return the squared norm of all parameters of a decoder, :math:`\|\theta\|^2`, a scalar.

    Args:
        decoder: Module whose parameters are measured.
    """
    return torch.stack([parameter.float().square().sum() for parameter in decoder.parameters()]).sum()


def decoder_gradient_norm(decode: Callable[[Tensor], Tensor], codes: Tensor, generator: torch.Generator) -> Tensor:
    r"""Estimate the squared Frobenius norm of the decoder's Jacobian, averaged over a batch of codes.

    .. math:: \|J\|_F^2 = \mathbb{E}_v \|J^\top v\|^2, \qquad J = \partial \hat x / \partial z

    with one vector :math:`v` of random signs per code. The estimate is unbiased and takes one backward pass instead of
    ``D``. It works even if gradients are disabled, as in validation, and is differentiable if they are enabled.

    Args:
        decode: Maps codes ``(B, D)`` to observations ``(B, *observation_shape)``, row by row.
        codes: Shape ``(B, D)``.
        generator: Random generator for the signs, on the device of ``codes``.

    Returns:
        Scalar in squared units of the observations per squared unit of the codes.

    References:
        Hutchinson, A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines,
        Communications in Statistics 1990.
    """
    with gradients():
        # Keep the graph if there is one; otherwise copy, because inference tensors cannot require gradients.
        inputs = codes if codes.requires_grad else codes.detach().clone().requires_grad_()
        decoded = decode(inputs)
        signs = torch.randint(2, decoded.shape, generator=generator, device=decoded.device, dtype=decoded.dtype)
        (pulled,) = torch.autograd.grad(decoded, inputs, 2 * signs - 1, create_graph=True)
    return pulled.square().sum(dim=1).mean()
