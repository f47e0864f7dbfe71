"""Which rows metrics see."""

import warnings

import numpy as np
import pytest
import torch
from scipy.stats import kstest
from torch import Tensor

from lr_lightning.metrics.core.sample import (
    Sample,
    Sampling,
    as_sample,
    draw,
    warn_of_constant_factors,
)


def table(num_samples: int = 300) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    factors = torch.stack([torch.randint(size, (num_samples,), generator=generator) for size in (2, 3)], dim=1)
    return torch.randn(num_samples, 5, generator=generator), factors


def assert_equal(first: Sample, second: Sample, latents: list[int] | None = None) -> None:
    """Bit by bit, with the latents of ``first`` in the order ``latents``."""
    chosen = latents or list(range(first.latent_dim))
    for name in ("codes", "test_codes"):
        assert np.array_equal(getattr(first, name)[:, chosen], getattr(second, name))
    for name in ("factors", "test_factors"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    for name in ("pool", "test_pool"):
        assert np.array_equal(getattr(first, name)[0][:, chosen], getattr(second, name)[0])
        assert np.array_equal(getattr(first, name)[1], getattr(second, name)[1])
    assert first.active[chosen].tolist() == second.active.tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draw_does_not_depend_on_the_order_of_rows_or_latents(dtype: torch.dtype) -> None:
    codes, factors = table()
    codes = codes.to(dtype)
    rows = torch.randperm(300, generator=torch.Generator().manual_seed(1))
    latents = [3, 1, 4, 0, 2]
    sampling = Sampling(num_train=100, num_test=50, seed=5)
    first = draw(codes, factors, sampling)
    assert_equal(first, draw(codes[rows], factors[rows], sampling))
    assert_equal(first, draw(codes[:, latents], factors, sampling), latents)
    assert_equal(first, draw(codes[rows][:, latents], factors[rows], sampling), latents)


def test_draw_does_not_depend_on_how_codes_lie_in_memory() -> None:
    codes = torch.randn(4000, 9, generator=torch.Generator().manual_seed(0))
    assert_equal(draw(codes, None), draw(codes.T.contiguous().T, None))


def test_draw_of_codes_with_few_values_does_not_depend_on_order() -> None:
    """Rows that differ only in which latent has which value have one sum: (0, 1) and (1, 0)."""
    generator = torch.Generator().manual_seed(2)
    codes = (torch.rand(300, 4, generator=generator) < torch.tensor([0.2, 0.4, 0.5, 0.7])).float()
    factors = torch.randint(2, (300, 1), generator=generator)
    rows = torch.randperm(300, generator=generator)
    latents = [2, 0, 3, 1]
    sampling = Sampling(num_train=100, num_test=50)
    first = draw(codes, factors, sampling)
    assert_equal(first, draw(codes[rows], factors[rows], sampling))
    assert_equal(first, draw(codes[rows][:, latents], factors[rows], sampling), latents)


def test_the_sign_of_zero_does_not_matter() -> None:
    """Binary codes whose zeros are 0.0 in some rows and -0.0 in others: equal to the draw, unequal in their bytes."""
    generator = torch.Generator().manual_seed(3)
    ones = torch.rand(300, 4, generator=generator) < 0.5
    zeros = torch.where(torch.rand(300, 4, generator=generator) < 0.5, 0.0, -0.0)
    codes, factors = torch.where(ones, 1.0, zeros), torch.zeros(300, 1, dtype=torch.int64)
    sampling = Sampling(num_train=100, num_test=50)
    expected = draw(codes.abs(), factors, sampling)
    assert np.array_equal(draw(codes, factors, sampling).codes, expected.codes)


def test_many_rows_without_factors_do_not_depend_on_order() -> None:
    """Sums in single precision would coincide."""
    codes = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    assert_equal(draw(codes, None), draw(codes.flip(0), None))


def test_seeds_draw_other_rows() -> None:
    codes, factors = table()
    first, same, other = (draw(codes, factors, Sampling(100, 50, seed=seed)) for seed in (0, 0, 1))
    assert_equal(first, same)
    assert not np.array_equal(first.codes, other.codes)


def test_rows_are_drawn_once_and_with_their_factors() -> None:
    _, factors = table()
    codes = torch.arange(300.0)[:, None]
    sample = draw(codes, factors, Sampling(120, 90))
    drawn = np.concatenate([sample.codes, sample.test_codes])[:, 0].astype(int)
    assert len(set(drawn.tolist())) == 210
    assert np.array_equal(factors.numpy()[drawn], np.concatenate([sample.factors, sample.test_factors]))


def test_first_rows_and_their_pools() -> None:
    codes, factors = table()
    log_variances = codes - 1
    sample = draw(codes, factors, Sampling(7, 4, order="first"), log_variances)
    assert np.array_equal(sample.codes, codes[:7].numpy())
    assert np.array_equal(sample.test_codes, codes[7:11].numpy())
    assert np.array_equal(sample.test_factors, factors[7:11].numpy())
    assert sample.log_variances is not None
    assert np.array_equal(sample.log_variances, log_variances[:7].numpy())
    assert np.array_equal(sample.pool[0], sample.codes)
    assert np.array_equal(sample.pool[1], sample.factors)
    assert np.array_equal(sample.test_pool[0], sample.test_codes)
    assert np.array_equal(sample.test_pool[1], sample.test_factors)


def test_pools_of_a_random_draw_are_the_whole_table() -> None:
    codes, factors = table()
    sample = draw(codes, factors, Sampling(7, 4), log_variances=codes)
    for pool in (sample.pool, sample.test_pool):
        assert sorted(pool[0][:, 0].tolist()) == sorted(codes[:, 0].tolist())
        assert len(pool[1]) == 300
    assert np.array_equal(sample.codes, sample.log_variances)  # type: ignore[arg-type]


def test_values_are_renumbered_and_counted_over_the_table() -> None:
    factors = torch.tensor([[7, -2], [9, -2], [7, -2], [100, -2]])
    sample = draw(torch.zeros(4, 1), factors, Sampling(2, 2, order="first"))
    assert sample.factors.tolist() == [[0, 0], [1, 0]]
    assert sample.test_factors.tolist() == [[0, 0], [2, 0]]
    assert sample.factor_sizes == (3, 1)
    assert sample.varying_factors == [0]
    assert (sample.num_factors, sample.latent_dim) == (2, 1)


def test_active_latents_vary_by_more_than_a_hundredth() -> None:
    codes = torch.tensor([[-1.0, 1.0]]).T * torch.tensor([0.0, 0.09, 0.11])  # variances 0, .0081, .0121
    assert draw(codes, None).active.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("sampling", "num_samples", "expected"),
    [
        (Sampling(), 20_000, (10_000, 5_000)),
        (Sampling(), 15_000, (10_000, 5_000)),
        (Sampling(), 14_999, (10_000, 4_999)),
        (Sampling(), 300, (200, 100)),
        (Sampling(), 2, (2, 0)),
        (Sampling(num_train=50), 20_000, (50, 5_000)),
        (Sampling(num_train=50), 80, (50, 30)),
        (Sampling(num_test=50), 20_000, (10_000, 50)),
        (Sampling(num_test=50), 80, (30, 50)),
        (Sampling(num_test=0), 80, (80, 0)),
        (Sampling(num_train=50, num_test=30), 80, (50, 30)),
    ],
)
def test_sizes(sampling: Sampling, num_samples: int, expected: tuple[int, int]) -> None:
    assert sampling.sizes(num_samples) == expected


