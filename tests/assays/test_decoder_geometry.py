"""Metrics of decoders with known Jacobians, and of a network, compared with another way to differentiate."""

from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.functional import jacobian

from lr_lightning.assays import WrappedAutoencoder, wrap
from lr_lightning.assays.decoder_geometry import DecoderGeometry, decoder_geometry
from tests.assays.models import ConvVAE


def decoding_by(g: Callable[[Tensor], Tensor], latent_dim: int) -> WrappedAutoencoder:
    return wrap(encode=lambda x: x, decode=g, latent_dim=latent_dim)


def of(g: Callable[[Tensor], Tensor], codes: Tensor, **options: Any) -> DecoderGeometry:
    return decoder_geometry(decoding_by(g, codes.shape[1]), codes.double(), **options)


def test_linear_decoders() -> None:
    mixing = torch.tensor([[3.0, 0.0], [0.0, 1.0], [4.0, 1.0]]).double()  # (P, D)
    result = of(lambda z: z @ mixing.T, torch.randn(5, 2, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(result.mean_metric, torch.tensor([[25.0, 4.0], [4.0, 2.0]]).double())
    # eigenvalues of the metric: trace 27, determinant 34
    large, small = np.roots([1, -27, 34])
    assert result.log_magnification.tolist() == pytest.approx([log(34) / 2] * 5)
    assert result.condition_number.tolist() == pytest.approx([large / small] * 5)
    assert result.singular_values[2].tolist() == pytest.approx([large**0.5, small**0.5])
    assert result.off_diagonal_share.tolist() == pytest.approx([2 * 16 / (625 + 4 + 2 * 16)] * 5)
    assert (result.rank == 2).all()


def test_orthogonal_latents() -> None:
    polar = of(
        lambda z: torch.stack([z[:, 0] * z[:, 1].cos(), z[:, 0] * z[:, 1].sin()], dim=1),
        torch.tensor([[2.0, 0.3], [0.5, 1.0]]),
    )
    torch.testing.assert_close(polar.off_diagonal_share, torch.zeros(2).double(), rtol=0, atol=1e-15)
    assert polar.log_magnification.tolist() == pytest.approx([log(2), log(0.5)])  # the area of polar coordinates
    assert polar.condition_number.tolist() == pytest.approx([4, 4])


def test_network_against_another_way(vae: ConvVAE, codes: Tensor) -> None:
    vae.double()
    codes = codes[:5].double()
    result = decoder_geometry(vae, codes, chunk_size=2)
    vae.eval()
    metrics = []
    for number, code in enumerate(codes):
        slopes = jacobian(lambda z: vae.decode(z[None]).flatten(), code).numpy()  # type: ignore[no-untyped-call]
        metric = slopes.T @ slopes
        metrics.append(metric)
        assert result.log_magnification[number] == pytest.approx(np.linalg.slogdet(metric)[1] / 2)
        assert result.condition_number[number] == pytest.approx(np.linalg.cond(slopes) ** 2)
        np.testing.assert_allclose(result.singular_values[number], np.linalg.svd(slopes)[1], rtol=1e-8)
        off = metric - np.diag(np.diag(metric))
        assert result.off_diagonal_share[number] == pytest.approx((off**2).sum() / (metric**2).sum())
    np.testing.assert_allclose(result.mean_metric, np.mean(metrics, axis=0))


def test_some_latents_are_their_block_of_the_metric(vae: ConvVAE, codes: Tensor) -> None:
    whole, some = decoder_geometry(vae, codes), decoder_geometry(vae, codes, latents=[2, 0])
    torch.testing.assert_close(some.mean_metric, whole.mean_metric[[2, 0]][:, [2, 0]])
    assert some.latents == (2, 0)
    assert some.singular_values.shape == (40, 2)


def test_passive_latents_make_the_metric_rank_deficient() -> None:
    def g(z: Tensor) -> Tensor:
        return torch.stack([2 * z[:, 0], 3 * z[:, 2]], dim=1)

    with pytest.warns(UserWarning, match="rank-deficient at 4 of 4 codes") as warned:
        result = of(g, torch.ones(4, 3))
    assert len(warned) == 1
    assert result.log_magnification.tolist() == [-torch.inf] * 4
    assert result.condition_number.tolist() == [torch.inf] * 4
    assert result.rank.tolist() == [2] * 4
    assert result.off_diagonal_share.tolist() == [0] * 4
    active = of(g, torch.ones(4, 3), latents=[0, 2])
    assert active.log_magnification.tolist() == pytest.approx([log(6)] * 4)


def test_rank_in_float32() -> None:
    directions = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))

    def g(z: Tensor) -> Tensor:
        return torch.tanh((z[:, :2] + z[:, 1:]) @ directions.T)  # latents 0 and 2 act along one line each, 1 along both

    with pytest.warns(UserWarning, match="rank-deficient at 30 of 30"):
        result = decoder_geometry(decoding_by(g, 3), torch.randn(30, 3, generator=torch.Generator().manual_seed(1)))
    assert (result.rank == 2).all()


