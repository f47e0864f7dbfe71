"""Response map."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from lr_lightning.assays import response, wrap
from tests.assays.models import responding_by


def test_decodes_then_encodes() -> None:
    wrapped = wrap(encode=lambda x: x + 1, decode=lambda z: 2 * z, latent_dim=2)
    assert response(wrapped, torch.tensor([[1.0, -3.0]])).tolist() == [[3.0, -5.0]]


def test_default_pass_size() -> None:
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


def test_rejects_responses_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"encode .*got \(4, 1\)"):
        response(responding_by(lambda z: z[:, :1], 2), torch.zeros(4, 2))
