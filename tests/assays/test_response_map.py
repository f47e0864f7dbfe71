"""Response maps of models with known maps."""

from collections.abc import Callable
from math import exp
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.assays.latent_slice import LatentSlice
from lr_lightning.assays.response_map import ResponseMap, response_map, void_mass
from lr_lightning.assays.slice_histogram import contracting_share, slice_histogram
from tests.assays.models import ConvVAE, responding_by

WINDOW = LatentSlice((0, 1))


def plane(h: Callable[[Tensor], Tensor], num_steps: int = 100, **options: Any) -> ResponseMap:
    return response_map(responding_by(h, 2), torch.zeros(2).double(), WINDOW, num_steps=num_steps, **options)


def circle(codes: Tensor) -> Tensor:
    return F.normalize(codes, dim=1)


def to_signs(codes: Tensor) -> Tensor:
    return torch.stack([codes[:, 0].sign(), torch.zeros(len(codes))], dim=1)


def distances(result: ResponseMap) -> Tensor:
    first, second = result.values
    return torch.hypot(first[:, None], second)


def test_a_constant_contracts_everywhere() -> None:
    result = plane(torch.zeros_like)
    torch.testing.assert_close(result.divergence, torch.full((100, 100), -2.0).double())
    far = distances(result) > 0.5
    torch.testing.assert_close(result.mean_curvature[far], 0.5 / distances(result)[far], rtol=0.02, atol=0)
    torch.testing.assert_close(result.magnitude, distances(result))
    assert result.void_mass == 0


def test_grid_units_are_steps_of_the_grid() -> None:
    physical, steps = plane(torch.zeros_like), plane(torch.zeros_like, grid_units=True)
    assert steps.divergence[0, 0] == pytest.approx(-0.0808, abs=5e-5)
    torch.testing.assert_close(steps.divergence, physical.divergence * (4 / 99))
    torch.testing.assert_close(steps.mean_curvature, physical.mean_curvature * (4 / 99), equal_nan=True)
    assert (steps.grid_units, physical.grid_units) == (True, False)
    assert torch.equal(steps.void_mass, physical.void_mass)


def test_a_circle_contracts_outside_of_half_its_radius() -> None:
    result = plane(circle, 201)
    distance = distances(result)
    far = distance > 0.4
    torch.testing.assert_close(result.divergence[far], 1 / distance[far] - 2, rtol=0, atol=0.01)
    assert result.divergence[150, 100] == pytest.approx(-1, abs=1e-3)  # on the circle
    # 1 - exp(-1/8) of the whole prior lies within 1/2 of the middle; cells make that 1% more
    prior = WINDOW.prior_mass(201)
    assert float(result.void_mass * prior.sum()) == pytest.approx(1 - exp(-1 / 8), rel=0.02)
    assert result.void_mass == pytest.approx(0.1175 / 0.9111, rel=0.01)


def test_two_points_leave_a_ridge_between_them() -> None:
    result = plane(to_signs, 100)
    away = torch.cat([result.divergence[:49], result.divergence[51:]])
    torch.testing.assert_close(away, torch.full((98, 100), -2.0).double())
    assert (result.divergence[49:51] > 0).all()
    assert (result.mean_curvature[49:51, 40:60] < 0).all()  # near the ridge directions part
    assert result.mean_curvature[25, 50] > 5  # the attracting point (-1, 0)


def test_a_linear_map_has_the_divergence_of_its_trace() -> None:
    mixing = torch.tensor([[0.9, 0.5, 0.3], [0.2, 0.1, 0.4], [0.7, 0.6, 0.8]]).double()
    result = response_map(
        responding_by(lambda z: z @ mixing.T, 3), torch.ones(3).double(), LatentSlice((2, 0)), num_steps=5
    )
    torch.testing.assert_close(result.divergence, torch.full((5, 5), 0.8 + 0.9 - 2).double())
    code = torch.tensor([2.0, 1.0, -1.0]).double()
    moved = mixing @ code - code
    torch.testing.assert_close(result.field[1, 4], moved[[2, 0]])


def test_matches_a_plain_loop(vae: ConvVAE) -> None:
    base = torch.tensor([0.1, 0.2, 0.3])
    result = response_map(vae, base, LatentSlice((2, 1), radius=1.5, center=(0.5, 0.0)), num_steps=6)
    vae.eval()
    first, second = np.linspace(-1, 2, 6), np.linspace(-1.5, 1.5, 6)
    field = np.zeros((6, 6, 2))
    with torch.no_grad():
        for i, a in enumerate(first):
            for j, b in enumerate(second):
                h = vae.encode(vae.decode(torch.tensor([[0.1, b, a]]).float())).mean[0].double().numpy()
                field[i, j] = h[2] - a, h[1] - b
    np.testing.assert_allclose(result.field, field, atol=1e-6)  # float32 of responses of about 1
    down, right = np.gradient(field[..., 0], 0.6, axis=0), np.gradient(field[..., 1], 0.6, axis=1)
    np.testing.assert_allclose(result.divergence[1:-1, 1:-1], (down + right)[1:-1, 1:-1], atol=1e-5)
    np.testing.assert_allclose(result.magnitude, np.hypot(*field.transpose(2, 0, 1)), atol=1e-6)