@pytest.mark.parametrize(
    "sampling", [Sampling(num_train=81), Sampling(num_test=79), Sampling(num_test=90), Sampling(50, 31)]
)
def test_more_rows_than_there_are(sampling: Sampling) -> None:
    message = f"num_train={sampling.num_train} and num_test={sampling.num_test} exceed the 80 rows given"
    with pytest.raises(ValueError, match=message):
        sampling.sizes(80)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_train": 1}, "num_train must be at least 2, got 1"),
        ({"num_test": -1}, "num_test must be at least 0, got -1"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"order": "last"}, "order must be one of random, first, got 'last'"),
        ({"codes": "means"}, "codes must be one of mean, sample, got 'means'"),
    ],
)
def test_wrong_sampling(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sampling(**arguments)  # type: ignore[arg-type]


def test_random_depends_on_seed_and_purpose_alone() -> None:
    codes, factors = table()
    first = draw(codes, factors, Sampling(100, 50, seed=1))
    first.random("other").random(5)
    again = draw(codes[:200], factors[:200], Sampling(100, 50, seed=1))
    assert first.random("this").random() == again.random("this").random()
    assert first.random("this").random() != first.random("that").random()
    assert first.random("this").random() != draw(codes, factors, Sampling(100, 50, seed=2)).random("this").random()


def test_shared_is_computed_once() -> None:
    sample = draw(*table())
    calls: list[int] = []
    for _ in range(2):
        assert sample.shared("key", lambda: calls.append(0) or 7) == 7  # type: ignore[func-returns-value]
    assert len(calls) == 1
    assert sample.shared("another key", lambda: 8) == 8


def test_only_latents() -> None:
    codes, factors = table()
    sample = draw(codes, factors, Sampling(100, 50), log_variances=codes)
    sample.shared("key", lambda: 1)
    kept = np.array([True, False, True, False, False])
    fewer = sample.only_latents(kept)
    for part in (fewer.codes, fewer.test_codes, fewer.pool[0], fewer.test_pool[0], fewer.log_variances, fewer.active):
        assert part is not None
        assert part.shape[-1] == 2
    assert np.array_equal(fewer.codes, sample.codes[:, [0, 2]])
    assert np.array_equal(fewer.factors, sample.factors)
    assert fewer.shared("key", lambda: 2) == 2
    with pytest.raises(ValueError, match="no latent is active"):
        sample.only_latents(np.zeros(5, dtype=bool))


def test_constant_factors_are_named_once() -> None:
    codes, factors = table()
    constant = torch.cat([torch.full((300, 1), 4), factors, torch.full((300, 1), 2)], dim=1)
    sample = draw(codes, constant)
    with pytest.warns(UserWarning, match="factors 0, 3 take one value only; they are left out") as caught:
        warn_of_constant_factors(sample)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_constant_factors(sample)
        warn_of_constant_factors(draw(codes, factors))


def test_as_sample() -> None:
    codes, factors = table()
    sample = draw(codes, factors)
    assert as_sample(sample, None, None) is sample
    assert np.array_equal(as_sample(codes, factors, None).codes, sample.codes)
    for arguments in ((factors, None, None), (None, Sampling(), None), (None, None, codes)):
        with pytest.raises(ValueError, match="a Sample has its factors, log_variances and sampling already"):
            as_sample(sample, *arguments)
    without = draw(codes, None)
    assert as_sample(without, None, None, factors_needed=False).num_factors == 0
    with pytest.raises(ValueError, match="the sample has no factors"):
        as_sample(without, None, None)
    with pytest.raises(ValueError, match="factors are missing"):
        as_sample(codes, None, None)


def test_log_variances_of_another_shape() -> None:
    codes, factors = table()
    with pytest.raises(ValueError, match=r"log_variances must have the shape of codes \(300, 5\), got \(300, 4\)"):
        draw(codes, factors, log_variances=codes[:, 1:])
    with pytest.raises(ValueError, match=r"log_variances .*got 1500 entries"):
        draw(codes, factors, log_variances=torch.full_like(codes, -torch.inf))


def test_samples_are_drawn_from_the_posteriors_of_the_rows() -> None:
    means, factors = table(20_000)
    deviations = torch.rand(means.shape, generator=torch.Generator().manual_seed(1)) + 0.5
    log_variances = 2 * deviations.log()
    by_mean = draw(means, factors, Sampling(12_000, 4_000, seed=2), log_variances)
    sample = draw(means, factors, Sampling(12_000, 4_000, seed=2, codes="sample"), log_variances)
    assert (by_mean.kind, sample.kind) == ("mean", "sample")
    assert sample.log_variances is None
    assert by_mean.log_variances is not None
    assert np.array_equal(sample.factors, by_mean.factors)  # the same rows
    assert sample.codes.dtype == np.float32
    noise = (sample.codes - by_mean.codes) / np.exp(by_mean.log_variances / 2)
    assert kstest(noise.ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(np.concatenate([noise, by_mean.codes], axis=1).T)[:5, 5:]).max() < 5 / 12_000**0.5
    assert np.array_equal(sample.pool[0][sample.rows[0]], sample.codes)
    assert np.array_equal(sample.test_pool[0][sample.rows[1]], sample.test_codes)


def test_samples_depend_on_the_seed_but_not_on_the_order_of_rows() -> None:
    means, factors = table()
    log_variances = torch.randn(means.shape, generator=torch.Generator().manual_seed(1))
    sampling = Sampling(100, 50, seed=4, codes="sample")
    expected = draw(means, factors, sampling, log_variances)
    order = torch.randperm(len(means), generator=torch.Generator().manual_seed(2))
    assert_equal(expected, draw(means[order], factors[order], sampling, log_variances[order]))
    other = draw(means, factors, Sampling(100, 50, seed=5, codes="sample"), log_variances)
    assert not np.isin(other.codes, expected.pool[0]).any()  # new noise, not only new rows


def test_unused_latents_stay_inactive_where_samples_are_scored() -> None:
    means, factors = table()
    means[:, 0] = 0
    assert (
        draw(means, factors, Sampling(codes="sample"), torch.zeros_like(means)).active.tolist() == [False] + [True] * 4
    )


def test_samples_need_posteriors() -> None:
    with pytest.raises(ValueError, match="codes='sample' needs log-variances"):
        draw(*table(), Sampling(codes="sample"))


def test_metrics_of_means_refuse_samples() -> None:
    means, factors = table()
    drawn = draw(means, factors, Sampling(codes="sample"), torch.zeros_like(means))
    for given in ((drawn, None, None), (means, factors, Sampling(codes="sample"))):
        with pytest.raises(ValueError, match="codes='mean', got 'sample'"):
            as_sample(*given, means_needed=True)
    assert as_sample(drawn, None, None) is drawn
