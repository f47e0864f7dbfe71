"""Statistics on the use of latents."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from lr_lightning.assays import latent_statistics


def test_kl_is_that_of_torch_distributions(codes: Tensor) -> None:
    log_variances = codes.flip(0)
    posterior = Normal(codes.double(), (0.5 * log_variances.double()).exp())
    expected = kl_divergence(posterior, Normal(torch.zeros(1).double(), 1.0)).mean(dim=0)
    assert latent_statistics(codes, log_variances).kl is not None
    torch.testing.assert_close(latent_statistics(codes, log_variances).kl, expected, rtol=0, atol=1e-12)


def test_spread_and_active_units() -> None:
    means = torch.tensor([[3.0, 1.0, 5.0], [5.0, 1.18, 5.0]])
    statistics = latent_statistics(means)
    assert statistics.mean.tolist() == pytest.approx([4, 1.09, 5])
    assert statistics.std.tolist() == pytest.approx([1, 0.09, 0])
    assert statistics.active.tolist() == [True, False, False]
    assert statistics.num_active == 1
    assert latent_statistics(means, active_threshold=0.008).active.tolist() == [True, True, False]
    assert statistics.num_samples == 2


def test_regimes() -> None:
    variances = torch.tensor(
        [  # m and v: .05 and 0; 1 and 0; .95 and .0025; 1 and .25; .3 and 0
            [0.05, 1.0, 0.9, 0.5, 0.3],
            [0.05, 1.0, 1.0, 1.5, 0.3],
        ]
    )
    statistics = latent_statistics(torch.zeros(2, 5), variances.log())
    assert statistics.regimes == ("active", "passive", "passive", "mixed", "mixed")
    assert statistics.posterior_variance is not None
    assert statistics.posterior_variance_spread is not None
    assert statistics.posterior_variance.tolist() == pytest.approx([0.05, 1, 0.95, 1, 0.3])
    assert statistics.posterior_variance_spread.tolist() == pytest.approx([0, 0, 0.0025, 0.25, 0])


def test_a_deterministic_code_has_no_divergence(codes: Tensor) -> None:
    statistics = latent_statistics(codes)
    assert statistics.kl is None
    assert statistics.regimes is None


def test_large_offsets_do_not_spoil_the_spread() -> None:
    means = 1e4 + torch.tensor([[0.0], [1.0], [2.0]])  # in float32, sums of squares would be off by 10
    assert latent_statistics(means).std.item() == pytest.approx((2 / 3) ** 0.5)


@pytest.mark.parametrize(
    ("means", "log_variances", "message"),
    [
        (torch.zeros(1, 2), None, "means .*got 1"),
        (torch.zeros(3, 2), torch.zeros(3, 1), "log_variances .*shape"),
        (torch.zeros(3, 2), torch.zeros(2, 2), "log_variances .*got 2 and 3"),
        (torch.tensor([[0.0], [torch.nan]]), None, "means .*finite"),
    ],
)
def test_rejects(means: Tensor, log_variances: Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        latent_statistics(means, log_variances)
