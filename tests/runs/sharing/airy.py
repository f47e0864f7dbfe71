"""A layer that has no ONNX form."""

import torch
from torch import Tensor, nn
from typing_extensions import override


class Airy(nn.Module):
    """The Airy function."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        return torch.special.airy_ai(x)  # type: ignore[no-any-return]
