"""Draws from prior, aggregate posterior and product of marginals."""

from typing import Any

import pytest
import torch
from torch import Tensor

from lr_lightning.assays.latent_sampling import decoded_samples, hybrid_samples, posterior_samples
from tests.assays.models import ConvVAE, responding_by


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_posterior_samples_without_replacement(codes: Tensor) -> None:
    drawn = posterior_samples(codes, num_samples=25, generator=seeded())
    matches = (drawn[:, None] == codes).all(dim=2)  # (25, 40)
    assert matches.sum(dim=1).tolist() == [1] * 25
    assert matches.any(dim=0).sum() == 25
    assert torch.equal(posterior_samples(codes).sort(dim=0).values, codes.sort(dim=0).values)
    assert len(posterior_samples(codes, num_samples=100)) == 100  # with replacement


def test_posterior_samples_have_the_variance_of_the_posterior() -> None:
    means = torch.tensor([[0.0, 10.0]]).repeat(20_000, 1)
    log_variances = torch.tensor([[4.0, 0.25]]).log().repeat(20_000, 1)
    drawn = posterior_samples(means, log_variances=log_variances, generator=seeded())
    # standard errors: of a mean sigma / sqrt(N), of a variance sigma^2 sqrt(2 / N); five of each
    torch.testing.assert_close(drawn.mean(dim=0), torch.tensor([0.0, 10.0]), rtol=0, atol=5 * 2 / 20_000**0.5)
    torch.testing.assert_close(drawn.var(dim=0), torch.tensor([4.0, 0.25]), rtol=5 * (2 / 20_000) ** 0.5, atol=0)


def test_noise_belongs_to_the_row_that_was_drawn() -> None:
    means = torch.arange(1.0, 51.0)[:, None]
    log_variances = torch.where(means % 2 == 0, -80.0, 0.0)  # even rows have no noise
    drawn = posterior_samples(means, log_variances=log_variances, generator=seeded())
    whole = drawn == drawn.round()
    assert int(whole.sum()) == 25
    assert set(drawn[whole].tolist()) == set(range(2, 51, 2))


def test_hybrid_keeps_marginals_and_breaks_dependence() -> None:
    first = torch.randn(4000, 1, generator=seeded())
    codes = torch.cat([first, -first], dim=1)
    before = codes.clone()
    mixed = hybrid_samples(codes, seeded())
    assert torch.equal(codes, before)
    assert torch.equal(mixed.sort(dim=0).values, codes.sort(dim=0).values)
    assert abs(torch.corrcoef(mixed.T)[0, 1].item()) < 5 / 4000**0.5  # 5 standard errors of a correlation of 0


def test_decoded_samples_are_those_of_the_decoder(vae: ConvVAE, codes: Tensor) -> None:
    flags = [module.training for module in vae.modules()]
    result = decoded_samples(vae, codes, 7, log_variances=torch.zeros_like(codes), generator=seeded(3))
    assert [module.training for module in vae.modules()] == flags
    assert result.samplers == ("prior", "posterior", "hybrid")
    assert result.codes.shape == (3, 7, 3)
    assert result.observations.shape == (3, 7, 1, 8, 8)
    vae.eval()
    expected = vae.decode(result.codes[2]).detach()
    torch.testing.assert_close(result.observations[2], expected, rtol=0, atol=1e-6)
    assert torch.equal(result.codes[1].sort(dim=0).values, result.codes[2].sort(dim=0).values)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_samples": 0}, "num_samples .*got 0"),
        ({"log_variances": torch.zeros(3, 3)}, "log_variances .*got 3 and 40"),
        ({"log_variances": torch.zeros(40, 2)}, "log_variances .*shape"),
        ({"chunk_size": 0}, "chunk_size .*got 0"),
    ],
)
def test_rejects(codes: Tensor, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decoded_samples(responding_by(lambda z: z, 3), codes, **({"num_samples": 5} | arguments))
