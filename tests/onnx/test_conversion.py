"""Modules as ONNX: any batch size, no superfluous weights, and errors that name the part of a model."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from typing_extensions import override

from lr_lightning.onnx.comparison import inference_session
from lr_lightning.onnx.conversion import to_onnx
from lr_lightning.onnx.exportable import Exportable
from tests.extras import needs

pytestmark = needs("onnx", "onnxruntime", "onnxscript")


class Pair(nn.Module):
    """Doubles its input, and passes it through a module."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.autoencoder = nn.Sequential(nn.Identity(), inner)
        self.unused = nn.Linear(100, 100)

    @override
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return 2 * x, self.autoencoder(x)


def pair(inner: nn.Module) -> Exportable:
    return Exportable(Pair(inner).eval(), "x", ("double", "inner"), "test model", "do without it")


def test_a_model_takes_batches_of_any_size() -> None:
    linear = nn.Linear(3, 2)
    exported = to_onnx(pair(linear), torch.zeros(2, 3), any_batch_size=True)
    session = inference_session(exported)
    assert [each.shape for each in session.get_inputs()] == [["batch", 3]]
    assert {each.name: each.shape for each in session.get_outputs()} == {"double": ["batch", 3], "inner": ["batch", 2]}
    for size in (1, 2, 7):
        x = torch.randn(size, 3, generator=torch.Generator().manual_seed(size))
        double, inner = map(torch.from_numpy, session.run(None, {"x": x.numpy()}))
        assert torch.equal(double, 2 * x)
        torch.testing.assert_close(inner, linear(x).detach())
    assert len(exported) < 10_000  # without the 40,000 bytes of weights that are not used


def test_a_fixed_batch_size_is_that_of_the_example() -> None:
    session = inference_session(to_onnx(pair(nn.Identity()), torch.zeros(1, 3)))
    assert [each.shape for each in session.get_inputs()] == [[1, 3]]


class Airy(nn.Module):
    """Has no ONNX form."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        return torch.special.airy_ai(x)  # type: ignore[no-any-return]


class Gate(nn.Module):
    """Depends on values."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Repeated(nn.Module):
    """Uses the batch size as a number."""

    @override
    def forward(self, x: Tensor) -> Tensor:
        return torch.ones(3).expand(len(x), -1) * x


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (Airy(), r"operator aten\.special_airy_ai, which 1 \(Airy\) uses"),
        (nn.Sequential(Airy()), r"operator aten\.special_airy_ai, which 1\.0 \(Airy\) uses"),
        (Gate(), r": Could not .*\(in 1 \(Gate\)\)"),
        (Repeated(), "batch size"),
    ],
)
def test_errors_name_the_part_of_the_model(inner: nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^the test model cannot .*{message}.*; do without it$") as raised:
        to_onnx(pair(inner), torch.zeros(2, 3), any_batch_size=True)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_weights_of_other_precision_are_refused(dtype: Any) -> None:
    with pytest.raises(ValueError, match=f"float32.*test model.*{dtype}.*do without"):
        to_onnx(pair(nn.Linear(3, 3).to(dtype)), torch.zeros(2, 3))
