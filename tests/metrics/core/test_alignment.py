"""One latent for each factor."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_lightning.metrics.core.alignment import align, equal_bins
from lr_lightning.metrics.core.sample import Sampling, draw


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_alignment_is_the_best_of_all(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    factors = torch.randint(3, (40, 3), generator=generator)
    sample = draw(torch.randn(40, 4, generator=generator), factors, Sampling(40, 0))
    latents, information = align(sample)
    best = max(information[list(rows), range(3)].sum() for rows in permutations(range(4), 3))
    assert information[latents, range(3)].sum() == pytest.approx(best)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.integers(9, 40), st.integers(0, 1000))
def test_bins_hold_equally_many_different_codes(num_bins: int, size: int, seed: int) -> None:
    codes = np.random.default_rng(seed).permutation(size).astype(np.float64)
    bins, further = equal_bins(codes, np.array([-1.0, codes[3], codes[3] + 0.5, size]), num_bins)
    counts = np.bincount(bins, minlength=num_bins)
    assert counts.max() - counts.min() <= 1
    assert (np.diff(bins[codes.argsort()]) >= 0).all()
    assert further.tolist() == [0, bins[3], bins[3], num_bins - 1]
