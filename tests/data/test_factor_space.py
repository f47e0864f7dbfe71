"""Factor spaces: numbering against NumPy, round trips, traversals, errors."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lr_lightning.data.factor_space import FactorSpace, factor_position
from lr_lightning.data.sets.dsprites import DSPRITES_FACTORS
from lr_lightning.data.sets.shapes3d import SHAPES3D_FACTORS

spaces = st.lists(st.integers(1, 6), min_size=1, max_size=5).map(
    lambda sizes: FactorSpace([f"f{i}" for i in range(len(sizes))], sizes)
)


@pytest.fixture
def space() -> FactorSpace:
    return FactorSpace(["shape", "hue", "size"], [2, 3, 4])


@given(spaces)
def test_numbers_combinations_as_numpy_does(space: FactorSpace) -> None:
    indices = torch.arange(len(space))
    expected = np.stack(np.unravel_index(indices.numpy(), space.sizes), axis=1)
    assert np.array_equal(space.factors(indices).numpy(), expected)
    assert torch.equal(space.indices(space.factors(indices)), indices)


def test_indices_keep_leading_axes(space: FactorSpace) -> None:
    factors = space.factors(torch.arange(24)).view(2, 3, 4, 3)
    assert torch.equal(space.indices(factors), torch.arange(24).view(2, 3, 4))


def test_accepts_an_empty_batch(space: FactorSpace) -> None:
    empty = torch.zeros(0, dtype=torch.int64)
    assert space.factors(empty).shape == (0, 3)
    assert space.indices(space.factors(empty)).shape == (0,)


def test_a_space_without_factors_has_one_combination() -> None:
    space = FactorSpace([], [])
    assert (len(space), space.num_factors, space.value_labels, repr(space)) == (1, 0, [], "FactorSpace()")
    assert space == pickle.loads(pickle.dumps(space)) != FactorSpace(["a"], [1])
    assert space.factors(torch.zeros(5, dtype=torch.int64)).shape == (5, 0)
    assert space.indices(torch.empty(5, 0, dtype=torch.int64)).tolist() == [0] * 5
    assert space.sample(5).shape == (5, 0)
    with pytest.raises(KeyError, match=r"'hue'.*none"):
        space.position("hue")
    with pytest.raises(ValueError, match=r"held_out.*'hue'.*no factors"):
        factor_position("held_out", space, "hue")
    with pytest.raises(ValueError, match=r"factors must have 0 columns.*\(5, 2\)"):
        space.indices(torch.zeros(5, 2, dtype=torch.int64))


def test_samples_are_seeded_and_cover_the_space(space: FactorSpace) -> None:
    first, again, other = (space.sample(500, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert len(set(space.indices(first).tolist())) == 24  # missed with probability 24 * (23/24)^500 < 1e-7


def test_traversals_change_one_factor_through_all_its_values(space: FactorSpace) -> None:
    groups = space.traversals("hue", 50, torch.Generator().manual_seed(0))
    assert groups.shape == (50, 3, 3)
    assert torch.equal(groups[:, :, 1], torch.arange(3).expand(50, 3))
    fixed = groups[:, :, [0, 2]]
    assert torch.equal(fixed, fixed[:, :1].expand_as(fixed))
    assert (
        len(set(map(tuple, fixed[:, 0].tolist()))) == 8
    )  # missed with probability 8 * (7/8)^50 < 0.02, settled by the seed
    assert torch.equal(groups, space.traversals("hue", 50, torch.Generator().manual_seed(0)))


def test_equality_hash_and_pickle_include_the_values() -> None:
    degrees = FactorSpace(["angle"], [2], [[0, 90]])
    assert degrees == pickle.loads(pickle.dumps(degrees))
    assert hash(degrees) == hash(FactorSpace(["angle"], [2], [[0.0, 90.0]]))
    assert degrees != FactorSpace(["angle"], [2])
    assert FactorSpace(["angle"], [2]).values == ((0.0, 1.0),)
    assert repr(degrees) == "FactorSpace(angle=2)"


@pytest.mark.parametrize(
    ("names", "sizes", "values", "message"),
    [
        (["a"], [2, 3], None, r"equally long, got \('a',\) and \(2, 3\)"),
        (["a", "a"], [2, 3], None, "unique"),
        (["a", "b"], [2, 0], None, "sizes .*got 0"),
        (["a", "b"], [2, 3], [[0, 1], [0, 1]], r"sizes \(2, 3\), got \(2, 2\)"),
        (["a"], [2], [], r"sizes \(2,\), got \(\)"),
    ],
)
def test_rejects(names: list[str], sizes: list[int], values: list[list[float]] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FactorSpace(names, sizes, values)


def test_rejects_what_lies_outside(space: FactorSpace) -> None:
    with pytest.raises(IndexError, match=r"indices must lie in \[0, 24\), got 3 to 24"):
        space.factors(torch.tensor([3, 24]))
    with pytest.raises(IndexError, match=r"indices must lie in \[0, 24\), got -1 to -1"):
        space.factors(torch.tensor([-1]))
    with pytest.raises(IndexError, match=r"factor 'hue' must lie in \[0, 3\), got 3 to 3"):
        space.indices(torch.tensor([[0, 3, 0]]))
    with pytest.raises(ValueError, match=r"3 columns \('shape', 'hue', 'size'\), got \(1, 2\)"):
        space.indices(torch.zeros(1, 2, dtype=torch.int64))
    with pytest.raises(KeyError, match="no factor 'colour'; the factors are shape, hue, size"):
        space.traversals("colour", 1)


def test_values_are_called_by_their_names_or_numbers() -> None:
    space = FactorSpace(["shape", "angle"], [2, 3], [[1, 2], [0, 1 / 3, 1e6]], {"shape": ["square", "disk"]})
    assert space.value_labels == [["square", "disk"], ["0", "0.3333", "1e+06"]]
    assert space != FactorSpace(space.names, space.sizes, space.values)
    assert space == pickle.loads(pickle.dumps(space))
    assert hash(space) == hash(pickle.loads(pickle.dumps(space)))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"shape": ["square"]}, "'shape' must be 2 different names.*square"),
        ({"shape": ["square", "square"]}, "'shape' must be 2 different names"),
        ({"shapes": ["square", "disk"]}, "value_names: there is no factor 'shapes'; did you mean 'shape'"),
    ],
)
def test_wrong_names_of_values_are_rejected(names: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FactorSpace(["shape", "angle"], [2, 3], value_names=names)


def test_public_sets_have_the_published_factors() -> None:
    assert len(SHAPES3D_FACTORS) == 480_000
    assert SHAPES3D_FACTORS.names == ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
    assert SHAPES3D_FACTORS.values[0] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    assert (SHAPES3D_FACTORS.values[3][0], SHAPES3D_FACTORS.values[3][-1]) == (0.75, 1.25)
    assert (SHAPES3D_FACTORS.values[5][0], SHAPES3D_FACTORS.values[5][7]) == (-30, 0)

    assert len(DSPRITES_FACTORS) == 737_280
    assert DSPRITES_FACTORS.names == ("color", "shape", "scale", "orientation", "posX", "posY")
    assert DSPRITES_FACTORS.values[:2] == ((1.0,), (1.0, 2.0, 3.0))
    assert DSPRITES_FACTORS.values[2] == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    assert DSPRITES_FACTORS.values[3][-1] == pytest.approx(6.283185307179586)
    assert DSPRITES_FACTORS.values[5][-1] == 1
