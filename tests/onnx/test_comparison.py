"""Exported models are compared with PyTorch, row by row."""

import math

import pytest
import torch
from torch import Tensor, nn
from typing_extensions import override

from lr_lightning.onnx import comparison
from lr_lightning.onnx.comparison import TOLERANCE, compare
from lr_lightning.onnx.conversion import to_onnx
from lr_lightning.onnx.exportable import Exportable
from tests.extras import needs

pytestmark = needs("onnx", "onnxruntime", "onnxscript")


class Quantized(nn.Module):
    """Doubles its input, and rounds it."""

    def __init__(self, shift: float = 0.0, factor: float = 2.0) -> None:
        super().__init__()
        self.shift, self.factor = shift, factor

    @override
    def forward(self, code: Tensor) -> tuple[Tensor, ...]:
        return self.factor * code, (code + self.shift).round()


def quantized(shift: float = 0.0, factor: float = 2.0) -> Exportable:
    module = Quantized(shift, factor)
    return Exportable(module, "code", ("observation", "response"), "test model", "do without it", ("response",))


@pytest.fixture(scope="module")
def exported() -> bytes:
    return to_onnx(quantized(), torch.zeros(2, 1), any_batch_size=True)


def test_the_largest_difference_is_relative_to_values_above_one(exported: bytes) -> None:
    near = quantized(factor=2 + 2e-5)
    small = compare(near, exported, [torch.tensor([[0.1]]), torch.tensor([[0.2], [-0.4]])])
    assert small["observation"] == pytest.approx(0.8e-5, rel=0.01)
    assert small["response"] == 0
    large = compare(near, exported, [torch.tensor([[0.1], [100.2]])])
    assert large["observation"] == pytest.approx(1e-5, rel=0.05)


def test_jumps_are_told_from_differences(exported: bytes) -> None:
    """Between two values of a quantized latent, round-off decides, and a response there is not compared."""
    edge = torch.tensor([[0.5 - 5e-8]])
    assert math.isnan(compare(quantized(1e-7), exported, [edge])["response"])  # on the edge for one of them
    assert compare(quantized(1e-7), exported, [torch.cat([edge, torch.ones(1, 1)])])["response"] == 0
    with pytest.raises(ValueError, match="observation of"):  # the other output is compared there, too
        compare(quantized(1e-7, factor=2.1), exported, [edge])
    for batch in (torch.tensor([[0.4]]), torch.cat([edge, torch.tensor([[0.4]])])):
        with pytest.raises(ValueError, match=f"response of the exported test model.*{TOLERANCE:g}; do without it"):
            compare(quantized(0.2), exported, [batch])


def test_other_outputs_may_not_jump(exported: bytes) -> None:
    strict = Exportable(Quantized(1e-7), "code", ("observation", "response"), "test model", "do without it")
    with pytest.raises(ValueError, match="response"):
        compare(strict, exported, [torch.tensor([[0.5 - 5e-8]])])


def test_float64_decides_where_float32_is_inexact(exported: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Inexact(Quantized):
        @override
        def forward(self, code: Tensor) -> tuple[Tensor, ...]:
            doubled, response = super().forward(code)
            return (doubled if code.dtype == torch.float64 else doubled * 1.01).float(), response.float()

    inexact = Exportable(Inexact(), "code", ("observation", "response"), "test model", "do without it")
    batch = torch.tensor([[0.3]])
    assert compare(inexact, exported, [batch])["observation"] < 1e-6
    monkeypatch.setattr(comparison, "_exact", lambda *_: None)
    with pytest.raises(ValueError, match="observation"):
        compare(inexact, exported, [batch])


def test_a_diverged_model_is_refused(exported: bytes) -> None:
    with pytest.raises(ValueError, match=r"test model.*not finite"):
        compare(quantized(factor=math.nan), exported, [torch.ones(1, 1)])
