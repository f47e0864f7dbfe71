"""Jacobians of a batch of codes by ordinary back-propagation, inside validation too."""

from collections.abc import Callable

import torch
from torch import Tensor

from lr_lightning.common.gradients import gradients


def jacobian_by_rows(function: Callable[[Tensor], Tensor], codes: Tensor) -> Tensor:
    """Return the Jacobian of each sample by one backward pass for each output; for few outputs.

    The outputs of all samples are differentiated at once, which gives each sample its own Jacobian because samples do
    not influence each other in evaluation mode. It asks nothing of the modules but back-propagation; ``torch.func``
    with ``vmap`` refuses control flow that depends on data, and took three to four times as long on a convolutional
    network on a CPU.

    Args:
        function: Maps ``(B, D)`` to ``(B, K)``, row by row.
        codes: Shape ``(B, D)``.

    Returns:
        Shape ``(B, K, D)``, detached. Zeros for a constant function.

    Raises:
        ValueError: If gradients do not pass through ``function``.
    """
    with gradients():
        inputs = codes.detach().clone().requires_grad_()  # a copy: tensors of inference mode take no part in gradients
        outputs = function(inputs)
        if not _reached(inputs, outputs):
            _refuse_if_cut(function, inputs, outputs)
            return inputs.new_zeros(len(codes), outputs.shape[1], codes.shape[1])
        return torch.stack([_derivative(output.sum(), inputs) for output in outputs.unbind(dim=1)], dim=1)


def jacobian_by_columns(function: Callable[[Tensor], Tensor], codes: Tensor) -> Tensor:
    """Return the Jacobian of each sample by one pass for each input; for few inputs and many outputs.

    The backward pass maps weights ``w`` of the outputs linearly to the gradient of the inputs; differentiating entry
    ``j`` of that by ``w`` gives column ``j``. Forward-mode differentiation took twice as long there; this needs
    nothing but back-propagation, twice.

    Args:
        function: Maps ``(B, D)`` to ``(B, P)``, row by row.
        codes: Shape ``(B, D)``.

    Returns:
        Shape ``(B, P, D)``, detached. Zeros for a constant function.

    Raises:
        ValueError: If gradients do not pass through ``function``.
    """
    with gradients():
        inputs = codes.detach().clone().requires_grad_()
        outputs = function(inputs)
        if not _reached(inputs, outputs):
            _refuse_if_cut(function, inputs, outputs)
            return inputs.new_zeros(*outputs.shape, codes.shape[1])
        weights = torch.zeros_like(outputs, requires_grad=True)
        (pulled,) = torch.autograd.grad(outputs, inputs, weights, create_graph=True, materialize_grads=True)
        return torch.stack([_derivative(entry.sum(), weights) for entry in pulled.unbind(dim=1)], dim=2)


def directional_rates(function: Callable[[Tensor], Tensor], codes: Tensor, directions: Tensor) -> Tensor:
    """Return how fast the outputs of each sample move along a direction as the inputs do: ``v^T J v``.

    Args:
        function: Maps ``(B, D)`` to ``(B, D)``, row by row.
        codes: Shape ``(B, D)``.
        directions: ``v``, shape ``(B, P, D)``: ``P`` of them for each sample, a backward pass each.

    Returns:
        Shape ``(B, P)``, detached. Zeros for a constant function.

    Raises:
        ValueError: If gradients do not pass through ``function``.
    """
    with gradients():
        inputs = codes.detach().clone().requires_grad_()
        outputs = function(inputs)
        if not _reached(inputs, outputs):
            _refuse_if_cut(function, inputs, outputs)
            return inputs.new_zeros(directions.shape[:2])
        along = [v.clone() for v in directions.unbind(dim=1)]
        return torch.stack([(v * _derivative((outputs * v).sum(), inputs)).sum(dim=1) for v in along], dim=1)


def _derivative(scalar: Tensor, inputs: Tensor) -> Tensor:
    """Return the gradient of ``scalar``, keeping the graph; zeros if it does not depend on ``inputs``."""
    if not scalar.requires_grad:  # a layer that is constant in pieces pulls every weight back to a bare 0
        return torch.zeros_like(inputs)
    (gradient,) = torch.autograd.grad(scalar, inputs, retain_graph=True, materialize_grads=True)
    return gradient


def _reached(inputs: Tensor, outputs: Tensor) -> bool:
    """Return whether the graph of ``outputs`` leads to ``inputs``.

    That they require a gradient is not enough: behind a ``detach()`` the parameters of a model still do.
    """
    waiting, seen = [outputs.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if getattr(node, "variable", None) is inputs:
            return True
        seen.add(node)
        waiting += [following for following, _ in node.next_functions]
    return outputs is inputs


def _refuse_if_cut(function: Callable[[Tensor], Tensor], inputs: Tensor, outputs: Tensor) -> None:
    """Raise ``ValueError`` if ``outputs`` depend on ``inputs`` all the same; they do not for a constant function.

    A single sample has no other to differ from, so the function is asked again elsewhere.
    """
    shift = 1 + torch.arange(inputs.shape[1], device=inputs.device) / inputs.shape[1]
    for others in (outputs[:1].expand_as(outputs), function(inputs.detach() + shift.to(inputs))):
        if outputs.isfinite().all() and others.isfinite().all() and not torch.equal(outputs, others):
            raise ValueError(
                "the model's outputs depend on the codes but carry no gradients; remove detach() or no_grad() from its "
                "encode and decode"
            )
