"""Quantization of codes compared with brute force, and its gradients."""

import hypothesis.strategies as st
import torch
from hypothesis import given
from torch import Tensor

from lr_lightning.losses import nearest_values, squared_gap, straight_through


def example(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Codes (20, 3) and a codebook (3, 5), different and unsorted for each latent."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(20, 3, generator=generator), torch.randn(3, 5, generator=generator)


@given(st.integers(0, 1000))
def test_takes_the_nearest_value_of_each_latent(seed: int) -> None:
    codes, codebook = example(seed)
    expected = [
        [min(codebook[d].tolist(), key=lambda value: abs(value - code)) for d, code in enumerate(row)]
        for row in codes.tolist()
    ]
    assert nearest_values(codes, codebook).tolist() == expected


def test_values_stay_as_they_are_and_ties_go_to_the_first() -> None:
    codebook = torch.tensor([[1.0, -1.0], [0.25, 0.75]])
    assert nearest_values(torch.tensor([[0.0, 0.5]]), codebook).tolist() == [[1.0, 0.25]]
    assert nearest_values(codebook.T, codebook).equal(codebook.T)
    assert nearest_values(torch.tensor([[-1e4, 1e4]]), codebook).tolist() == [[-1.0, 0.75]]


def test_straight_through_is_exact() -> None:
    codes, codebook = example()
    codes, codebook = (100 * codes).requires_grad_(), codebook.requires_grad_()
    values = nearest_values(codes, codebook)
    passed = straight_through(codes, values)
    assert torch.equal(passed, values)
    assert not torch.equal(codes + (values - codes), values)  # the order of terms that is usual
    weights = torch.randn(20, 3, generator=torch.Generator().manual_seed(2))
    (passed * weights).sum().backward()  # type: ignore[no-untyped-call]
    assert codes.grad is not None
    assert torch.equal(codes.grad, weights)
    assert codebook.grad is None


def test_only_chosen_values_have_gradients() -> None:
    codes = torch.tensor([[0.2], [0.4], [0.9]], requires_grad=True)
    codebook = torch.tensor([[0.0, 1.0, 5.0]], requires_grad=True)
    gap = squared_gap(codes.detach(), nearest_values(codes, codebook))
    gap.backward()  # type: ignore[no-untyped-call]
    assert abs(gap.item() - (0.04 + 0.16 + 0.01) / 3) < 1e-7
    assert codebook.grad is not None
    torch.testing.assert_close(codebook.grad, torch.tensor([[-2 * 0.6 / 3, 2 * 0.1 / 3, 0.0]]))
    assert codes.grad is None


def test_gap_sums_over_latents_and_averages_over_the_batch() -> None:
    assert squared_gap(torch.tensor([[1.0, 2.0], [0.0, 0.0]]), torch.zeros(2, 2)).item() == 2.5