def test_a_constant_decoder_has_no_metric() -> None:
    for g in (lambda z: torch.ones(len(z), 3), lambda z: torch.ones(len(z), 3, requires_grad=True) * 2):
        with pytest.warns(UserWarning, match="rank-deficient"):
            result = of(g, torch.zeros(2, 2))
        assert (result.mean_metric == 0).all()
        assert (result.rank == 0).all()
        assert result.off_diagonal_share.isnan().all()
        assert result.condition_number.tolist() == [torch.inf] * 2


def test_runs_compiled_modules(vae: ConvVAE, codes: Tensor) -> None:
    expected = decoder_geometry(vae, codes)
    vae.decoder.compile(backend="aot_eager")
    torch.testing.assert_close(decoder_geometry(vae, codes).singular_values, expected.singular_values)


def test_non_finite_gradients() -> None:
    with pytest.warns(UserWarning, match="the metric is not finite at 1 of 2 codes") as warned:
        result = of(torch.sqrt, torch.tensor([[0.0, 1.0], [4.0, 1.0]]))
    assert len(warned) == 1
    for values in (result.log_magnification, result.condition_number, result.off_diagonal_share, result.rank):
        assert values.isnan().tolist() == [True, False]
    assert result.condition_number[1] == pytest.approx(4)


@pytest.mark.parametrize("in_steps", [torch.sign, torch.round])
def test_piecewise_constant_decoders(in_steps: Callable[[Tensor], Tensor]) -> None:
    with pytest.warns(UserWarning, match="rank-deficient at 1 of 1 codes"):
        result = of(in_steps, torch.tensor([[0.3, -1.2]]))
    assert result.rank.tolist() == [0]
    assert result.off_diagonal_share.isnan().all()


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), factor=st.floats(0.1, 10))
def test_laws(seed: int, factor: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(6, 3, generator=generator).double()
    codes = torch.randn(2, 3, generator=generator).double()
    rotation, _ = torch.linalg.qr(torch.randn(6, 6, generator=generator).double())
    plain = of(lambda z: (z @ mixing.T).sin(), codes)
    scaled = of(lambda z: factor * (z @ mixing.T).sin() @ rotation, codes)  # observations turned and scaled
    torch.testing.assert_close(scaled.mean_metric, factor**2 * plain.mean_metric)
    torch.testing.assert_close(scaled.log_magnification, plain.log_magnification + 3 * log(factor))
    torch.testing.assert_close(scaled.condition_number, plain.condition_number, rtol=1e-5, atol=0)
    torch.testing.assert_close(scaled.off_diagonal_share, plain.off_diagonal_share)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"latents": [3]}, r"latents .*got \[3\]"),
        ({"latents": [1, 1]}, r"latents .*got \[1, 1\]"),
        ({"latents": []}, r"latents .*got \[\]"),
    ],
)
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decoder_geometry(decoding_by(lambda z: z, 3), **({"codes": torch.zeros(4, 3)} | arguments))
    with pytest.raises(ValueError, match="no gradients"):
        decoder_geometry(decoding_by(lambda z: z.detach(), 3), torch.eye(3))
