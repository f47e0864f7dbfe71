"""Networks of several models as one, with stacked weights: each layer is one batched matrix product for all models.

A way to train many small networks on a GPU, where grouped convolutions are slow. Nothing uses it by default: outputs
equal those of the separate networks up to round-off, not to the bit, and its speed on a GPU has not been measured.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

_ELEMENTWISE = (nn.ReLU, nn.ELU, nn.LeakyReLU, nn.SiLU, nn.GELU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Identity)


class StackedNetwork(nn.Module):
    """Applies ``M`` networks of one architecture, each to its own inputs.

    The weights are copies of those of the networks, stacked along a new first axis. Gradients, optimizers that work on
    each element (such as Adam and SGD) and :meth:`state_dict_of` therefore treat members separately.

    Args:
        networks: Sequences of linear layers, convolutions, transposed convolutions, activations and changes of shape.

    Raises:
        TypeError: If a layer is of another kind, or layers of the networks differ in kind.
        ValueError: If there are no networks, layers differ in shape or arguments, or a convolution has groups, is
            dilated or does not pad with zeros.
    """

    def __init__(self, networks: Sequence[nn.Sequential]) -> None:
        super().__init__()
        if not networks:
            raise ValueError("networks must have at least one network, got none")
        lengths = {len(network) for network in networks}
        if len(lengths) > 1:
            raise ValueError(f"networks must have equally many layers, got {sorted(lengths)}")
        self.layers = nn.Sequential(*map(_stacked, zip(*networks, strict=True)))

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs ``(M, B, ...)`` of all networks for their inputs ``(M, B, ...)``."""
        outputs: Tensor = self.layers(inputs)
        return outputs

    def state_dict_of(self, member: int) -> dict[str, Tensor]:
        """Return the weights of one member, by the names that they have in its own network."""
        return {name.removeprefix("layers."): value[member].detach() for name, value in self.named_parameters()}


class _Stacked(nn.Module):
    """A layer of all members; its parameters are stacked along the first axis."""

    def __init__(self, layers: Sequence[Any]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = (
            None if layers[0].bias is None else nn.Parameter(torch.stack([each.bias.detach() for each in layers]))
        )

    def _product(self, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return ``rows`` (M, N, I) times ``weight`` (M, I, O), plus ``bias`` (M, O); shape (M, N, O)."""
        return rows @ weight if bias is None else torch.baddbmm(bias[:, None], rows, weight)


class StackedLinear(_Stacked):
    """Linear layers of several members."""

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        """Return outputs ``(M, B, O)`` for inputs ``(M, B, I)``."""
        return self._product(inputs, self.weight.mT, self.bias)


class StackedConv2d(_Stacked):
    """Convolutions of several members, as matrix products over the patches of their images."""

    def __init__(self, layers: Sequence[nn.Conv2d]) -> None:
        super().__init__(layers)
        self.kernel_size, self.stride = layers[0].kernel_size, layers[0].stride
        self.padding = _padding(layers[0])

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        """Return outputs ``(M, B, O, H', W')`` for inputs ``(M, B, C, H, W)``, channels last in memory."""
        vertical, horizontal = self.padding
        padded = F.pad(inputs.movedim(2, 4), (0, 0, horizontal, horizontal, vertical, vertical))  # (M, B, H, W, C)
        (high, wide), (down, right) = self.kernel_size, self.stride
        patches = padded.unfold(2, high, down).unfold(3, wide, right)  # (M, B, H', W', C, k, k), a view
        rows = patches.flatten(1, 3).flatten(2)  # (M, B H' W', C k k): the only copy
        outputs = self._product(rows, self.weight.flatten(2).mT, self.bias)
        return outputs.reshape(*patches.shape[:4], -1).movedim(4, 2)


class StackedConvTranspose2d(_Stacked):
    """Transposed convolutions of several members: matrix products, whose overlapping patches are added up."""

    def __init__(self, layers: Sequence[nn.ConvTranspose2d]) -> None:
        super().__init__(layers)
        self.kernel_size, self.stride = layers[0].kernel_size, layers[0].stride
        self.padding, self.output_padding = _padding(layers[0]), layers[0].output_padding

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        """Return outputs ``(M, B, O, H', W')`` for inputs ``(M, B, C, H, W)``."""
        members, batch, _, height, width = inputs.shape
        rows = inputs.movedim(2, 4).flatten(1, 3)  # (M, B H W, C)
        patches = self._product(rows, self.weight.flatten(2), None)  # (M, B H W, O k k)
        columns = patches.reshape(members * batch, height * width, -1).mT  # (M B, O k k, H W)
        size = tuple(
            (side - 1) * stride - 2 * padding + kernel + extra
            for side, stride, padding, kernel, extra in zip(
                (height, width), self.stride, self.padding, self.kernel_size, self.output_padding, strict=True
            )
        )
        images = F.fold(columns, size, self.kernel_size, padding=self.padding, stride=self.stride)
        images = images.reshape(members, batch, -1, *size)
        return images if self.bias is None else images + self.bias[:, None, :, None, None]


class _Flatten(nn.Module):
    """Flattens all axes after the members' and the batch's."""

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.flatten(2)


class _Unflatten(nn.Module):
    """Gives the axis after the batch's a shape."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    @override
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.reshape(*inputs.shape[:2], *self.shape)


def _stacked(layers: Sequence[nn.Module]) -> nn.Module:
    """Return one layer in place of those of all members at one place."""
    first = layers[0]
    if any(type(layer) is not type(first) for layer in layers):
        raise TypeError(
            f"networks must have layers of the same kinds, got {sorted({type(e).__name__ for e in layers})}"
        )
    if any(repr(layer) != repr(first) for layer in layers):  # which has all arguments
        raise ValueError(f"layers of the networks must have the same arguments, got {sorted(set(map(repr, layers)))}")
    match first:
        case nn.Linear():
            return StackedLinear(layers)
        case nn.Conv2d():
            return StackedConv2d(layers)  # type: ignore[arg-type]
        case nn.ConvTranspose2d():
            return StackedConvTranspose2d(layers)  # type: ignore[arg-type]
        case nn.Flatten(start_dim=1, end_dim=-1):
            return _Flatten()
        case nn.Unflatten(dim=1):
            return _Unflatten(first.unflattened_size)
        case nn.Sequential():
            return StackedNetwork(layers).layers  # type: ignore[arg-type]
        case _ if isinstance(first, _ELEMENTWISE):
            return first
    raise TypeError(f"{first} cannot be stacked; use linear layers, convolutions, activations, Flatten and Unflatten")


def _padding(layer: nn.Conv2d | nn.ConvTranspose2d) -> tuple[int, int]:
    """Return the padding of a convolution that can be stacked."""
    is_plain = layer.groups == 1 and set(layer.dilation) == {1} and layer.padding_mode == "zeros"
    if not is_plain or isinstance(layer.padding, str):
        raise ValueError(f"{layer} cannot be stacked: it has groups, is dilated, or does not pad a number of zeros")
    vertical, horizontal = layer.padding
    return vertical, horizontal
