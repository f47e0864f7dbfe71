"""A transposed convolution that doubles an image, with faster algorithms on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F
from typing_extensions import override

_FEW = {"AVX512": 4, "AVX2": 2}
"""Output channels up to which a convolution and its gradients were measured to be faster, by the processor."""
_FEW_WITHOUT_GRADIENTS = 7
"""Output channels up to which the forward pass alone was measured to be faster."""


class DoublingConvolution(nn.ConvTranspose2d):
    """A transposed convolution with kernel 4, stride 2 and padding 1, which doubles height and width.

    On a CPU, PyTorch's own takes needlessly long in two cases. With few output channels, as for an image, most of a
    matrix unit is idle; where that is faster, an equal convolution with four times as many channels is computed
    instead. With more, up to half of the backward pass goes into the gradient of the bias, a sum, which is computed
    apart. Weights and checkpoints are those of a transposed convolution; results are equal up to round-off.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=4, stride=2, padding=1)

    @override
    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the image ``(B, outputs, 2 H, 2 W)`` for ``(B, inputs, H, W)``."""
        if input.device.type != "cpu" or input.ndim != 4 or output_size is not None or self.bias is None:
            return super().forward(input, output_size)
        if not torch.is_grad_enabled() and self.out_channels <= _FEW_WITHOUT_GRADIENTS:
            return _as_convolution(input, self.weight, self.bias).contiguous()
        if self.out_channels <= _FEW.get(torch.backends.cpu.get_cpu_capability(), 0):
            return _as_convolution(input, self.weight, self.bias)
        # Only training needs the gradient of the bias. Evaluation may differentiate in forward mode, or over a batch
        # at once, which a function of our own does not support.
        if not self.training or not torch.is_grad_enabled() or torch.compiler.is_compiling():
            return super().forward(input)
        operands = [input, self.weight, self.bias]
        if torch.is_autocast_enabled("cpu"):
            # what autocast does for PyTorch's own functions
            dtype = torch.get_autocast_dtype("cpu")
            operands = [operand.to(dtype) for operand in operands]
        doubled: Tensor = _SeparateBias.apply(*operands)
        return doubled


def _as_convolution(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the transposed convolution, computed as a convolution and a pixel shuffle.

    Before the crop by one pixel, pixel ``2q + p`` of a row is input ``q`` times tap ``p`` plus input ``q - 1`` times
    tap ``p + 2``. A convolution with a kernel of two therefore computes the pixels of each parity ``p`` of row and
    column as channels of their own, which the shuffle interleaves.
    """
    num_inputs, outputs = weight.shape[:2]
    # halves and parities of rows and columns; halves are reversed, because a convolution meets input q - 1 first
    taps = weight.view(num_inputs, outputs, 2, 2, 2, 2).flip(2, 4)
    kernel = taps.permute(1, 3, 5, 0, 2, 4).reshape(4 * outputs, num_inputs, 2, 2)
    pixels = F.conv2d(inputs, kernel, bias.repeat_interleave(4), padding=1)  # (B, 4 outputs, H + 1, W + 1)
    return F.pixel_shuffle(pixels, 2)[:, :, 1:-1, 1:-1]


class _SeparateBias(torch.autograd.Function):
    """The transposed convolution, whose backward pass sums the gradient of the bias by itself."""

    @staticmethod
    def forward(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.conv_transpose2d(inputs, weight, bias, stride=2, padding=1)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        [gradient] = gradients
        inputs, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        by_input, by_weight, _ = torch.ops.aten.convolution_backward(
            gradient, inputs, weight, None, [2, 2], [1, 1], [1, 1], True, [0, 0], 1, [wanted[0], wanted[1], False]
        )
        return by_input, by_weight, gradient.sum((0, 2, 3)) if wanted[2] else None
