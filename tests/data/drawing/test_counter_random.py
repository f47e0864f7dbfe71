"""Random bits from a seed and a number, against the algorithm in Python's integers and against chance."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, kstest

from lr_lightning.data.drawing.counter_random import random_bytes, random_normals, random_words

UNLIKELY = 1e-6  # a good generator fails a test at this level once in a million seeds; the seeds are fixed


def mix(word: int) -> int:
    """The finalizer of SplitMix64 in integers without sign."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ word >> 27) * 0x94D049BB133111EB % 2**64
    return word ^ word >> 31


def stream(state: int, num_words: int) -> list[int]:
    """The first words of SplitMix64 from ``state``."""
    return [mix((state + j * 0x9E3779B97F4A7C15) % 2**64) for j in range(1, num_words + 1)]


def chi_square_is_likely(counts: np.ndarray) -> bool:
    """Whether ``counts`` of equally likely cells are neither too uneven nor too even."""
    expected = counts.sum() / counts.size
    statistic = ((counts - expected) ** 2).sum() / expected
    low, high = chi2.ppf([UNLIKELY, 1 - UNLIKELY], counts.size - 1)
    return bool(low < statistic < high)


def test_finalizer_and_stream_are_those_of_splitmix64() -> None:
    assert stream(1234567, 3) == [6457827717110365317, 3203168211198807973, 9817491932198370423]  # published example


@settings(deadline=None)
@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**40), min_size=1, max_size=4), st.integers(1, 5))
def test_words_are_streams_of_splitmix64(seed: int, indices: list[int], num_words: int) -> None:
    words = random_words(seed, torch.tensor(indices), num_words)
    [start] = stream(seed, 1)
    expected = [stream(mix((start + (i + 1) * 0x9E3779B97F4A7C15) % 2**64), num_words) for i in indices]
    assert [[word % 2**64 for word in row] for row in words.tolist()] == expected


def test_bytes_are_those_of_the_words_lowest_first() -> None:
    indices = torch.tensor([3, 0, 3])
    words = random_words(9, indices, 2).tolist()
    expected = [[word % 2**64 >> 8 * k & 255 for word in row for k in range(8)][:11] for row in words]
    assert random_bytes(9, indices, 11).tolist() == expected


def test_an_index_has_its_words_in_any_batch() -> None:
    indices = torch.arange(100)
    words = random_words(1, indices, 4)
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    assert torch.equal(random_words(1, order, 4), words[order])
    assert torch.equal(random_words(1, torch.tensor([42]), 2), words[42:43, :2])
    assert torch.equal(random_words(1, torch.empty(0, dtype=torch.int64), 2), torch.empty(0, 2, dtype=torch.int64))


def test_indices_are_left_as_they_were() -> None:
    indices = torch.arange(5)
    random_words(0, indices, 1)
    assert indices.tolist() == [0, 1, 2, 3, 4]


def test_bytes_are_uniform() -> None:
    values = random_bytes(0, torch.arange(500), 1000).numpy()
    assert chi_square_is_likely(np.bincount(values.ravel(), minlength=256))
    for position in range(8):  # of each byte in its word
        assert chi_square_is_likely(np.bincount(values[:, position::8].ravel(), minlength=256))
    assert chi_square_is_likely(np.bincount(random_bytes(0, torch.arange(100_000), 1).numpy().ravel(), minlength=256))


@pytest.mark.parametrize("neighbor", ["index", "position", "seed"])
def test_neighbors_are_independent(neighbor: str) -> None:
    indices = torch.arange(400)
    values = random_bytes(0, indices, 1000).numpy()
    other = {
        "index": random_bytes(0, indices + 1, 1000).numpy(),
        "position": np.roll(values, 1, axis=1),
        "seed": random_bytes(1, indices, 1000).numpy(),
    }[neighbor]
    pairs = np.bincount((values.astype(int) // 16 * 16 + other // 16).ravel(), minlength=256)  # of the upper halves
    assert chi_square_is_likely(pairs)
    bits = np.unpackbits(values ^ other).mean()
    # 3.2 million fair bits: standard error .5 / sqrt(3.2e6) = .00028
    assert bits == pytest.approx(0.5, abs=5 * 0.00028)


def test_the_global_generator_is_left_alone() -> None:
    state = torch.get_rng_state()
    random_bytes(0, torch.arange(3), 3)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_words_are_the_same_on_cuda() -> None:
    indices = torch.arange(1000) * 737
    words = random_words(2**63 - 1, indices.cuda(), 7)
    assert words.device.type == "cuda"
    assert torch.equal(words.cpu(), random_words(2**63 - 1, indices, 7))


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_rejects_a_seed_outside(seed: int) -> None:
    with pytest.raises(ValueError, match=rf"seed must lie in \[0, 2\^63\), got {seed}"):
        random_words(seed, torch.arange(2), 1)


def test_normals_are_standard_and_belong_to_their_index() -> None:
    values = random_normals(3, torch.arange(20_000), 10)
    assert values.shape == (20_000, 10)
    assert values.dtype == torch.float64
    assert kstest(values.flatten().numpy(), "norm").pvalue > UNLIKELY
    correlations = np.corrcoef(values.T.numpy()) - np.eye(10)
    assert abs(correlations).max() < 5 / 20_000**0.5
    assert torch.equal(random_normals(3, torch.tensor([7, 5]), 4), values[[7, 5], :4])