def test_several_bases_are_averaged(vae: ConvVAE, codes: Tensor) -> None:
    window = LatentSlice((0, 2))
    single = [response_map(vae, code, window, num_steps=5) for code in codes[:3]]
    result = response_map(vae, codes[:3], window, num_steps=5)
    fields = torch.stack([part.field for part in single])
    torch.testing.assert_close(result.field, fields.mean(dim=0))
    torch.testing.assert_close(result.divergence, torch.stack([part.divergence for part in single]).mean(dim=0))
    torch.testing.assert_close(result.spread, fields.sub(result.field).square().sum(dim=-1).mean(dim=0).sqrt())
    assert (result.num_bases, single[0].num_bases) == (3, 1)
    assert (single[0].spread == 0).all()
    maps = (result.field, result.spread, result.magnitude, result.divergence, result.mean_curvature, result.void_mass)
    assert {tensor.dtype for tensor in maps} == {torch.float64}


def test_round_off_has_no_direction() -> None:
    shaken = response_map(
        responding_by(lambda z: z * (1 + 1e-7), 2), torch.zeros(2), LatentSlice((0, 1), radius=3.0), num_steps=16
    )
    assert shaken.magnitude.max() > 0
    assert shaken.mean_curvature.isnan().all()
    assert plane(lambda z: z, 16).void_mass == 1  # nothing contracts


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_swapping_the_latents_transposes_the_maps(seed: int) -> None:
    mixing = torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)).double()
    model = responding_by(lambda z: (z @ mixing).tanh(), 3)
    base = torch.full((3,), 0.3).double()
    one = response_map(model, base, LatentSlice((0, 2)), num_steps=6)
    two = response_map(model, base, LatentSlice((2, 0)), num_steps=6)
    torch.testing.assert_close(two.field, one.field.transpose(0, 1).flip(2))
    torch.testing.assert_close(two.divergence, one.divergence.T)
    torch.testing.assert_close(two.mean_curvature, one.mean_curvature.T)
    torch.testing.assert_close(two.void_mass, one.void_mass)


def test_nan_responses() -> None:
    with pytest.warns(UserWarning, match="responses are not finite") as warned:
        result = plane(lambda z: torch.where(z[:, :1] > 1.9, torch.nan, z), 20)
    assert len(warned) == 1
    assert result.void_mass.isnan()
    assert result.divergence.isnan().any(dim=1).tolist() == [False] * 18 + [True] * 2


def test_the_prior_far_out_is_nothing() -> None:
    with pytest.warns(UserWarning, match="prior has no mass"):
        assert void_mass(torch.ones(4, 4), LatentSlice((0, 1), center=(60.0, 0.0))).isnan()
    assert void_mass(torch.ones(4, 4), LatentSlice((0, 1), center=(-20.0, 20.0))) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base": torch.zeros(4, 2)}, r"base .*got \(4, 2\)"),
        ({"base": torch.full((3,), torch.inf)}, "base .*finite"),
        ({"window": LatentSlice((0, 3))}, r"latents .*got \(0, 3\)"),
        ({"num_steps": 2}, "num_steps .*got 2"),
    ],
)
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    valid: dict[str, Any] = {"base": torch.zeros(3), "window": WINDOW}
    with pytest.raises(ValueError, match=message):
        response_map(responding_by(lambda z: z, 3), **(valid | arguments))
    with pytest.raises(ValueError, match=r"divergence .*got \(2, 3\)"):
        void_mass(torch.zeros(2, 3), WINDOW)


def test_histogram_counts_codes_in_cells() -> None:
    codes = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)).double()
    histogram = slice_histogram(codes, LatentSlice((2, 0), radius=1.2, center=(0.5, 0.0)), num_steps=7)
    edges = np.linspace(-1.4, 1.4, 8)  # seven cells of .4 around -1.2, ..., 1.2
    expected, _, _ = np.histogram2d(codes[:, 2], codes[:, 0], bins=[edges + 0.5, edges])
    np.testing.assert_array_equal(histogram.counts, expected)
    assert histogram.inside == expected.sum() / 500


def test_share_of_codes_in_contracting_cells() -> None:
    result = plane(circle)
    on_circle = circle(torch.randn(50, 2, generator=torch.Generator().manual_seed(0)))
    codes = torch.cat([on_circle, torch.full((150, 2), 0.1), torch.full((9, 2), 5.0)])
    assert contracting_share(result, slice_histogram(codes, WINDOW, num_steps=100)) == 0.25
    steps = plane(circle, grid_units=True)
    assert contracting_share(steps, slice_histogram(codes, WINDOW, num_steps=100)) == 0.25


def test_share_of_no_codes_is_undefined() -> None:
    with pytest.warns(UserWarning, match="no code lies in the window"):
        nothing = contracting_share(plane(circle, 8), slice_histogram(torch.full((3, 2), 9.0), WINDOW, num_steps=8))
    assert nothing.isnan()
    with pytest.warns(UserWarning, match="responses are not finite"):
        broken = plane(lambda z: z * torch.nan, 8)
    histogram = slice_histogram(torch.zeros(3, 2), WINDOW, num_steps=8)
    with pytest.warns(UserWarning, match="the divergence is not finite"):
        assert contracting_share(broken, histogram).isnan()


@pytest.mark.parametrize(
    ("histogram", "message"),
    [
        (slice_histogram(torch.zeros(2, 2), WINDOW, num_steps=9), "histogram .*window"),
        (slice_histogram(torch.zeros(2, 2), LatentSlice((1, 0)), num_steps=8), "histogram .*window"),
    ],
)
def test_rejects_histograms_of_other_windows(histogram: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contracting_share(plane(circle, 8), histogram)
    with pytest.raises(ValueError, match=r"latents .*got \(0, 2\)"):
        slice_histogram(torch.zeros(2, 2), LatentSlice((0, 2)))
