"""Order, completeness, resumption and division between processes of the batches."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lr_lightning.data import BatchLoader, FactorBatch, FactorDataset, FactorSpace, PairBatch, TripletBatch
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset


def numbers(size: int) -> FactorDataset:
    """A data set whose observation ``i`` is the number ``i``, as is its factor."""
    values = torch.arange(size)[:, None]
    return TensorFactorDataset("numbers", values.float(), values, FactorSpace(["number"], [size]))


def stream(loader: BatchLoader) -> Iterator[list[int]]:
    """Return an endless stream of batches, as lists of sample numbers."""
    while True:
        for batch in loader:
            yield batch.factors[:, 0].tolist()


def take(loader: BatchLoader, count: int) -> list[list[int]]:
    """Return the next ``count`` batches."""
    return list(islice(stream(loader), count))


def make(**options: Any) -> BatchLoader:
    """Return a loader of every second of 46 numbers, in shuffled batches of 5, four to a pass and three left out."""
    arguments: dict[str, Any] = {"batch_size": 5, "seed": 3} | options
    return BatchLoader(numbers(46), torch.arange(0, 46, 2), shuffle=True, **arguments)


def test_a_batch_holds_observations_and_factors_of_the_same_samples(bars: FactorDataset) -> None:
    indices = torch.tensor([7, 3, 40])
    [batch] = BatchLoader(bars, indices, 5)
    assert isinstance(batch, FactorBatch)
    assert torch.equal(batch.images, bars.images(indices))
    assert torch.equal(batch.factors, bars.factors(indices))
    assert batch.images.dtype == torch.uint8  # converted on the device


def test_a_pass_has_no_sample_twice_and_leaves_out_the_incomplete_batch() -> None:
    loader = make()
    for _ in range(3):
        batches = [batch.factors[:, 0].tolist() for batch in loader]
        assert list(map(len, batches)) == [5, 5, 5, 5]
        samples = {sample for batch in batches for sample in batch}
        assert len(samples) == 20
        assert samples <= set(range(0, 46, 2))


def test_a_pass_that_comes_out_even_has_each_sample_once() -> None:
    batches = take(BatchLoader(numbers(12), torch.arange(12), 4, shuffle=True), 3)
    assert sorted(chain(*batches)) == list(range(12))


def test_each_pass_has_its_own_order_that_depends_on_the_seed_alone() -> None:
    passes = take(make(), 12)
    torch.rand(3)
    assert take(make(), 12) == passes
    assert take(make(seed=4), 4) != passes[:4]
    assert passes[:4] != passes[4:8] != passes[8:]
    assert take(make(seed=4), 4) != passes[4:8]  # seed + 1 is not the next pass


def test_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    take(make(), 5)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("num_batches", [1, 3, 4, 7])
def test_iterations_cut_one_stream_into_pieces(num_batches: int) -> None:
    loader = make(num_batches=num_batches)
    assert len(loader) == num_batches
    assert len(list(loader)) == num_batches
    loader = make(num_batches=num_batches)
    assert take(loader, 15) == take(make(), 15)


@given(
    position=st.integers(0, 20),
    num_batches=st.none() | st.integers(1, 9),
    world_size=st.integers(1, 3),
    seed=st.integers(0, 2**40),
)
def test_resumes_anywhere(position: int, num_batches: int | None, world_size: int, seed: int) -> None:
    def loader() -> BatchLoader:
        rank = world_size - 1
        return BatchLoader(numbers(23), torch.arange(23), 3, True, seed, num_batches, rank, world_size)

    whole, begun, resumed = loader(), loader(), loader()
    expected = take(whole, position + 12)
    take(begun, position)
    assert begun.state_dict()["position"] == position
    resumed.load_state_dict(begun.state_dict())
    assert take(resumed, 12) == expected[position:]
    assert resumed.state_dict() == whole.state_dict()


def test_after_a_resume_inside_an_epoch_only_its_rest_is_left() -> None:
    loader = make(num_batches=7)
    loader.load_state_dict({"position": 12, "taken": 5})
    assert [len(list(loader)) for _ in range(2)] == [2, 7]


def test_after_a_resume_at_the_end_of_an_epoch_the_next_is_whole() -> None:
    loader = make(num_batches=7)
    loader.load_state_dict({"position": 14, "taken": 7})
    assert len(list(loader)) == 7


def test_an_epoch_is_whole_wherever_training_has_come_to() -> None:
    loader = make(num_batches=7)
    loader.load_state_dict({"position": 3, "taken": 3})
    loader.move_to(12)  # epochs of another length before
    assert [len(list(loader)) for _ in range(2)] == [7, 7]
    assert loader.state_dict() == {"position": 26, "taken": 7}


def test_an_epoch_that_is_cut_short_does_not_shorten_the_next() -> None:
    loader = make(num_batches=7)
    for _ in range(2):
        assert len(list(zip(range(3), loader, strict=False))) == 3  # what limit_train_batches=3 does
    assert len(list(loader)) == 7


def test_state_counts_the_batch_that_is_being_trained_on() -> None:
    loader = make()
    iterator = iter(loader)
    next(iterator)
    assert loader.state_dict() == {"position": 1, "taken": 1}


def test_processes_share_the_training_samples_of_one() -> None:
    ranks = [take(make(rank=rank, world_size=2), 6) for rank in range(2)]
    together = [first + second for first, second in zip(*ranks, strict=True)]
    assert together == take(make(batch_size=10), 6)
    assert all(len(set(batch)) == 10 for batch in together)


@pytest.mark.parametrize(("size", "sizes"), [(12, [5, 5, 2]), (10, [5, 5]), (3, [3])])
def test_evaluation_is_one_pass_in_order_with_the_last_batch(size: int, sizes: list[int]) -> None:
    indices = torch.randperm(40, generator=torch.Generator().manual_seed(0))[:size]
    loader = BatchLoader(numbers(40), indices, 5)
    for _ in range(2):
        batches = [batch.factors[:, 0].tolist() for batch in loader]
        assert list(map(len, batches)) == sizes
        assert list(chain(*batches)) == indices.tolist()
    assert len(loader) == len(sizes)


@given(size=st.integers(1, 30), batch_size=st.integers(1, 7), world_size=st.integers(1, 4))
def test_processes_take_turns_in_evaluation(size: int, batch_size: int, world_size: int) -> None:
    def samples(rank: int, world_size: int) -> list[int]:
        loader = BatchLoader(numbers(30), torch.arange(size), batch_size, rank=rank, world_size=world_size)
        batches = [batch.factors[:, 0].tolist() for batch in loader]
        assert len(loader) == len(batches)
        return list(chain(*batches))

    ranks = [samples(rank, world_size) for rank in range(world_size)]
    interleaved = [part[turn] for turn in range(len(ranks[0])) for part in ranks if turn < len(part)]
    assert interleaved == samples(0, 1) == list(range(size))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"num_batches": 0}, "num_batches must be at least 1, got 0"),
        ({"batch_size": 24}, r"23 training samples do not fill one batch of 24 for each of 1 process\(es\); lower"),
        ({"batch_size": 12, "world_size": 2}, r"23 training samples .* of 12 for each of 2 process\(es\)"),
    ],
)
def test_rejects(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_evaluation_takes_fewer_samples_than_a_batch() -> None:
    assert len(BatchLoader(numbers(3), torch.arange(3), 100, world_size=2)) == 1


# Batches that are drawn


def squares(num_samples: int, generator: torch.Generator) -> Tensor:
    """Draw numbers, small ones more often."""
    return (torch.rand(num_samples, generator=generator).square() * 46).long()


def neighbors(num_samples: int, generator: torch.Generator) -> Tensor:
    """Draw pairs of a number and the next."""
    first = torch.randint(45, (num_samples,), generator=generator)
    return torch.stack([first, first + 1], dim=1)


def test_batches_are_drawn_anew_each_by_seed_and_number_alone() -> None:
    batches = take(make(draw=squares), 200)
    torch.rand(3)
    assert take(make(draw=squares), 200) == batches
    assert take(make(draw=squares, seed=4), 200) != batches
    assert len({tuple(batch) for batch in batches}) > 190
    assert max(Counter(chain(*batches)), key=Counter(chain(*batches)).__getitem__) == 0


def test_an_epoch_of_drawn_batches_is_as_long_as_a_pass() -> None:
    assert len(make(draw=squares)) == len(list(make(draw=squares))) == 4
    assert len(list(make(draw=squares, num_batches=9))) == 9


@given(
    position=st.integers(0, 20),
    num_batches=st.none() | st.integers(1, 9),
    world_size=st.integers(1, 3),
    seed=st.integers(0, 2**40),
)
def test_drawn_batches_resume_anywhere(position: int, num_batches: int | None, world_size: int, seed: int) -> None:
    def loader() -> BatchLoader:
        rank = world_size - 1
        return BatchLoader(numbers(46), torch.arange(46), 3, True, seed, num_batches, rank, world_size, squares)

    whole, begun, resumed = loader(), loader(), loader()
    expected = take(whole, position + 12)
    take(begun, position)
    resumed.load_state_dict(begun.state_dict())
    assert take(resumed, 12) == expected[position:]


def test_processes_share_the_drawn_batch_of_one() -> None:
    ranks = [take(make(draw=squares, rank=rank, world_size=2), 6) for rank in range(2)]
    together = [first + second for first, second in zip(*ranks, strict=True)]
    assert together == take(make(draw=squares, batch_size=10), 6)


def test_pairs_become_batches_of_pairs(bars: FactorDataset) -> None:
    loader = BatchLoader(bars, torch.arange(48), 5, True, draw=neighbors, make_batch=PairBatch)
    for batch in loader:
        assert isinstance(batch, PairBatch)
        indices = bars.factor_space.indices(batch.factors)
        assert torch.equal(bars.factor_space.indices(batch.second_factors), indices + 1)
        assert torch.equal(batch.images, bars.images(indices))
        assert torch.equal(batch.second_images, bars.images(indices + 1))


def test_triplets_become_batches_of_triplets(bars: FactorDataset) -> None:
    samples = torch.tensor([[4, 9, 2], [7, 0, 40]])
    loader = BatchLoader(bars, torch.arange(48), 2, True, draw=lambda *_: samples, make_batch=TripletBatch)
    batch = next(iter(loader))
    assert isinstance(batch, TripletBatch)
    images = [batch.images, batch.positive_images, batch.negative_images]
    factors = [batch.factors, batch.positive_factors, batch.negative_factors]
    for member, (found, labels) in enumerate(zip(images, factors, strict=True)):
        assert torch.equal(found, bars.images(samples[:, member]))
        assert torch.equal(labels, bars.factors(samples[:, member]))
