"""Codes that scores are compared with: noise, and a perfect code, on the rows of a sample."""

from dataclasses import replace

import numpy as np

from lr_lightning.metrics.core.permutation_null import paired_at_random
from lr_lightning.metrics.core.sample import Floats, Integers, Sample

_FEW_VALUES = 0.1  # distinct values per row below which a latent counts as discrete


def shuffled_sample(sample: Sample, number: int) -> Sample:
    """Return the sample with codes and factors paired at random, in the way with this ``number``; made once."""
    return sample.shared(
        ("shuffled", number), lambda: paired_at_random(sample, sample.random(f"shuffled sample {number}"))
    )


def noise_sample(sample: Sample, number: int) -> Sample:
    """Return the sample with noise for codes, the draw with this ``number``; made once.

    Latents are standard normal and independent. A latent that takes few values gets as many evenly spaced ones, drawn
    alike, and a constant one stays constant. The noise depends on the sample's own codes in no other way, so that what
    it scores is the same for all codes of one data set.
    """

    def make() -> Sample:
        random = sample.random(f"noise {number}")
        values = values_of_latents(sample)
        pool = _noise(random, len(sample.pool[0]), values)
        same_table = sample.test_pool[0] is sample.pool[0]
        test_pool = pool if same_table else _noise(random, len(sample.test_pool[0]), values)
        return _with_codes(sample, pool, test_pool)

    return sample.shared(("noise", number), make)


def values_of_latents(sample: Sample) -> tuple[int | None, ...]:
    """Return how many values each latent takes, ``None`` where they are not few; found once per sample."""

    def count() -> tuple[int | None, ...]:
        codes = sample.pool[0]
        counts = [len(np.unique(column)) for column in codes.T]
        return tuple(each if each <= max(_FEW_VALUES * len(codes), 1) else None for each in counts)

    return sample.shared("values of latents", count)


def perfect_samples(sample: Sample) -> list[Sample]:
    """Return the sample with the standardized indices of the factors for codes, one latent a factor; made once.

    Returns:
        With as many latents as the sample has: those left over are constant. Where there are any, also without them.
        Where there are fewer latents than factors that vary, the factors of most entropy are encoded.
    """

    def make() -> list[Sample]:
        carried = _factors_to_carry(sample)
        whole = _perfect(sample, carried, sample.latent_dim)
        return [whole, _perfect(sample, carried, len(carried))] if 0 < len(carried) < sample.latent_dim else [whole]

    return sample.shared("perfect samples", make)


def _noise(random: np.random.Generator, num_rows: int, values: tuple[int | None, ...]) -> Floats:
    columns = [random.standard_normal(num_rows) if n is None else random.integers(n, size=num_rows) for n in values]
    return np.stack(columns, axis=1).astype(np.float64)


def _with_codes(sample: Sample, pool: Floats, test_pool: Floats) -> Sample:
    """Return the sample with other codes for the rows of its pools; log-variances, which are not of these, go."""
    train, test = sample.rows
    return replace(
        sample,
        codes=pool[train],
        test_codes=test_pool[test],
        pool=(pool, sample.pool[1]),
        test_pool=(test_pool, sample.test_pool[1]),
        log_variances=None,
        active=pool.var(axis=0) > 0.01,
        _shared={},
    )


def _factors_to_carry(sample: Sample) -> list[int]:
    varying = sample.varying_factors
    if len(varying) <= sample.latent_dim:
        return varying
    shares = [np.unique(sample.factors[:, k], return_counts=True)[1] / len(sample.factors) for k in varying]
    entropies = np.array([-(share * np.log(share)).sum() for share in shares])
    return sorted(varying[i] for i in np.argsort(-entropies, kind="stable")[: sample.latent_dim])


def _perfect(sample: Sample, carried: list[int], latent_dim: int) -> Sample:
    train = sample.factors[:, carried]
    mean, deviation = train.mean(axis=0), train.std(axis=0)

    def codes(factors: Integers) -> Floats:
        indices = (factors[:, carried] - mean) / deviation
        return np.pad(indices, ((0, 0), (0, latent_dim - len(carried))))

    pool = codes(sample.pool[1])
    test_pool = pool if sample.test_pool[1] is sample.pool[1] else codes(sample.test_pool[1])
    return _with_codes(sample, pool, test_pool)
