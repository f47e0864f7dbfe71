"""Response map."""

from typing import cast

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from lr_lightning.assays import response, wrap
from tests.assays.models import ConvVAE, responding_by


def test_decodes_then_encodes() -> None:
    wrapped = wrap(encode=lambda x: x + 1, decode=lambda z: 2 * z, latent_dim=2)
    assert response(wrapped, torch.tensor([[1.0, -3.0]])).tolist() == [[3.0, -5.0]]


@pytest.mark.parametrize("stochastic", [False, True])
def test_chunks_do_not_change_the_result(vae: ConvVAE, codes: Tensor, stochastic: bool) -> None:
    model, before = vae.double(), codes.clone()
    whole = response(model, codes, stochastic=stochastic)
    for chunk_size in (1, 7, 40):
        part = response(model, codes, stochastic=stochastic, chunk_size=chunk_size)
        torch.testing.assert_close(part, whole, rtol=0, atol=1e-12)  # float64 round-off of a few dozen terms
    assert torch.equal(codes, before)


def test_passes_are_small_on_a_processor_unless_told_otherwise() -> None:
    passes: list[int] = []

    def record(codes: Tensor) -> Tensor:
        passes.append(len(codes))
        return codes

    counting = responding_by(record, 1)
    response(counting, torch.zeros(70, 1))
    response(counting, torch.zeros(70, 1), chunk_size=50)
    assert passes == [32, 32, 6, 50, 20]


def test_samples_the_posterior() -> None:
    noisy = wrap(encode=lambda x: Normal(x, torch.full_like(x, 0.5)), decode=lambda z: z, latent_dim=1)
    codes = torch.full((10_000, 1), 3.0)
    sampled = response(noisy, codes, stochastic=True, generator=torch.Generator().manual_seed(3))
    # standard errors: mean .5 / sqrt(10000) = .005; std .5 / sqrt(20000) = .0035; five of each
    assert sampled.mean().item() == pytest.approx(3, abs=0.025)
    assert sampled.std().item() == pytest.approx(0.5, abs=0.018)
    assert torch.equal(response(noisy, codes), codes)


def test_the_generator_decides_the_samples() -> None:
    noisy = wrap(encode=lambda x: (x, torch.zeros_like(x)), decode=lambda z: z, latent_dim=2)

    def draw(seed: int) -> Tensor:
        return response(noisy, torch.zeros(20, 2), stochastic=True, generator=torch.Generator().manual_seed(seed))

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (torch.zeros(4, 3), r"codes .*got \(4, 3\)"),
        (torch.zeros(2), r"got \(2,\)"),
        (torch.zeros(4, 2, dtype=torch.long), "codes .*got torch.int64"),
        (torch.zeros(0, 2), "codes .*got 0"),
        (torch.tensor([[0.0, torch.nan]]), "codes .*got 1"),
    ],
)
def test_rejects_codes(codes: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        response(responding_by(lambda z: z, 2), codes)


def test_rejects_other_arguments() -> None:
    identity, codes = responding_by(lambda z: z, 2), torch.zeros(4, 2)
    with pytest.raises(ValueError, match=r"chunk_size .*got 0"):
        response(identity, codes, chunk_size=0)
    with pytest.raises(TypeError, match=r"codes .*got list"):
        response(identity, cast(Tensor, [[0.0, 0.0]]))
    with pytest.raises(ValueError, match=r"encode .*got \(4, 1\)"):
        response(responding_by(lambda z: z[:, :1], 2), codes)
