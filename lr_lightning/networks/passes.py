"""Evaluates encoders and decoders in passes that fit into a processor's cache."""

from math import prod

import torch
from torch import Tensor, nn

from lr_lightning.common.passes import pass_size


def evaluate_in_passes(module: nn.Module, inputs: Tensor, observation_shape: tuple[int, ...]) -> Tensor:
    """Return ``module(inputs)``, computed in passes where that is faster: for images, on a CPU, in evaluation.

    In training mode and with gradients, there is one pass, because layers such as batch norm use statistics of the
    batch. In evaluation, rows must not depend on each other, as for assays. While a model is exported, there is one
    pass, too: the exported graph is for batches of any size.

    Args:
        module: An encoder or decoder.
        inputs: Observations ``(B, *observation_shape)`` or codes ``(B, D)``.
        observation_shape: Shape of one observation.
    """
    is_whole = (
        module.training
        or torch.is_grad_enabled()
        or torch.compiler.is_compiling()  # before len(inputs), which would fix the batch size of the graph
        or inputs.device.type != "cpu"
        or len(observation_shape) != 3
    )
    size = pass_size("cpu", prod(observation_shape))
    if is_whole or len(inputs) <= size:
        outputs: Tensor = module(inputs)
        return outputs
    return torch.cat([module(part) for part in torch.split(inputs, size)])
