"""Tests of :mod:`lr_lightning.networks.doubling_convolution`."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F

from lr_lightning.networks import Conv64Burgess, Conv64Locatello, doubling_convolution
from lr_lightning.networks.doubling_convolution import DoublingConvolution


def bias_of(layer: nn.ConvTranspose2d) -> Tensor:
    assert layer.bias is not None
    return layer.bias


def plain(layer: nn.ConvTranspose2d, inputs: Tensor) -> Tensor:
    return F.conv_transpose2d(inputs, layer.weight, layer.bias, stride=2, padding=1)


@pytest.fixture(autouse=True, params=["AVX512", "NEON"])
def capability(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the first, few channels use a convolution."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: request.param)


@pytest.mark.parametrize("outputs", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("size", [(4, 4), (1, 1), (3, 5)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_equals_the_transposed_convolution(
    outputs: int, size: tuple[int, int], memory_format: torch.memory_format
) -> None:
    """Values, and gradients by inputs, weights and biases, in float64."""
    torch.manual_seed(0)
    layer = DoublingConvolution(7, outputs).double().to(memory_format=memory_format)
    inputs = torch.randn(2, 7, *size, dtype=torch.float64).to(memory_format=memory_format).requires_grad_()
    wanted = plain(layer, inputs)
    direction = torch.randn_like(wanted)
    parts = [inputs, *layer.parameters()]
    expected = torch.autograd.grad(wanted, parts, direction)
    found = layer(inputs)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(layer(inputs), wanted, rtol=1e-12, atol=1e-12)
    for gradient, other in zip(torch.autograd.grad(found, parts, direction), expected, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("outputs", [3, 6])
def test_second_derivatives_are_exact(outputs: int) -> None:
    """As penalties on gradients need."""
    torch.manual_seed(0)
    layer = DoublingConvolution(2, outputs).double()
    inputs = torch.randn(2, 2, 2, 2, dtype=torch.float64, requires_grad=True)

    def function(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, (x,))  # type: ignore[no-any-return]

    parts = (inputs, layer.weight, bias_of(layer))
    assert gradcheck(function, parts)
    assert gradgradcheck(function, parts)


@pytest.mark.parametrize("outputs", [1, 8])
def test_low_precision_rounds_as_the_transposed_convolution(outputs: int) -> None:
    """bfloat16 has 8 bits: errors against float64 are within 1 % of the largest value, for both."""
    torch.manual_seed(0)
    layer = DoublingConvolution(16, outputs).to(memory_format=torch.channels_last)
    inputs = torch.randn(4, 16, 8, 8).to(memory_format=torch.channels_last).requires_grad_()
    parts = [inputs, *layer.parameters()]
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(inputs)
    assert found.dtype == torch.bfloat16
    gradients = torch.autograd.grad(found, parts, torch.ones_like(found))
    exact = F.conv_transpose2d(inputs.double(), layer.weight.double(), bias_of(layer).double(), stride=2, padding=1)
    expected = torch.autograd.grad(exact, parts, torch.ones_like(exact))
    for value, other in zip([found, *gradients], [exact, *expected], strict=True):
        assert value.dtype in (torch.bfloat16, torch.float32)
        assert (value.double() - other).abs().max() < 0.01 * other.abs().max()


@pytest.mark.parametrize(
    ("instructions", "outputs", "training", "used"),
    [
        ("AVX512", 1, True, "convolution"),
        ("AVX512", 4, False, "convolution"),
        ("AVX2", 2, True, "convolution"),
        ("AVX2", 3, True, "bias"),
        ("NEON", 1, True, "bias"),
        ("AVX512", 5, True, "bias"),
        ("AVX512", 5, False, None),
    ],
)
def test_which_algorithm_has_gradients(
    instructions: str, outputs: int, training: bool, used: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: instructions)
    called: list[str] = []

    def convolution(*operands: Tensor) -> Tensor:
        called.append("convolution")
        return operands[0]

    class Bias:
        @staticmethod
        def apply(*operands: Tensor) -> Tensor:
            called.append("bias")
            return operands[0]

    monkeypatch.setattr(doubling_convolution, "_as_convolution", convolution)
    monkeypatch.setattr(doubling_convolution, "_SeparateBias", Bias)
    DoublingConvolution(2, outputs).train(training)(torch.zeros(1, 2, 4, 4))
    assert called == ([] if used is None else [used])


@pytest.mark.parametrize(("outputs", "shuffles"), [(1, 1), (7, 1), (8, 0)])
def test_evaluation_of_few_channels_is_a_convolution(
    outputs: int, shuffles: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shuffled: list[int] = []
    shuffle = F.pixel_shuffle

    def counted(pixels: Tensor, factor: int) -> Tensor:
        shuffled.append(factor)
        return shuffle(pixels, factor)

    monkeypatch.setattr(F, "pixel_shuffle", counted)
    with torch.no_grad():
        assert DoublingConvolution(2, outputs)(torch.zeros(1, 2, 4, 4)).is_contiguous()
    assert len(shuffled) == shuffles


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # of torch.func itself
@pytest.mark.parametrize("outputs", [3, 6])
def test_evaluation_differentiates_in_forward_mode_and_over_a_batch(outputs: int) -> None:
    torch.manual_seed(0)
    layer = DoublingConvolution(2, outputs).double().eval()
    inputs, direction = torch.randn(3, 2, 2, 2, dtype=torch.float64), torch.randn(3, 2, 2, 2, dtype=torch.float64)
    change = torch.func.jvp(layer, (inputs,), (direction,))[1]
    torch.testing.assert_close(change, plain(layer, direction) - bias_of(layer).view(1, -1, 1, 1))
    torch.testing.assert_close(torch.vmap(layer)(inputs[None]), layer(inputs)[None])


@pytest.mark.parametrize("network", [Conv64Burgess, Conv64Locatello])
def test_networks_decode_as_with_transposed_convolutions(network: type[Conv64Burgess]) -> None:
    torch.manual_seed(0)
    decoder = network(4, 3).decoder
    assert isinstance(decoder, Sequence | nn.Sequential)
    codes = wanted = torch.randn(3, 4)
    doubling = 0
    for layer in decoder:
        doubling += isinstance(layer, DoublingConvolution)
        wanted = plain(layer, wanted) if isinstance(layer, DoublingConvolution) else layer(wanted)
    assert doubling == 4
    torch.testing.assert_close(decoder(codes), wanted, rtol=1e-5, atol=1e-5)
    assert not any(type(layer) is nn.ConvTranspose2d for layer in decoder)
