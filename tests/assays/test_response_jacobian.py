"""Jacobians of known response maps, and of a network compared with finite differences."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from lr_lightning.assays.decoder_geometry import decoder_geometry
from lr_lightning.assays.hutchinson import hutchinson_divergence
from lr_lightning.assays.latent_slice import LatentSlice
from lr_lightning.assays.response_jacobian import ResponseJacobian, response_jacobian, response_jacobians
from lr_lightning.assays.response_map import response_map
from tests.assays.models import ConvVAE, responding_by


def circle(codes: Tensor) -> Tensor:
    return F.normalize(codes, dim=1)


def of(h: Callable[[Tensor], Tensor], codes: Tensor, **options: Any) -> ResponseJacobian:
    return response_jacobian(responding_by(h, codes.shape[1]), codes.double(), **options)


def test_identity() -> None:
    result = of(lambda z: z, torch.randn(5, 3, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(result.mean, torch.eye(3).double())
    for values, expected in (
        (result.spectral_radius, 1),
        (result.operator_norm, 1),
        (result.trace, 3),
        (result.divergence, 0),
        (result.symmetric_share, 1),
        (result.antisymmetric_share, 0),
        (result.rank, 3),
    ):
        torch.testing.assert_close(values, torch.full((5,), float(expected)).double())


def test_projection_to_the_circle() -> None:
    result = of(circle, circle(torch.randn(50, 2, generator=torch.Generator().manual_seed(0)).double()))
    expected = torch.tensor([1.0, 0.0]).to(result.eigenvalues).expand(50, 2)
    torch.testing.assert_close(result.eigenvalues, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(result.spectral_radius, torch.ones(50).double())
    torch.testing.assert_close(result.divergence, torch.full((50,), -1.0).double())
    assert (result.rank == 1).all()
    # off the circle lengths along it scale by 1 / distance
    assert of(circle, torch.tensor([[0.0, 4.0], [0.2, 0.0]])).spectral_radius.tolist() == pytest.approx([0.25, 5])


@pytest.mark.parametrize("h", [torch.zeros_like, lambda z: 0 * z + 3, torch.sign], ids=["zero", "constant", "sign"])
def test_constants(h: Callable[[Tensor], Tensor]) -> None:
    codes = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    with pytest.warns(UserWarning, match="symmetric share is undefined at 4 of 4 codes: the Jacobian is 0") as warned:
        result = of(h, codes)
    assert len(warned) == 1
    for values in (result.eigenvalues.abs(), result.spectral_radius, result.operator_norm, result.rank):
        assert (values == 0).all()
    assert (result.divergence == -2).all()
    assert result.symmetric_share.isnan().all()


def test_linear_maps_keep_their_orientation() -> None:
    mixing = torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.7]]).double()
    codes = torch.zeros(2, 3)
    model = responding_by(lambda z: z @ mixing.T, 3)
    torch.testing.assert_close(response_jacobians(model, codes.double())[1], mixing)
    result = of(lambda z: z @ mixing.T, codes)
    assert result.eigenvalues[0].real.tolist() == pytest.approx([0.7, 0.3, 0])
    assert result.operator_norm[0] == pytest.approx((4 + 0.09) ** 0.5)
    # squares: symmetric .7^2 + .3^2 + 2 * 1^2, of 4 + .09 + .49 in all
    assert result.symmetric_share[0] == pytest.approx(2.58 / 4.58)
    assert result.rank.tolist() == [1, 1]
    assert of(lambda z: z @ mixing.T, codes, threshold=0.2).rank.tolist() == [2, 2]


def test_rotation() -> None:
    result = of(lambda z: torch.stack([-z[:, 1], z[:, 0]], dim=1), torch.zeros(1, 2))
    assert result.antisymmetric_share.item() == 1
    assert sorted(result.eigenvalues[0].imag.tolist()) == [-1, 1]
    assert result.rank.item() == 2


def test_network_against_finite_differences(vae: ConvVAE, codes: Tensor) -> None:
    vae.double()
    codes = codes[:6].double()
    measured = response_jacobians(vae, codes, chunk_size=4)
    vae.eval()
    with torch.no_grad():
        for latent in range(3):
            step = 1e-5 * torch.eye(3).double()[latent]
            ahead, behind = (vae.encode(vae.decode(codes + sign * step)).mean for sign in (1, -1))
            # round-off 1e-16 over the step, and its square
            torch.testing.assert_close(measured[:, :, latent], (ahead - behind) / 2e-5, rtol=1e-7, atol=1e-9)


def test_float32_models_are_differentiated_in_float32(vae: ConvVAE, codes: Tensor) -> None:
    single = response_jacobians(vae, codes[:5].double())
    assert single.dtype == torch.float64
    torch.testing.assert_close(response_jacobians(vae.double(), codes[:5].double()), single, rtol=1e-4, atol=1e-6)


def test_statistics_are_those_of_each_matrix(vae: ConvVAE, codes: Tensor) -> None:
    result = response_jacobian(vae.double(), codes.double(), threshold=0.05)
    jacobians = response_jacobians(vae, codes.double()).numpy()
    torch.testing.assert_close(result.mean, torch.from_numpy(jacobians.mean(axis=0)))
    for number in (0, 17, 39):
        one = jacobians[number]
        modulus = np.sort(np.abs(np.linalg.eigvals(one)))[::-1]
        np.testing.assert_allclose(result.eigenvalues[number].abs(), modulus, rtol=1e-8)
        assert result.spectral_radius[number] == pytest.approx(modulus[0])
        assert result.operator_norm[number] == pytest.approx(np.linalg.svd(one)[1][0])
        assert result.trace[number] == pytest.approx(np.trace(one))
        assert result.divergence[number] == pytest.approx(np.trace(one) - 3)
        share = np.linalg.norm((one - one.T) / 2) ** 2 / np.linalg.norm(one) ** 2
        assert result.antisymmetric_share[number] == pytest.approx(share)
        assert result.rank[number] == (modulus > 0.05).sum()


@pytest.mark.parametrize(
    "h", [lambda z: z @ torch.tensor([[0.5, 0.2], [-0.4, 0.9]]).double(), circle], ids=["linear", "circle"]
)
def test_divergence_is_that_on_the_plane(h: Callable[[Tensor], Tensor]) -> None:
    window = LatentSlice((0, 1), radius=0.5, center=(1.0, 1.0))
    model = responding_by(h, 2)
    plane = response_map(model, torch.zeros(2).double(), window, num_steps=41)
    nodes = window.codes(torch.zeros(2).double(), 41).flatten(0, 1)
    whole = response_jacobian(model, nodes).divergence.view(41, 41)
    # differences over .025 are off by .025^2 / 3 times a third derivative of at most 6 / .7^3
    torch.testing.assert_close(plane.divergence, whole, rtol=0, atol=4e-3)
    estimated = hutchinson_divergence(model, nodes, num_probes=200)
    wrong = (estimated.divergence.view(41, 41) - whole).abs() > 5 * estimated.standard_error.view(41, 41) + 1e-9
    assert not wrong.any()


def test_probes_are_unbiased() -> None:
    codes = torch.zeros(3, 4).double()
    exact = hutchinson_divergence(responding_by(lambda z: z * torch.arange(4.0), 4), codes, num_probes=2)
    assert exact.divergence.tolist() == [2, 2, 2]
    assert exact.standard_error.tolist() == [0, 0, 0]
    mixing = torch.tensor([[0.5, 1.0], [2.0, 0.25]]).double()
    many = hutchinson_divergence(responding_by(lambda z: z @ mixing, 2), torch.zeros(1, 2).double(), num_probes=4000)
    deviation = (2 * 2 * 1.5**2) ** 0.5  # of one probe: twice the squares off the diagonal of the symmetric part
    assert many.standard_error.item() == pytest.approx(deviation / 4000**0.5, rel=0.1)
    assert abs(many.divergence.item() + 1.25) < 5 * many.standard_error.item()
    assert hutchinson_divergence(responding_by(circle, 2), torch.ones(1, 2), num_probes=1).standard_error.isnan().all()


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_runs_inside_validation(vae: ConvVAE, codes: Tensor, context: Callable[[], Any]) -> None:
    expected = response_jacobians(vae, codes)
    with context():
        made_inside = codes.clone()
        assert torch.equal(response_jacobians(vae, made_inside), expected)
        assert not torch.is_grad_enabled()
    assert vae.decoder[0].weight.requires_grad


def test_runs_compiled_modules(vae: ConvVAE, codes: Tensor) -> None:
    expected = response_jacobians(vae, codes)
    vae.encoder.compile(backend="aot_eager")
    vae.decoder.compile(backend="aot_eager")
    torch.testing.assert_close(response_jacobians(vae, codes), expected)


def test_blocked_gradients() -> None:
    for assay in (response_jacobian, hutchinson_divergence):
        with pytest.raises(ValueError, match="no gradients"):
            assay(responding_by(lambda z: 2 * z.detach(), 2), torch.eye(2))


class CutVAE(ConvVAE):
    """Cuts the gradients before its decoder, whose parameters have gradients all the same."""

    def decode(self, codes: Tensor, /) -> Tensor:
        """Return images that no gradient leads back from."""
        return super().decode(codes.detach())


def test_blocked_gradients_at_a_single_code() -> None:
    with torch.random.fork_rng():
        cut = CutVAE(3)
    for assay in (response_jacobian, hutchinson_divergence, decoder_geometry):
        with pytest.raises(ValueError, match="no gradients"):
            assay(cut, torch.eye(3))
    for codes, chunk_size in ((torch.ones(1, 2), None), (torch.eye(2), 1)):
        with pytest.raises(ValueError, match="no gradients"):
            response_jacobian(responding_by(lambda z: 2 * z.detach(), 2), codes, chunk_size=chunk_size)
    constant = responding_by(lambda z: torch.ones_like(z, requires_grad=True) + 0, 2)  # of parameters alone
    assert response_jacobians(constant, torch.eye(2)).abs().sum() == 0


def test_non_finite_gradients() -> None:
    codes = torch.tensor([[0.0, 1.0], [4.0, 1.0]])
    with pytest.warns(UserWarning, match="the Jacobian is not finite at 1 of 2 codes") as warned:
        result = of(torch.sqrt, codes)
    assert len(warned) == 1
    for values in (
        result.spectral_radius,
        result.operator_norm,
        result.divergence,
        result.symmetric_share,
        result.rank,
    ):
        assert values.isnan().tolist() == [True, False]
    assert result.eigenvalues[1].real.tolist() == [0.5, 0.25]
    assert result.mean[0, 0].isnan() or result.mean[0, 0].isinf()
    with pytest.warns(UserWarning, match="gradients are not finite"):
        assert not hutchinson_divergence(responding_by(torch.sqrt, 2), codes).divergence[0].isfinite()


def test_probes_of_a_constant_map() -> None:
    constant = hutchinson_divergence(responding_by(torch.zeros_like, 2), torch.ones(2, 2), num_probes=3)
    assert constant.divergence.tolist() == [-2, -2]


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), dim=st.integers(1, 5))
def test_laws(seed: int, dim: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mixing, basis = torch.randn(2, dim, dim, generator=generator).double()
    rotation, _ = torch.linalg.qr(basis)
    codes = torch.randn(3, dim, generator=generator).double()
    plain = of(lambda z: (z @ mixing).tanh(), codes)
    turned = of(lambda z: (z @ rotation.T @ mixing).tanh() @ rotation, codes @ rotation)
    for name in ("spectral_radius", "operator_norm", "divergence", "symmetric_share"):
        torch.testing.assert_close(getattr(turned, name), getattr(plain, name), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(plain.symmetric_share + plain.antisymmetric_share, torch.ones(3).double())
    assert (plain.spectral_radius <= plain.operator_norm * (1 + 1e-9)).all()
    torch.testing.assert_close(plain.eigenvalues.real.sum(dim=1), plain.trace)


@pytest.mark.parametrize(
    ("assay", "arguments", "message"),
    [
        (response_jacobian, {"threshold": 0.0}, "threshold .*got 0.0"),
        (hutchinson_divergence, {"num_probes": 0}, "num_probes .*got 0"),
    ],
)
def test_rejects(assay: Callable[..., Any], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        assay(responding_by(lambda z: z, 3), **({"codes": torch.zeros(4, 3)} | arguments))
