"""Share of noise that survives a round trip, compared with closed forms."""

import math

import pytest
import torch
from torch import Tensor

from lr_lightning.assays.noise_recovery import noise_recovery
from tests.assays.models import ConvVAE, responding_by


def test_linear_maps(codes: Tensor) -> None:
    for factor in (0.0, 0.3, 1.0, -2.0):
        h = responding_by(lambda z, a=factor: a * z, 3)  # type: ignore[misc]
        found = noise_recovery(h, codes.double(), torch.tensor([1.0, 0.5, 2.0]), multiples=[0.1, 1, 10])
        torch.testing.assert_close(found.ratio, torch.full((3,), abs(factor)).double())
        torch.testing.assert_close(found.latents, torch.full((3, 3), abs(factor)).double())
    assert found.multiples.tolist() == [0.1, 1, 10]
    assert found.num_samples == 40


@pytest.mark.parametrize(("kept", "dim"), [(1, 2), (2, 5)])
def test_a_projection_passes_on_its_share(kept: int, dim: int) -> None:
    # the share of squared noise is Beta(k/2, (D - k)/2); the mean of its root by gamma functions, 2/pi for 1 of 2
    mask = (torch.arange(dim) < kept).double()
    found = noise_recovery(
        responding_by(lambda z: mask * z, dim), torch.zeros(20_000, dim).double(), torch.ones(dim), multiples=[1.0]
    )
    a, b = kept / 2, dim / 2
    expected = math.exp(math.lgamma(a + 0.5) - math.lgamma(a) + math.lgamma(b) - math.lgamma(b + 0.5))
    variance = kept / dim - expected**2
    assert found.ratio.item() == pytest.approx(expected, abs=5 * (variance / 20_000) ** 0.5)
    assert found.standard_error.item() == pytest.approx((variance / 20_000) ** 0.5, rel=0.05)
    torch.testing.assert_close(found.latents[0], mask)


def test_a_filter_removes_small_noise_and_passes_large() -> None:
    steps = responding_by(lambda z: 4 * (z / 4).round(), 1)
    found = noise_recovery(steps, torch.zeros(500, 1), torch.ones(1), multiples=[0.1, 0.4, 2, 100])
    assert found.ratio[:2].tolist() == [0, 0]  # |noise| < 2
    assert found.ratio[3] == pytest.approx(1, abs=0.05)


def test_noise_per_code() -> None:
    codes = torch.zeros(2, 2, dtype=torch.float64)
    sigma = torch.tensor([[1e-3, 0.0], [1e3, 0.0]])
    found = noise_recovery(responding_by(lambda z: z.clamp(-1, 1), 2), codes, sigma, multiples=[1.0])
    assert found.ratio.item() == pytest.approx(0.5, abs=0.01)  # all of the small, next to nothing of the large noise
    assert found.latents[0, 1].isnan()


def test_default_noise_has_the_spread_of_the_codes(codes: Tensor) -> None:
    model = responding_by(lambda z: z.tanh(), 3)
    given = noise_recovery(model, codes, codes.std(dim=0, correction=0))
    assert torch.equal(noise_recovery(model, codes).ratio, given.ratio)


def test_agrees_with_a_few_lines(vae: ConvVAE, codes: Tensor) -> None:
    found = noise_recovery(vae, codes, torch.ones(3), multiples=[2.0], generator=torch.Generator().manual_seed(5))
    noise = 2 * torch.randn(40, 3, generator=torch.Generator().manual_seed(5))
    vae.eval()
    with torch.no_grad():
        left = vae.encode(vae.decode(codes + noise)).mean - vae.encode(vae.decode(codes)).mean
    ratio = left.norm(dim=1) / noise.norm(dim=1)
    assert found.ratio.item() == pytest.approx(ratio.mean().item(), rel=1e-4)
    assert found.standard_error.item() == pytest.approx(ratio.std().item() / 40**0.5, rel=1e-4)
    expected = (left.square().mean(dim=0) / noise.square().mean(dim=0)).sqrt()
    torch.testing.assert_close(found.latents[0], expected.double(), rtol=1e-4, atol=0)


def test_undefined_recovery(codes: Tensor) -> None:
    still = responding_by(lambda z: z, 3)
    for model, base, sigma in (
        (responding_by(lambda z: z / 0, 3), codes, None),
        (still, torch.ones(5, 3), None),  # collapsed: no spread to take the noise from
        (still, codes, torch.eye(40, 3)),  # no noise for most codes
    ):
        with pytest.warns(UserWarning, match="noise recovery is undefined") as caught:
            assert noise_recovery(model, base, sigma).ratio.isnan().all()
        assert len(caught) == 1


@pytest.mark.parametrize(
    ("sigma", "message"),
    [
        (torch.ones(2), r"sigma .*got \(2,\)"),
        (torch.tensor([1.0, -1.0, 1.0]), "sigma .*finite"),
        (torch.full((40, 3), torch.nan), "sigma .*finite"),
    ],
)
def test_rejects(vae: ConvVAE, codes: Tensor, sigma: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        noise_recovery(vae, codes, sigma)
    with pytest.raises(ValueError, match="sigma"):
        noise_recovery(vae, codes[:1])
    for multiples in ([], [0.0], [float("nan")]):
        with pytest.raises(ValueError, match="multiples"):
            noise_recovery(vae, codes, multiples=multiples)


def test_active_latents_alone_are_reported() -> None:
    codes = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    model = responding_by(lambda z: z * torch.tensor([0.8, 0.4, 0.0]), 3)
    sigma, active = torch.tensor([0.1, 0.1, 5.0]), torch.tensor([True, True, False])
    found = noise_recovery(model, codes, sigma, multiples=[1.0, 2.0], active=active)
    alone = noise_recovery(
        responding_by(lambda z: z * torch.tensor([0.8, 0.4, 0.0]), 3),
        codes,
        sigma * active,
        multiples=[1.0, 2.0],
    )
    torch.testing.assert_close(found.ratio, alone.ratio, rtol=1e-5, atol=0)
    torch.testing.assert_close(found.median, torch.full((2,), 0.6).double(), rtol=1e-5, atol=0)
    assert noise_recovery(model, codes, sigma, multiples=[1.0]).ratio.item() < 0.1  # the third decides
    with pytest.warns(UserWarning, match="no latent is active"):
        none = noise_recovery(model, codes, sigma, active=~active & active)
    assert none.ratio.isnan().all()
    assert none.median.isnan().all()
    for wrong in (torch.ones(3), torch.ones(2, dtype=torch.bool)):
        with pytest.raises(ValueError, match="active"):
            noise_recovery(model, codes, sigma, active=wrong)
