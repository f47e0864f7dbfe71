"""Invariance, equivariance and self-consistency, compared with closed forms."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lr_lightning.assays import intervene, response
from lr_lightning.assays.consistency import consistency
from tests.assays.models import ConvVAE, responding_by

GRID = torch.tensor([[-1.0, -2.0], [1.0, -2.0], [-1.0, 2.0], [1.0, 2.0]])
"""Every pair of -1, 1 and -2, 2: E|n_0| = std_0 = 1, E|n_1| = std_1 = 2, every code of length sqrt 5."""


def linear(*rows: list[float]) -> Any:
    matrix = torch.tensor(rows)
    return responding_by(lambda z: z @ matrix.to(z).T, len(rows))


def normal(count: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def test_identity() -> None:
    result = consistency(responding_by(lambda z: z, 3), normal(50, 3))
    torch.testing.assert_close(result.invariance, 1 - torch.eye(3).double(), rtol=0, atol=1e-6)
    torch.testing.assert_close(result.equivariance, torch.ones(3).double(), rtol=0, atol=1e-6)
    torch.testing.assert_close(result.self_consistency, torch.ones(8).double(), rtol=0, atol=1e-6)
    torch.testing.assert_close(result.self_consistency_per_latent, torch.ones(8, 3).double(), rtol=0, atol=1e-6)
    for error in (result.invariance_error, result.equivariance_error, result.self_consistency_error):
        assert error.max().item() < 1e-6


def test_diagonal_maps() -> None:
    # INV_uu = 1 - |a_u|; EQV_u = 1 - |1 - a_u| E_v[|v| / E|v - n_u|], and for v = 3: E|3 - n| = 3 for both latents;
    # SCN of latent k: 1 - |1 - a^l| E|n_k| / std_k = 1 - |1 - a^l|
    scales = (0.5, -0.25)
    result = consistency(linear([scales[0], 0.0], [0.0, scales[1]]), GRID, torch.tensor([3.0]), num_steps=3)
    expected = torch.tensor([[1 - 0.5, 1.0], [1.0, 1 - 0.25]], dtype=torch.float64)
    torch.testing.assert_close(result.invariance, expected, rtol=0, atol=1e-7)
    assert result.mean_invariance.item() == pytest.approx(1)
    assert result.mean_equivariance.item() == pytest.approx((0.5 - 0.25) / 2)
    assert result.equivariance.tolist() == pytest.approx([1 - 0.5, 1 - 1.25], abs=1e-7)
    per_latent = [[1 - abs(1 - a**step) for a in scales] for step in (1, 2, 3)]
    torch.testing.assert_close(
        result.self_consistency_per_latent, torch.tensor(per_latent, dtype=torch.float64), rtol=0, atol=1e-7
    )
    # every code drifts by sqrt((1 - a^l)^2 + 4 (1 - b^l)^2); the spread is sqrt(1 + 4)
    total = [
        1 - math.sqrt((1 - scales[0] ** step) ** 2 + 4 * (1 - scales[1] ** step) ** 2) / math.sqrt(5)
        for step in (1, 2, 3)
    ]
    assert result.self_consistency.tolist() == pytest.approx(total, abs=1e-7)


def test_constant_maps() -> None:
    result = consistency(responding_by(torch.zeros_like, 2), GRID, torch.tensor([3.0, 0.5]), num_steps=2)
    assert torch.equal(result.invariance, torch.ones(2, 2).double())
    # EQV_u = 1 - mean_v |v| / E|v - n_u|: 3/3 and .5/1 for latent 0, 3/3 and .5/2 for latent 1
    assert result.equivariance.tolist() == pytest.approx([1 - (1 + 0.5) / 2, 1 - (1 + 0.25) / 2])
    assert result.self_consistency.tolist() == pytest.approx([0, 0])  # length sqrt 5 over spread sqrt 5


def test_values_that_change_nothing_are_left_out() -> None:
    codes = GRID * torch.tensor([0.0, 1.0])
    values = torch.tensor([-1.0, 0.0, 3.0])
    result = consistency(responding_by(lambda z: z * torch.tensor([0.5, 1.0]), 2), codes, values, num_steps=1)
    assert result.invariance.flatten().tolist() == pytest.approx([0.5, 1, 1, 0])
    assert result.equivariance.tolist() == pytest.approx([0.5, 1])
    with pytest.warns(UserWarning, match="scores are undefined"):
        nothing = consistency(responding_by(lambda z: z, 2), codes, torch.tensor([0.0]), num_steps=1)
    assert nothing.invariance.isnan().tolist() == [[True, True], [False, False]]


def test_constant_maps_of_normal_codes() -> None:
    result = consistency(responding_by(torch.zeros_like, 1), normal(20_000, 1), num_steps=1, num_values=1)
    # 1 - E|n| / std = 1 - sqrt(2 / pi); a standard error is sqrt((1 - 2 / pi) / N)
    assert result.self_consistency.item() == pytest.approx(1 - math.sqrt(2 / math.pi), abs=5 * (0.37 / 20_000) ** 0.5)
    assert result.self_consistency_error.item() == pytest.approx((0.37 / 20_000) ** 0.5, rel=0.7)


@pytest.mark.parametrize("angle", [0.3, math.pi / 2, math.pi])
def test_rotations(angle: float) -> None:
    cosine, sine = math.cos(angle), math.sin(angle)
    result = consistency(linear([cosine, -sine], [sine, cosine]), GRID, torch.tensor([3.0]), num_steps=4)
    share = torch.tensor([[1 - abs(cosine), 1 - abs(sine)], [1 - abs(sine), 1 - abs(cosine)]], dtype=torch.float64)
    torch.testing.assert_close(result.invariance, share, rtol=0, atol=1e-6)
    # every code has moved by the chord 2 |sin(l angle / 2)| sqrt 5
    chords = [1 - 2 * abs(math.sin(step * angle / 2)) for step in (1, 2, 3, 4)]
    assert result.self_consistency.tolist() == pytest.approx(chords, abs=1e-6)
    # setting latent 0 to v and rotating, minus rotating and setting: ((c - 1) v - s n_1, s (v - n_0)); E|v - n_0| = v
    v = 3.0
    mismatch = ((cosine - 1) * v - sine * GRID[:, 1]).square() + (sine * (v - GRID[:, 0])).square()
    assert result.equivariance[0].item() == pytest.approx(1 - mismatch.sqrt().mean().item() / v, abs=1e-6)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000))
def test_linear_maps(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    matrix, codes = torch.randn(3, 3, generator=generator), torch.randn(12, 3, generator=generator)
    result = consistency(responding_by(lambda z: z @ matrix.to(z).T, 3), codes.double(), num_values=3, num_steps=1)
    torch.testing.assert_close(result.invariance, 1 - matrix.T.abs().double(), rtol=0, atol=1e-10)
    shifted = consistency(responding_by(lambda z: z @ matrix.to(z).T + 1, 3), codes.double() * 7, num_values=3)
    torch.testing.assert_close(shifted.invariance, result.invariance, rtol=0, atol=1e-10)


def test_agrees_with_the_definition_step_by_step(vae: ConvVAE, codes: Tensor) -> None:
    values = torch.tensor([[-1.0, 0.0, 1.0], [2.0, 0.5, -3.0]])
    before, flags = codes.clone(), [module.training for module in vae.modules()]
    result = consistency(vae, codes, values, num_steps=2)
    assert [module.training for module in vae.modules()] == flags
    assert torch.equal(codes, before)
    unmoved = response(vae, codes)
    for latent in range(3):
        invariance, equivariance = torch.zeros(3), 0.0
        for value in values[:, latent].tolist():
            forced = intervene(codes, latent, value)
            after = response(vae, forced)
            magnitude = (forced - codes).norm(dim=1).mean()
            invariance += (after - unmoved).abs().mean(dim=0) / magnitude / 2
            equivariance += float((after - intervene(unmoved, latent, value)).norm(dim=1).mean() / magnitude / 2)
        torch.testing.assert_close(result.invariance[latent].float(), 1 - invariance, rtol=0, atol=1e-5)
        assert result.equivariance[latent].item() == pytest.approx(1 - equivariance, abs=1e-5)
    twice = response(vae, unmoved)
    spread = codes.var(dim=0, correction=0).sum().sqrt()
    expected = 1 - float((twice - codes).norm(dim=1).mean() / spread)
    assert result.self_consistency[1].item() == pytest.approx(expected, abs=1e-5)


def test_standard_errors_are_the_spread_over_repetitions() -> None:
    model = responding_by(lambda z: torch.tanh(z @ torch.tensor([[1.0, 0.5], [0.0, 1.0]])), 2)
    values = torch.tensor([-1.0, 2.0])
    runs = [consistency(model, normal(200, 2, seed), values, num_steps=1) for seed in range(60)]
    for score, error in (("invariance", "invariance_error"), ("equivariance", "equivariance_error")):
        spread = torch.stack([getattr(run, score) for run in runs]).std(dim=0)
        expected = torch.stack([getattr(run, error) for run in runs]).square().mean(dim=0).sqrt()
        # the spread of 60 runs is known to 9 %; four of these
        torch.testing.assert_close(expected, spread, rtol=0.36, atol=1e-6)


def test_default_values_are_quantiles_of_the_codes() -> None:
    codes = torch.arange(101.0)[:, None].repeat(1, 2) * torch.tensor([1.0, -2.0])
    result = consistency(responding_by(lambda z: z, 2), codes.flip(0), num_values=4)
    levels = (torch.arange(4) + 0.5) / 4
    torch.testing.assert_close(result.values, torch.quantile(codes, levels, dim=0))


def test_chunks_and_rows_change_nothing(vae: ConvVAE, codes: Tensor) -> None:
    seen: list[tuple[int, int]] = []
    whole = consistency(vae, codes, num_values=3, num_steps=2)
    parts = consistency(
        vae,
        codes,
        num_values=3,
        num_steps=2,
        chunk_size=7,
        latents=[2, 0],
        num_blocks=4,
        progress=lambda done, total: seen.append((done, total)),
    )
    torch.testing.assert_close(parts.invariance, whole.invariance[[2, 0]], rtol=0, atol=1e-5)
    torch.testing.assert_close(parts.equivariance, whole.equivariance[[2, 0]], rtol=0, atol=1e-5)
    torch.testing.assert_close(parts.self_consistency, whole.self_consistency, rtol=0, atol=1e-5)
    assert parts.latents == (2, 0)
    assert parts.mean_invariance.item() == pytest.approx(float(parts.invariance[[0, 0, 1, 1], [0, 1, 1, 2]].mean()))
    assert torch.equal(parts.values, whole.values[:, [2, 0]])
    assert seen == [(10, 40), (20, 40), (30, 40), (40, 40)]


def test_constant_latent() -> None:
    codes = torch.tensor([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    with pytest.warns(UserWarning, match="scores are undefined") as caught:
        result = consistency(responding_by(lambda z: z, 2), codes)
    assert len(caught) == 1
    assert result.invariance[1].isnan().all()
    assert result.equivariance[1].isnan()
    assert result.self_consistency_per_latent[:, 1].isnan().all()
    assert result.invariance[0].tolist() == [0, 1]
    with pytest.warns(UserWarning, match="responses are not finite"):
        consistency(responding_by(lambda z: z * torch.nan, 2), GRID)


@pytest.mark.parametrize(
    ("codes", "options", "message"),
    [
        (GRID[:1], {}, "codes .*got 1"),
        (GRID[:, :1], {}, "codes .*shape"),
        (GRID, {"values": torch.zeros(2, 3)}, r"\(V,\) or \(V, D\) with D=2, got \(2, 3\)"),
        (GRID, {"values": torch.tensor([torch.inf])}, "values .*finite"),
        (GRID, {"num_values": 0}, "num_values .*got 0"),
        (GRID, {"num_steps": 0}, "num_steps .*got 0"),
        (GRID, {"num_blocks": 1}, "num_blocks .*got 1"),
        (GRID, {"latents": [2]}, r"latents .*got \[2\]"),
    ],
)
def test_rejects(codes: Tensor, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        consistency(responding_by(lambda z: z, 2), codes, **options)
