"""The inverse multiquadratic kernel against a double loop."""

import pytest
import torch

from lr_lightning.common.kernels import inverse_multiquadratic


@pytest.mark.parametrize("constants", [[3.0], [0.5, 3.0, 20.0]])
def test_sum_over_constants(constants: list[float]) -> None:
    x, y = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = y[:5]
    before = x.clone(), y.clone()
    found = inverse_multiquadratic(x, y, constants)
    expected = [[sum(c / (c + float(((a - b) ** 2).sum())) for c in constants) for b in y] for a in x]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)  # round-off
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])


def test_range_despite_negative_rounded_distances() -> None:
    x = 1e4 + torch.rand(50, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    kernel = inverse_multiquadratic(x, x, [1.0])
    assert kernel.max() == 1
    assert kernel.min() > 0


def test_gradients() -> None:
    x, y = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: inverse_multiquadratic(a, b, [0.5, 2.0]), (x, y))
