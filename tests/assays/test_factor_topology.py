"""Codes on lines, circles and simplices."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lr_lightning.assays.factor_topology import factor_topology, topology_templates


def line(count: int) -> Tensor:
    return torch.arange(count, dtype=torch.float64)[:, None] * torch.tensor([[0.3, -2.0, 0.0]])


def circle(count: int) -> Tensor:
    angles = torch.arange(count, dtype=torch.float64) * (2 * math.pi / count)
    return torch.stack([angles.cos(), angles.sin(), torch.zeros(count, dtype=torch.float64)], dim=1)


def simplex(count: int) -> Tensor:
    return torch.eye(count, dtype=torch.float64)


def stairs(count: int) -> Tensor:
    """Every step at right angles to all others: squared distances |i - j|."""
    return torch.ones(count, count, dtype=torch.float64).tril()


@pytest.mark.parametrize(("shape", "name"), [(simplex, "categorical"), (line, "sequential"), (circle, "periodic")])
@pytest.mark.parametrize("count", [4, 7, 10])
def test_ideal_codes_fit_their_template_exactly(shape: Callable[[int], Tensor], name: str, count: int) -> None:
    codes = torch.stack([shape(count), 3 * shape(count) + 1])
    result = factor_topology([codes])
    assert result.best == (name,)
    assert result.fit.max().item() == pytest.approx(1, abs=1e-12)
    assert result.standard_error.max().item() < 1e-10
    others = result.fit.sort().values[0, :2]
    assert result.margin.item() == pytest.approx(1 - others[1].item(), abs=1e-12)
    assert result.margin.item() > 0.09
    assert result.num_values == (count,)


def test_fit_of_a_line_to_the_other_templates() -> None:
    count = 6
    gaps = [abs(i - j) for i in range(count) for j in range(count) if i != j]
    circles = [math.sin(math.pi * gap / count) ** 2 for gap in gaps]
    total = sum(gap**4 for gap in gaps)
    result = factor_topology([line(count)[None]])
    categorical = sum(gap**2 for gap in gaps) ** 2 / (total * len(gaps))
    periodic = sum(g**2 * c for g, c in zip(gaps, circles, strict=True)) ** 2 / (total * sum(c**2 for c in circles))
    assert result.fit[0].tolist() == pytest.approx([categorical, 1, periodic], abs=1e-12)
    assert result.margin_error.isnan().all()  # a single traversal has no error


def test_linear_templates_are_those_of_stairs() -> None:
    assert factor_topology([stairs(8)[None]], templates="linear").fit[0, 1].item() == pytest.approx(1, abs=1e-12)
    straight = factor_topology([line(8)[None]], templates="linear")
    # cos^2 between k^2 and k over pairs, of which 8 - k have gap k
    gaps = [(k, 8 - k) for k in range(1, 8)]
    expected = sum(m * k**3 for k, m in gaps) ** 2 / (sum(m * k**4 for k, m in gaps) * sum(m * k**2 for k, m in gaps))
    assert straight.fit[0, 1].item() == pytest.approx(expected, abs=1e-12)
    assert straight.fit[0, 1].item() == pytest.approx(0.9025, abs=1e-4)


def test_templates() -> None:
    assert topology_templates(3)[1].tolist() == [[0, 0.25, 1], [0.25, 0, 0.25], [1, 0.25, 0]]
    assert topology_templates(3, "linear")[1].tolist() == [[0, 0.5, 1], [0.5, 0, 0.5], [1, 0.5, 0]]
    torch.testing.assert_close(topology_templates(4)[2, 0], torch.tensor([0, 0.5, 1, 0.5]).double())
    for count in (2, 5, 8):
        codes = circle(count)
        chords = (codes[:, None] - codes).square().sum(dim=-1)
        torch.testing.assert_close(topology_templates(count)[2], chords / chords.max())


def test_distances_and_extent_are_averages_over_traversals() -> None:
    codes = torch.stack([line(3), 2 * line(3)])
    result = factor_topology([codes])
    step = 0.3**2 + 2**2
    torch.testing.assert_close(result.distances[0], topology_templates(3)[1])
    # gaps 1, 1, 2: squares 1, 1, 4; times 1 and 4 for the two traversals
    assert result.extent.item() == pytest.approx((step * (1 + 1 + 4) / 3 * (1 + 4) / 2) ** 0.5)


def test_standard_errors_are_the_spread_over_repetitions() -> None:
    generator = torch.Generator().manual_seed(0)
    runs = []
    for _ in range(60):
        noise = torch.randn(20, 5, 3, generator=generator, dtype=torch.float64)
        runs.append(factor_topology([circle(8)[:5] + 0.15 * noise]))  # half a circle: no fit is 1
    for value, error in (("fit", "standard_error"), ("margin", "margin_error")):
        spread = torch.stack([getattr(run, value) for run in runs]).std(dim=0)
        expected = torch.stack([getattr(run, error) for run in runs]).square().mean(dim=0).sqrt()
        torch.testing.assert_close(expected, spread, rtol=0.36, atol=0)  # known to 9 %; four of these


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_invariances(seed: int, factor: float, shift: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(3, 6, 4, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=generator, dtype=torch.float64)).Q
    before, after = factor_topology([codes]), factor_topology([factor * codes @ rotation + shift])
    torch.testing.assert_close(after.fit, before.fit, rtol=0, atol=1e-9)
    assert (before.fit >= 0).all()
    assert (before.fit <= 1).all()


def test_order_matters_to_sequences_only() -> None:
    order = torch.tensor([3, 0, 4, 1, 5, 2])
    assert factor_topology([simplex(6)[order][None]]).fit[0, 0].item() == pytest.approx(1, abs=1e-12)
    assert factor_topology([line(6)[order][None]]).fit[0, 1].item() < 0.8


def test_noise_favors_categories() -> None:
    noise = torch.randn(4000, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = factor_topology([line(5) + 2 * noise]).fit[0, 0].item()
    # squared steps of the line are 4.09; two codes' noise of variance 4 in three latents adds 2 * 3 * 4
    gaps = [abs(i - j) for i in range(5) for j in range(5) if i != j]
    distances = [4.09 * gap**2 + 24 for gap in gaps]
    expected = sum(distances) ** 2 / (len(gaps) * sum(distance**2 for distance in distances))
    assert found == pytest.approx(expected, abs=0.01)  # 4000 traversals: 5 of .027 sqrt(20 / 4000)
    assert factor_topology([line(5)[None]]).fit[0, 0].item() < expected - 0.2


def test_scale_decides_which_latents_count() -> None:
    codes = torch.cat([10 * line(8)[:, :2], circle(8)[:, :2]], dim=1)[None]
    assert factor_topology([codes]).best == ("sequential",)
    assert factor_topology([codes], scale=torch.tensor([1e3, 1e3, 1.0, 1.0])).best == ("periodic",)


def test_factors_without_a_shape() -> None:
    codes = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    result = factor_topology([codes[:, :1], codes[:, :2], simplex(3)[None]])
    assert result.fit[:2].isnan().all()
    assert result.best == (None, None, None)  # the corners of a triangle are a circle as well
    assert result.margin[2].item() == 0
    with pytest.warns(UserWarning, match=r"factors \[1\]") as caught:
        flat = factor_topology([codes, codes[:, :1].expand(-1, 4, -1)])
    assert len(caught) == 1
    assert flat.fit[1].isnan().all()
    assert flat.extent[1] == 0


def test_factors_have_the_names_that_they_are_given() -> None:
    result = factor_topology([line(5)[None], circle(5)[None]], factor_names=["size", "hue"])
    assert result.factor_names == ("size", "hue")
    assert list(result.to_pandas().index) == ["size", "hue"]


def test_leaves_codes_alone(codes: Tensor) -> None:
    traversals = codes[:36].view(3, 12, 3)
    before = traversals.clone()
    factor_topology([traversals], scale=torch.ones(3))
    assert torch.equal(traversals, before)


@pytest.mark.parametrize(
    ("traversals", "options", "message"),
    [
        ([], {}, "traversals .*got none"),
        ([torch.zeros(3, 2)], {}, r"factor 0 .*got \(3, 2\)"),
        ([torch.zeros(1, 3, 2), torch.zeros(1, 3, 1)], {}, "factor 1 .*shape"),
        ([torch.full((1, 3, 2), torch.nan)], {}, "factor 0 .*finite"),
        ([torch.zeros(1, 3, 2)], {"scale": torch.zeros(2)}, "scale"),
        ([torch.zeros(1, 3, 2)], {"templates": "round"}, "templates .*got 'round'"),
        ([torch.zeros(1, 3, 2)], {"factor_names": ["shape", "hue"]}, "factor_names .*1 .*'hue'"),
    ],
)
def test_rejects(traversals: list[Tensor], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        factor_topology(traversals, **options)
    with pytest.raises(ValueError, match=r"num_values .*got 1"):
        topology_templates(1)
