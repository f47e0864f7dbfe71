"""Pairs of samples with different labels: who may be a base and who its donor, and how often."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor

from lr_lightning.assays import LabelPairs, marginal_pairs, matched_pairs
from lr_lightning.data.factor_space import FactorSpace

LABELS = torch.randint(3, (200, 4), generator=torch.Generator().manual_seed(0))


def others(labels: Tensor, factor: int) -> Tensor:
    """Return all columns but ``factor``."""
    return labels[..., [column for column in range(labels.shape[-1]) if column != factor]]


def test_matched_pairs_differ_in_one_factor_only() -> None:
    pairs = matched_pairs(LABELS, num_traversals=7, num_samples=5)
    for factor, (bases, donors) in enumerate(zip(pairs.bases, pairs.donors, strict=True)):
        assert bases.shape == donors.shape == (7, 5)
        assert (LABELS[bases, factor] != LABELS[donors, factor]).all()
        groups = others(LABELS[torch.cat([bases, donors], dim=1)], factor)  # (T, 2 B, K - 1)
        assert (groups == groups[:, :1]).all()
        assert len(torch.unique(groups[:, 0], dim=0)) == 7  # no group twice


def test_all_groups_are_found() -> None:
    pairs = matched_pairs(LABELS, num_traversals=1000)
    for factor in range(4):
        groups: dict[tuple[int, ...], set[int]] = {}
        for row in LABELS.tolist():
            groups.setdefault((*row[:factor], *row[factor + 1 :]), set()).add(row[factor])
        assert pairs.num_groups[factor] == len(pairs.bases[factor]) == sum(len(held) > 1 for held in groups.values())


def test_marginal_pairs_differ_in_their_factor() -> None:
    pairs = marginal_pairs(LABELS, num_traversals=300, num_samples=16)
    for factor, (bases, donors) in enumerate(zip(pairs.bases, pairs.donors, strict=True)):
        assert (LABELS[bases, factor] != LABELS[donors, factor]).all()
        agree = (others(LABELS[bases], factor) == others(LABELS[donors], factor)).double().mean()
        assert float(agree) == pytest.approx(1 / 3, abs=0.02)  # by chance, for three equally frequent values
        assert all(len(torch.unique(row)) == 16 for row in bases)  # without replacement


@pytest.mark.parametrize("draw", [matched_pairs, marginal_pairs])
def test_bases_and_donors_are_equally_likely(draw: Callable[..., LabelPairs]) -> None:
    # the only factor: values 0, 0, 1, 2, so base 0 has donors 2 and 3, and base 2 has donors 0, 1 and 3
    labels = torch.tensor([[0], [0], [1], [2]])
    pairs = draw(labels, num_traversals=1, num_samples=60_000)
    counts = torch.bincount(4 * pairs.bases[0][0] + pairs.donors[0][0], minlength=16).view(4, 4)
    allowed = (labels != labels.T).double()
    expected = 15_000 * allowed / allowed.sum(dim=1, keepdim=True)
    assert (counts[allowed == 0] == 0).all()
    assert (counts - expected).abs().max() < 5 * 7_500**0.5  # five standard deviations


def test_different_bases_are_drawn_from_all_members() -> None:
    labels = torch.arange(5).repeat_interleave(3)[:, None]
    generator = torch.Generator().manual_seed(0)
    counts = torch.zeros(15)
    for _ in range(2000):
        bases = matched_pairs(labels, num_samples=14, generator=generator).bases[0][0]
        assert len(torch.unique(bases)) == 14
        counts[bases] += 1
    missed = 2000 - counts  # binomial with probability 1 / 15
    assert (missed - 2000 / 15).abs().max() < 4 * (2000 / 15 * 14 / 15) ** 0.5


def test_on_a_grid_groups_are_its_traversals() -> None:
    space = FactorSpace(["a", "b", "c"], [2, 3, 1])
    pairs = matched_pairs(space.factors(torch.arange(6)), num_samples=3)
    assert pairs.num_groups == (3, 2, 0)
    assert pairs.num_traversals == (3, 2, 0)
    assert {tuple(sorted(row)) for row in pairs.bases[1].tolist()} == {(0, 1, 2), (3, 4, 5)}
    assert pairs.num_pairs[0] <= 6
    assert len(pairs.bases[2]) == 0


def test_values_are_only_names() -> None:
    renamed = torch.tensor([7, -3, 2**40])[LABELS]
    for factors in (renamed, LABELS.short()):
        # a factor's values, and so its groups, come in another order, but they are the same ones
        assert matched_pairs(factors).num_groups == matched_pairs(LABELS).num_groups
    for first, second in permutations(((LABELS + 5) * 3, LABELS), 2):
        assert all(map(torch.equal, matched_pairs(first).donors, matched_pairs(second).donors))


def test_many_factors_overflow_nothing() -> None:
    # 2^120 combinations; only the first two rows agree in all labels but one
    labels = torch.randint(2, (500, 120), generator=torch.Generator().manual_seed(0))
    labels[1] = labels[0]
    labels[1, 77] = 1 - labels[0, 77]
    pairs = matched_pairs(labels)
    assert [factor for factor, number in enumerate(pairs.num_groups) if number] == [77]
    assert set(pairs.bases[77].flatten().tolist()) == {0, 1}


@pytest.mark.parametrize("draw", [matched_pairs, marginal_pairs])
def test_draws_depend_on_the_generator_only(draw: Callable[..., LabelPairs]) -> None:
    first, again = (draw(LABELS, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    other = draw(LABELS, generator=torch.Generator().manual_seed(4))
    assert all(map(torch.equal, first.bases + first.donors, again.bases + again.donors))
    assert not all(map(torch.equal, first.bases, other.bases))


@pytest.mark.parametrize("draw", [matched_pairs, marginal_pairs])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factors": torch.zeros(3, dtype=torch.long)}, r"factors .*\(3,\)"),
        ({"factors": torch.zeros(3, 0, dtype=torch.long)}, r"factors .*\(3, 0\)"),
        ({"factors": torch.tensor([[torch.nan]])}, "factors .*float32"),
        ({"num_traversals": 0}, "num_traversals .*0"),
        ({"num_samples": 0}, "num_samples .*0"),
    ],
)
def test_rejects(draw: Callable[..., LabelPairs], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw(**({"factors": LABELS} | arguments))
