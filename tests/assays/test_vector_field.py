"""Divergence and curvature of fields with known derivatives."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lr_lightning.assays.vector_field import divergence, mean_curvature


def grid(num_steps: int, radius: float = 2.0) -> tuple[Tensor, float]:
    """Return nodes (n, n, 2) of a window around 0, and their spacing."""
    values = torch.linspace(-radius, radius, num_steps, dtype=torch.float64)
    nodes = torch.stack(torch.meshgrid(values, values, indexing="ij"), dim=-1)
    return nodes, 2 * radius / (num_steps - 1)


def test_divergence_of_quadratic_fields() -> None:
    nodes, spacing = grid(7)
    first, second = nodes.unbind(dim=-1)
    field = torch.stack([3 * first + first**2 + second, second**2 - 5 * first], dim=-1)
    torch.testing.assert_close(divergence(field, spacing), 3 + 2 * first + 2 * second)


def test_rows_are_the_first_coordinate() -> None:
    nodes, spacing = grid(5)
    first, second = nodes.unbind(dim=-1)
    across = torch.stack([second, first], dim=-1)  # each component changes along the other axis only
    torch.testing.assert_close(divergence(across, spacing), torch.zeros(5, 5).double())


def test_divergence_at_a_jump() -> None:
    nodes, spacing = grid(8)
    field = torch.stack([nodes[..., 0].sign(), torch.zeros(8, 8)], dim=-1)
    rates = divergence(field, spacing)
    torch.testing.assert_close(rates[3:5], torch.full((2, 8), 1 / spacing).double())
    assert (rates[:3] == 0).all()


@pytest.mark.parametrize(("sign", "expected"), [(-1.0, 0.5), (1.0, -0.5)])
def test_curvature_of_fields_towards_and_away_from_a_point(sign: float, expected: float) -> None:
    nodes, spacing = grid(101)
    distance = nodes.norm(dim=-1)
    curvature = mean_curvature(sign * nodes, spacing)
    far = distance > 0.5
    # Central differences are off by spacing^2 / 6 times a third derivative, at most 6 / distance^3: 1.6e-3 / distance^3
    # relative to 0.5 / distance, and twice that at the border.
    torch.testing.assert_close(curvature[far], expected / distance[far], rtol=0.02, atol=0)
    assert curvature[50, 50] == pytest.approx(sign * -1 / spacing)  # all directions meet: as large as the grid allows


def test_curvature_does_not_depend_on_length() -> None:
    nodes, spacing = grid(20)
    lengths = 1 + torch.rand(20, 20, 1, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(mean_curvature(lengths * nodes, spacing), mean_curvature(nodes, spacing))


def test_curvature_at_an_attracting_circle() -> None:
    nodes, spacing = grid(81)  # (1, 0) is a node
    distance = nodes.norm(dim=-1, keepdim=True)
    field = nodes / distance.clamp_min(1e-9) - nodes
    curvature = mean_curvature(field, spacing, floor=1e-12)
    expected = (
        1 / (2 * spacing) + 0.5 / (1 + spacing**2) ** 0.5
    )  # the jump, and 1 / (2 * distance) of the lines inwards
    assert curvature[60, 40] == pytest.approx(expected)
    assert curvature[40, 20] == pytest.approx(expected)


def test_what_stands_still_has_no_curvature() -> None:
    field = torch.zeros(6, 6, 2).double()
    assert mean_curvature(field, 1.0).isnan().all()
    field[0, 0] = torch.tensor([3.0, 4.0])
    defined = ~mean_curvature(field, 1.0).isnan()
    assert defined.nonzero().tolist() == [[0, 0], [0, 1], [1, 0]]
    assert mean_curvature(field, 1.0, floor=5.0).isnan().all()


def test_non_finite_entries() -> None:
    nodes, spacing = grid(9)
    nodes[4, 4] = torch.nan
    for values in (divergence(nodes, spacing), mean_curvature(nodes, spacing)):
        undefined = values.isnan().nonzero().tolist()
        assert undefined == [[3, 4], [4, 3], [4, 5], [5, 4]] or undefined == [[3, 4], [4, 3], [4, 4], [4, 5], [5, 4]]


@given(seed=st.integers(0, 10_000), factor=st.floats(0.1, 10))
def test_laws(seed: int, factor: float) -> None:
    field, other = torch.randn(2, 6, 5, 2, generator=torch.Generator().manual_seed(seed)).double()
    for derivative in (divergence, mean_curvature):
        values = derivative(field, 0.5)
        torch.testing.assert_close(derivative(field, 0.5 * factor), values / factor)
        swapped = derivative(field.transpose(0, 1).flip(2), 0.5)
        torch.testing.assert_close(swapped, values.T)
        mirrored = derivative(field.flip(0) * torch.tensor([-1.0, 1.0]), 0.5)
        torch.testing.assert_close(mirrored, values.flip(0))
    summed = divergence(factor * field + other, 0.5)
    torch.testing.assert_close(summed, factor * divergence(field, 0.5) + divergence(other, 0.5))


@pytest.mark.parametrize("derivative", [divergence, mean_curvature])
@pytest.mark.parametrize(
    ("shape", "spacing", "message"),
    [
        ((4, 4), 1.0, r"field .*got \(4, 4\)"),
        ((4, 4, 3), 1.0, "field .*shape"),
        ((2, 4, 2), 1.0, "field .*shape"),
        ((4, 4, 2), 0.0, "spacing .*got 0.0"),
    ],
)
def test_rejects(
    derivative: Callable[[Tensor, float], Tensor], shape: tuple[int, ...], spacing: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        derivative(torch.zeros(shape), spacing)
    with pytest.raises(ValueError, match=r"floor .*got -1"):
        mean_curvature(torch.zeros(4, 4, 2), 1.0, floor=-1)
