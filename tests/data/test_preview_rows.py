"""Observations that show what factors do."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.data.preview_rows import preview_rows, samples_of_values
from lr_lightning.data.storage.tensor_dataset import TensorFactorDataset

SPACE = FactorSpace(["a", "b", "c"], [3, 1, 40])


def grid() -> TensorFactorDataset:
    """Every combination once."""
    factors = SPACE.factors(torch.arange(len(SPACE)))
    dataset = TensorFactorDataset("grid", torch.arange(len(SPACE)).float()[:, None], factors, SPACE)
    dataset.full_grid = True
    return dataset


def table(rows: list[list[int]], sizes: list[int]) -> TensorFactorDataset:
    """Some combinations."""
    space = FactorSpace([f"f{k}" for k in range(len(sizes))], sizes)
    return TensorFactorDataset("table", torch.zeros(len(rows), 1), torch.tensor(rows), space)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(0, 20), st.integers(2, 50))
def test_in_a_grid_only_the_factor_changes(seed: int, num_values: int) -> None:
    dataset = grid()
    traversals = preview_rows(dataset, num_values, seeded(seed))
    assert [traversal.factor for traversal in traversals] == ["a", "b", "c"]
    every = []
    for k, (_, positions, indices) in enumerate(traversals):
        factors = dataset.factors(indices)
        assert torch.equal(factors[:, k], positions)
        assert len(positions) == min(SPACE.sizes[k], num_values)
        assert positions[0] == 0
        assert positions[-1] == SPACE.sizes[k] - 1
        steps = positions.diff()
        assert not len(steps) or 0 < steps.min() <= steps.max() <= steps.min() + 1  # evenly spaced, up to rounding
        factors[:, k] = -1
        assert (factors == factors[0]).all()
        every.append(factors[0])
    for one, other in ((0, 1), (1, 2), (0, 2)):  # all from one observation
        rest = [k for k in range(3) if k not in (one, other)]
        assert torch.equal(every[one][rest], every[other][rest])


@pytest.mark.parametrize("full_grid", [True, False])
def test_it_starts_from_a_given_observation(full_grid: bool) -> None:
    dataset = grid()
    dataset.full_grid = full_grid
    own = dataset.factors(torch.tensor([17]))[0]
    for k, traversal in enumerate(preview_rows(dataset, 50, start=17)):
        assert 17 in traversal.indices
        others = [column for column in range(3) if column != k]
        assert (dataset.factors(traversal.indices)[:, others] == own[others]).all()


def test_the_generator_decides_where_from() -> None:
    starts = {int(preview_rows(grid(), 5, seeded(seed))[1].indices) for seed in range(20)}
    assert len(starts) > 10
    assert {int(preview_rows(grid(), 5, seeded(3))[1].indices) for _ in range(3)} < starts


def test_elsewhere_the_nearest_observations_are_taken() -> None:
    rows = [[0, 0, 0], [0, 1, 2], [1, 0, 3], [1, 0, 0], [2, 2, 2], [2, 1, 0], [2, 0, 9]]
    dataset = table(rows, [4, 3, 10])
    seed = next(s for s in range(100) if int(torch.randint(7, (1,), generator=seeded(s))) == 0)  # begin at row 0
    first, second, third = preview_rows(dataset, 10, seeded(seed))
    assert first.positions.tolist() == [0, 1, 2]  # 3 does not occur
    assert first.indices.tolist() == [0, 3, 5]  # of 5 and 6, which agree in one factor each, the first
    assert second.positions.tolist() == [0, 1, 2]
    assert second.indices.tolist() == [0, 1, 4]  # row 1 agrees in f0, row 5 in f2
    assert third.positions.tolist() == [0, 2, 3, 9]
    assert third.indices.tolist() == [0, 1, 2, 6]


def test_a_row_is_filled_with_the_next_nearest() -> None:
    rows = [[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 0, 0], [0, 0, 1]]
    dataset = table(rows, [2, 2, 2])
    seed = next(s for s in range(100) if int(torch.randint(6, (1,), generator=seeded(s))) == 0)  # begin at row 0
    first, second, third = preview_rows(dataset, 7, seeded(seed), fill=True)
    assert first.positions.tolist() == [0, 0, 0, 1, 1]
    assert first.indices.tolist() == [0, 1, 5, 4, 3]
    assert second.indices.tolist() == [0, 1, 4, 2, 3]
    assert third.indices.tolist() == [0, 4, 1, 5, 2]
    assert [len(each.indices) for each in preview_rows(dataset, 3, seeded(seed), fill=True)] == [2, 2, 2]


def test_samples_have_their_value_and_do_not_repeat() -> None:
    labels = torch.arange(60) % 4
    dataset = table([[label, 0] for label in labels.tolist()], [5, 1])
    samples = samples_of_values(dataset, "f0", 10, seeded())
    assert [len(indices) for indices in samples] == [10, 10, 10, 10, 0]
    for value, indices in enumerate(samples):
        assert (labels[indices] == value).all()
        assert len(set(indices.tolist())) == len(indices)
    assert [len(indices) for indices in samples_of_values(dataset, "f0", 99, seeded())] == [15, 15, 15, 15, 0]
    assert not torch.equal(samples[0], samples_of_values(dataset, "f0", 10, seeded(1))[0])


def test_rejects() -> None:
    with pytest.raises(ValueError, match=r"num_values .*got 1"):
        preview_rows(grid(), 1)
    with pytest.raises(ValueError, match=r"num_samples .*got 0"):
        samples_of_values(grid(), "a", 0)
    with pytest.raises(KeyError, match="no factor 'z'; the factors are a, b, c"):
        samples_of_values(grid(), "z", 1)
