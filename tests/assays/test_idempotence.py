"""Idempotence curves against closed forms."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from lr_lightning.assays.idempotence import idempotence_curve
from tests.assays.models import ConvVAE, responding_by


@given(st.lists(st.floats(-0.95, 0.95), min_size=1, max_size=4))
@settings(max_examples=20, deadline=None)
def test_a_diagonal_map_moves_by_its_powers(rates: list[float]) -> None:
    a = torch.tensor(rates, dtype=torch.float64)
    starts = torch.randn(30, len(a), generator=torch.Generator().manual_seed(0)).double()
    curve = idempotence_curve(responding_by(lambda z: a * z, len(a)), starts)
    steps = a.abs() ** torch.arange(8)[:, None, None] * (1 - a).abs() * starts.abs()  # |a|^n |1 - a| |z|, (S, N, D)
    torch.testing.assert_close(curve.latents, steps.mean(dim=1), rtol=1e-9, atol=1e-13)
    torch.testing.assert_close(curve.total, steps.norm(dim=2).mean(dim=1), rtol=1e-9, atol=1e-13)
    torch.testing.assert_close(curve.largest, steps.norm(dim=2).amax(dim=1), rtol=1e-9, atol=1e-13)


def test_projections_are_at_rest_after_one_step() -> None:
    starts = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    keep = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
    for h in (lambda z: keep * z, lambda z: z.sign(), torch.zeros_like, lambda z: z / z.norm(dim=1, keepdim=True)):
        curve = idempotence_curve(responding_by(h, 3), starts, num_steps=4)
        assert curve.total[0] > 0.1
        assert curve.total[1:].max() < 1e-15  # the circle's norm rounds
    assert idempotence_curve(responding_by(lambda z: keep * z, 3), starts).latents[0, [0, 2]].tolist() == [0, 0]


def test_agrees_with_a_few_lines_of_numpy(vae: ConvVAE, codes: Tensor) -> None:
    curve = idempotence_curve(vae, codes, num_steps=3)
    vae.eval()
    path = [codes]
    with torch.no_grad():
        for _ in range(3):
            path.append(vae.encode(vae.decode(path[-1])).mean)
    steps = np.diff(np.stack([p.numpy().astype(np.float64) for p in path]), axis=0)
    lengths = np.linalg.norm(steps, axis=2)
    rtol = 1e-4  # float32 passes of other sizes, and differences of nearly equal numbers
    np.testing.assert_allclose(curve.total, lengths.mean(axis=1), rtol=rtol)
    np.testing.assert_allclose(curve.standard_error, lengths.std(axis=1, ddof=1) / 40**0.5, rtol=rtol)
    np.testing.assert_allclose(curve.largest, lengths.max(axis=1), rtol=rtol)
    np.testing.assert_allclose(curve.latents, np.abs(steps).mean(axis=1), rtol=rtol)
    assert curve.num_samples == 40
    assert not curve.scaled


def test_scale() -> None:
    starts = torch.tensor([[2.0, 4.0, 9.0]])
    curve = idempotence_curve(
        responding_by(torch.zeros_like, 3), starts, num_steps=1, scale=torch.tensor([0.5, 2.0, 0.001])
    )
    assert curve.latents[0, :2].tolist() == [4, 2]
    assert curve.latents[0, 2].isnan()
    assert curve.inactive.tolist() == [False, False, True]
    assert curve.total.item() == pytest.approx(20**0.5)
    assert curve.scaled
    assert curve.standard_error.isnan().all()  # a single start


def test_undefined_curves(codes: Tensor) -> None:
    with pytest.warns(UserWarning, match="the scale of every latent is below the floor") as caught:
        curve = idempotence_curve(responding_by(torch.zeros_like, 3), codes, scale=torch.zeros(3))
    assert curve.total.isnan().all()
    assert len(caught) == 1
    with pytest.warns(UserWarning, match="responses are not finite") as caught:
        curve = idempotence_curve(responding_by(lambda z: z / 0, 3), codes)
    assert not curve.total.isfinite().any()
    assert len(caught) == 1


def test_rejects(vae: ConvVAE, codes: Tensor) -> None:
    with pytest.raises(ValueError, match=r"num_steps .*got 0"):
        idempotence_curve(vae, codes, num_steps=0)
    with pytest.raises(ValueError, match=r"scale .*finite"):
        idempotence_curve(vae, codes, scale=torch.ones(2))
