"""The last layer of convolutional decoders, which is evaluated in a faster form on a CPU."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

_FEW_CHANNELS = 8
"""Number of output channels from which the transposed convolution is about as fast."""


class LastDoubling(nn.ConvTranspose2d):
    """A transposed convolution that doubles height and width, for few output channels.

    Transposed convolutions with one or three output channels use a small part of a processor. Without gradients, on a
    CPU, the same sums are computed as a convolution: each output pixel sums over 2 x 2 pixels of the input, with a
    kernel that depends only on whether its row and column are even. So the four kernels give four times the channels,
    which are then interleaved. With gradients, the transposed convolution is faster, because of its backward pass.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=4, stride=2, padding=1)

    @override
    def forward(self, features: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return ``(B, outputs, 2 H, 2 W)`` for ``features`` (B, inputs, H, W)."""
        is_plain = torch.is_grad_enabled() or features.device.type != "cpu" or self.out_channels >= _FEW_CHANNELS
        if is_plain or output_size is not None or self.bias is None:
            return super().forward(features, output_size)
        # Output row 2 q + s - 1 (s = 0, 1) sums input rows q - 1 + d (d = 0, 1) with kernel row s + 2 (1 - d); columns
        # likewise. The convolution's padding adds a row and a column at each end, which are cut off.
        kernel = self.weight.view(
            self.in_channels, self.out_channels, 2, 2, 2, 2
        )  # (inputs, outputs, 1 - d, s, 1 - e, t)
        kernel = kernel.flip(2, 4).permute(1, 3, 5, 0, 2, 4).flatten(0, 2)  # (4 outputs, inputs, 2, 2)
        doubled = F.conv2d(features, kernel, self.bias.repeat_interleave(4), padding=1)
        return F.pixel_shuffle(doubled, 2)[:, :, 1:-1, 1:-1].contiguous()
