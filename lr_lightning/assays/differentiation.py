"""Jacobians of a batch of codes by ordinary back-propagation; also works inside validation, where gradients are off."""

from collections.abc import Callable

import torch
from torch import Tensor

from lr_lightning.common.gradients import gradients


def jacobian_by_rows(function: Callable[[Tensor], Tensor], codes: Tensor) -> Tensor:
    """Return the Jacobian of each sample with one backward pass per output; suits few outputs.

    Outputs are summed over the batch before differentiation. This gives each sample its own Jacobian, because samples
    do not influence each other in evaluation mode. Modules only need to support back-propagation;
    ``torch.func`` with ``vmap`` rejects data-dependent control flow, and took three to four times as long for a
    convolutional network on a CPU.

    Args:
        function: Maps ``(B, D)`` to ``(B, K)``, row by row.
        codes: Shape ``(B, D)``.

    Returns:
        Shape ``(B, K, D)``, detached. Zeros for a constant function.

    Raises:
        ValueError: If ``function`` blocks gradients.
    """
    with gradients():
        inputs, outputs, is_constant = _evaluate(function, codes)
        if is_constant:
            return inputs.new_zeros(len(codes), outputs.shape[1], codes.shape[1])
        return torch.stack([_derivative(output.sum(), inputs) for output in outputs.unbind(dim=1)], dim=1)


def jacobian_by_columns(function: Callable[[Tensor], Tensor], codes: Tensor) -> Tensor:
    """Return the Jacobian of each sample with one pass per input; suits few inputs and many outputs.

    This is the double-backward trick. The backward pass maps weights ``w`` of the outputs to ``J^T w``, which is linear
    in ``w``; the derivative of its entry ``j`` with respect to ``w`` is column ``j`` of ``J``. It only needs
    back-propagation, twice, and took half as long as forward-mode differentiation.

    Args:
        function: Maps ``(B, D)`` to ``(B, P)``, row by row.
        codes: Shape ``(B, D)``.

    Returns:
        Shape ``(B, P, D)``, detached. Zeros for a constant function.

    Raises:
        ValueError: If ``function`` blocks gradients.
    """
    with gradients():
        inputs, outputs, is_constant = _evaluate(function, codes)
        if is_constant:
            return inputs.new_zeros(*outputs.shape, codes.shape[1])
        weights = torch.zeros_like(outputs, requires_grad=True)  # any value will do: J^T w is linear in w
        (pulled,) = torch.autograd.grad(outputs, inputs, weights, create_graph=True, materialize_grads=True)
        return torch.stack([_derivative(entry.sum(), weights) for entry in pulled.unbind(dim=1)], dim=2)


def directional_rates(function: Callable[[Tensor], Tensor], codes: Tensor, directions: Tensor) -> Tensor:
    """Return ``v^T J v``, the derivative of each sample's outputs along ``v``, projected onto ``v``.

    Args:
        function: Maps ``(B, D)`` to ``(B, D)``, row by row.
        codes: Shape ``(B, D)``.
        directions: ``v``, shape ``(B, P, D)``: ``P`` directions for each sample, each of which takes a backward pass.

    Returns:
        Shape ``(B, P)``, detached. Zeros for a constant function.

    Raises:
        ValueError: If ``function`` blocks gradients.
    """
    with gradients():
        inputs, outputs, is_constant = _evaluate(function, codes)
        if is_constant:
            return inputs.new_zeros(directions.shape[:2])
        along = [
            v.clone() for v in directions.unbind(dim=1)
        ]  # copies, as inference tensors cannot be saved for backward
        return torch.stack([(v * _derivative((outputs * v).sum(), inputs)).sum(dim=1) for v in along], dim=1)


def _evaluate(function: Callable[[Tensor], Tensor], codes: Tensor) -> tuple[Tensor, Tensor, bool]:
    """Return a differentiable copy of ``codes``, its outputs, and whether ``function`` is constant.

    Raises:
        ValueError: If the outputs depend on the codes, but are not connected to them in the autograd graph.
    """
    inputs = codes.detach().clone().requires_grad_()  # a copy, as inference tensors cannot require gradients
    outputs = function(inputs)
    if _reached(inputs, outputs):
        return inputs, outputs, False
    _refuse_if_cut(function, inputs, outputs)
    return inputs, outputs, True


def _derivative(scalar: Tensor, inputs: Tensor) -> Tensor:
    """Return the gradient of ``scalar``, keeping the graph; zeros if it does not depend on ``inputs``."""
    if not scalar.requires_grad:  # the double backward of a piecewise constant layer (sign, round) has no graph
        return torch.zeros_like(inputs)
    (gradient,) = torch.autograd.grad(scalar, inputs, retain_graph=True, materialize_grads=True)
    return gradient


def _reached(inputs: Tensor, outputs: Tensor) -> bool:
    """Return whether ``outputs`` are connected to ``inputs`` in the autograd graph.

    ``outputs.requires_grad`` is not enough: it is still true after ``detach()`` of the inputs, because of parameters.
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
    """Raise ``ValueError`` if ``outputs`` depend on ``inputs`` even though the graph does not connect them.

    Outputs depend on inputs if they differ between samples or change when inputs are shifted; the shift is needed for a
    single sample or equal ones. Only a constant function passes.
    """
    # A different shift in each latent, so that functions of differences between latents change as well.
    shift = 1 + torch.arange(inputs.shape[1], device=inputs.device) / inputs.shape[1]
    for others in (outputs[:1].expand_as(outputs), function(inputs.detach() + shift.to(inputs))):
        if outputs.isfinite().all() and others.isfinite().all() and not torch.equal(outputs, others):
            raise ValueError(
                "the model's outputs depend on the codes but carry no gradients; remove detach() and no_grad() from "
                "its encode and decode"
            )
