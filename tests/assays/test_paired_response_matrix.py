"""Conditioned responses on pairs of samples, compared with those of a full grid, and with closed forms."""

from math import sqrt
from typing import Any

import pytest
import torch
from torch import Tensor

from lr_lightning.assays import (
    ConditionedResponseMatrix,
    bootstrap_interval,
    causal_completeness_score,
    causal_disentanglement_score,
    conditioned_response_matrix,
    label_response_matrix,
    marginal_pairs,
    matched_pairs,
    merge_conditioned_response_matrices,
    paired_response_matrix,
    permutation_null,
    score_warnings,
    traversals_from_codes,
)
from lr_lightning.data.factor_space import FactorSpace
from tests.assays.models import ConvVAE, responding_by

SPACE = FactorSpace(["a", "b", "c"], [4, 4, 4])
FACTORS = SPACE.factors(torch.arange(len(SPACE)))
STANDARDIZED = (FACTORS - FACTORS.double().mean(dim=0)) / FACTORS.double().std(dim=0, correction=0)
MIXING = torch.tensor([[1.0, 0.6, 0.1], [0.0, 1.0, 0.3], [0.4, 0.0, 1.0]]).double()
MIXED = torch.tanh(STANDARDIZED @ MIXING) * (1 + 0.2 * STANDARDIZED.roll(1, 1))
DRAW = {"matched": matched_pairs, "marginal": marginal_pairs}


def measure(codes: Tensor, factors: Tensor, pairing: str = "matched", **options: Any) -> ConditionedResponseMatrix:
    """Conditioned response matrix under the identity, with kappa = 1."""
    defaults: dict[str, Any] = {"num_traversals": 400, "num_samples": 64, "generator": torch.Generator().manual_seed(0)}
    pairs = DRAW[pairing](factors, **defaults | options)
    identity = responding_by(lambda z: z, codes.shape[1])
    return paired_response_matrix(identity, codes, pairs, convention="release", chunk_size=100_000)


def exact(codes: Tensor, num_samples: int = 64) -> ConditionedResponseMatrix:
    """The same along traversals of the full grid."""
    traversals = traversals_from_codes(codes, SPACE, 400)
    identity = responding_by(lambda z: z, codes.shape[1])
    return conditioned_response_matrix(
        identity, traversals, num_samples=num_samples, convention="release", chunk_size=100_000
    )


def test_binary_grids_are_measured_exactly() -> None:
    # with two members and two samples, nothing is left to chance but which groups a grid draws
    space = FactorSpace(["a", "b", "c"], [2, 2, 2])
    factors = space.factors(torch.arange(8))
    codes = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)).double()
    result = measure(codes, factors, num_samples=2)
    traversals = traversals_from_codes(codes, space, 30)
    grid = conditioned_response_matrix(responding_by(lambda z: z, 3), traversals, num_samples=2, convention="release")
    assert result.num_traversals == (4, 4, 4)
    for factor in range(3):
        found = {tuple(row) for row in result.per_traversal[factor].float().tolist()}
        assert found == {tuple(row) for row in grid.per_traversal[factor].float().tolist()}
        assert len(found) == 4


@pytest.mark.parametrize("num_samples", [2, 3, 4, 64])
def test_matched_samples_of_a_grid_agree_with_its_traversals(num_samples: int) -> None:
    # 16 groups of 4; a mean over 400 groups is off by less than 3 % of a response, one over 16 groups in 60 draws too
    parts = [
        measure(MIXED, FACTORS, num_samples=num_samples, generator=torch.Generator().manual_seed(seed)).matrix
        for seed in range(60)
    ]
    expected = exact(MIXED, num_samples=num_samples).matrix
    torch.testing.assert_close(torch.stack(parts).mean(dim=0), expected, rtol=0.12, atol=0.01)


def test_incomplete_grids_converge_to_the_grid() -> None:
    generator, expected = torch.Generator().manual_seed(0), exact(MIXED).matrix
    cds = causal_disentanglement_score(expected)
    errors = []
    for share in (0.3, 0.6, 1.0):
        scores = []
        for _ in range(20):
            kept = (torch.rand(len(FACTORS), generator=generator) < share).nonzero()[:, 0]
            scores.append(causal_disentanglement_score(measure(MIXED[kept], FACTORS[kept]).matrix))
        errors.append(float((torch.stack(scores) - cds).abs().mean()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.005 < errors[0] < 0.06


def test_an_ideal_code_scores_1_only_if_others_are_fixed() -> None:
    assert causal_disentanglement_score(measure(STANDARDIZED, FACTORS).matrix) == 1
    matrix = measure(STANDARDIZED, FACTORS, "marginal", num_traversals=50, num_samples=500).matrix
    # off the diagonal, two independent standardized values: sqrt(2); on it, two different ones: sqrt(2 V / (V - 1))
    expected = sqrt(2) * torch.ones(3, 3).double() + (sqrt(8 / 3) - sqrt(2)) * torch.eye(3).double()
    torch.testing.assert_close(matrix, expected, rtol=0.03, atol=0)
    ratio = sqrt(4 / 3)
    labels = label_response_matrix(FACTORS, marginal_pairs(FACTORS, 50, 64))
    for found in (matrix, labels):
        assert float(causal_disentanglement_score(found)) == pytest.approx(ratio / (ratio + 2), abs=0.01)
    assert torch.equal(label_response_matrix(FACTORS, matched_pairs(FACTORS)), torch.eye(3).double())


def test_sums_of_functions_of_single_factors_are_bounded_by_marginal_responses() -> None:
    codes = STANDARDIZED @ MIXING
    result = measure(codes, FACTORS, "marginal", num_traversals=50, num_samples=500).matrix.square()
    others = MIXING.square().sum(dim=0) - MIXING.square()
    expected = exact(codes).matrix.square() + 2 * others
    torch.testing.assert_close(result, expected, rtol=0.05, atol=0.02)


def test_marginal_responses_to_an_interaction_are_smaller_than_on_the_grid() -> None:
    space = FactorSpace(["a", "b"], [2, 2])
    factors = space.factors(torch.arange(4))
    either = (factors[:, :1] ^ factors[:, 1:]).double()
    assert measure(either, factors).matrix.flatten().tolist() == [1, 1]
    found = measure(either, factors, "marginal", num_samples=3000, num_traversals=10).matrix
    torch.testing.assert_close(found, torch.full((2, 1), sqrt(0.5)).double(), rtol=0.02, atol=0)


def test_several_samples_per_value() -> None:
    # a difference of 1 between the values, which two samples each share
    factors = torch.tensor([[0], [0], [1], [1]])
    codes = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    for pairing in DRAW:
        result = measure(codes, factors, pairing, num_traversals=3)
        assert result.matrix.item() == 1
        assert result.num_traversals == ((1,) if pairing == "matched" else (3,))


def test_a_factor_without_pairs_has_a_row_of_nan() -> None:
    # b never changes while a and c stay the same
    factors = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 1, 1]])
    codes = factors.double()
    result = measure(codes, factors)
    assert result.matrix[1].isnan().all()
    assert torch.equal(result.matrix[[0, 2]], torch.eye(3).double()[[0, 2]])
    assert result.num_traversals == (1, 0, 1)
    assert causal_disentanglement_score(result.matrix) == 1
    assert permutation_null(result, num_permutations=5).null.isfinite().all()
    low, _ = bootstrap_interval(result)
    assert low.isnan()
    [*_, few] = score_warnings(conditioned=result)
    assert "A factor has 1 matched group, fewer than 10" in few
    with pytest.raises(ValueError, match="parts"):
        merge_conditioned_response_matrices([result, result])


@pytest.mark.parametrize("reduction", ["mean", "min"])
def test_without_any_pairs_nothing_is_measured(reduction: Any) -> None:
    factors = torch.tensor([[0, 0], [1, 1]])
    pairs = matched_pairs(factors)
    result = paired_response_matrix(responding_by(lambda z: z, 2), factors.double(), pairs, reduction=reduction)
    assert result.matrix.isnan().all()
    assert score_warnings(conditioned=result)[0].startswith("No factor can be traversed (none has pairs")


def test_a_single_label() -> None:
    # ten classes, as in MNIST: one group of all samples
    generator = torch.Generator().manual_seed(0)
    factors = torch.randint(10, (500, 1), generator=generator)
    codes = torch.randn(500, 3, generator=generator) + factors
    matched, marginal = measure(codes, factors), measure(codes, factors, "marginal")
    torch.testing.assert_close(matched.matrix, marginal.matrix, rtol=0.2, atol=0)
    assert matched.pairs is not None
    assert (matched.pairs.num_groups, matched.num_traversals, marginal.num_traversals) == ((1,), (1,), (400,))
    assert causal_disentanglement_score(matched.matrix) == 1
    assert score_warnings(conditioned=matched) == (
        "Only one factor varies, so CDS of matched pairs is 1 for every code.",
    )


def test_repeated_pairs_are_evaluated_once(vae: ConvVAE) -> None:
    codes = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    pairs = matched_pairs(torch.tensor([[0], [1]]), num_samples=100)
    paired_response_matrix(vae, codes, pairs)
    assert vae.decoded == vae.encoded == 2 + 2 * 3 + 16 * 2 * 3  # bases, two interventions, and those for chance


def test_chunks_change_neither_draws_nor_result(vae: ConvVAE, codes: Tensor) -> None:
    vae.double()
    factors = torch.randint(3, (len(codes), 2), generator=torch.Generator().manual_seed(0))
    pairs, reports = matched_pairs(factors), []
    whole = paired_response_matrix(vae, codes, pairs, progress=lambda done, total: reports.append((done, total)))
    part = paired_response_matrix(vae, codes, pairs, chunk_size=7)
    torch.testing.assert_close(part.matrix, whole.matrix, rtol=1e-9, atol=0)
    torch.testing.assert_close(part.chance_squares, whole.chance_squares, rtol=1e-9, atol=1e-15)
    assert all(done <= total for done, total in reports)


def test_squares_for_chance_are_those_of_all_pairs() -> None:
    codes = torch.randn(30, 2, generator=torch.Generator().manual_seed(0)).double()
    factors = torch.arange(30)[:, None]
    pairs = marginal_pairs(factors)
    squares = paired_response_matrix(responding_by(lambda z: 3 * z, 2), codes, pairs).chance_squares
    assert squares is not None
    distances = 9 / 2 * (codes[:, None] - codes).square()
    for latent in range(2):  # up to the order in which codes were drawn
        torch.testing.assert_close(squares[..., latent].flatten().sort()[0], distances[..., latent].flatten().sort()[0])


@pytest.mark.parametrize("pairing", ["matched", "marginal"])
@pytest.mark.parametrize("score", [causal_disentanglement_score, causal_completeness_score])
def test_chance_is_the_score_of_independent_codes(pairing: str, score: Any) -> None:
    # groups of b are small and many, those of a large and few, and a has a rare value: traversals are not exchangeable
    generator, scores, stated, p_values = torch.Generator().manual_seed(0), [], [], []
    a, b = (torch.rand(400, generator=generator) < 0.02).long(), torch.randint(60, (400,), generator=generator)
    factors = torch.stack([a, b, torch.randint(2, (400,), generator=generator)], dim=1)
    for _ in range(60):
        codes = torch.randn(400, 4, generator=generator) * torch.tensor([1.0, 1.0, 0.5, 2.0])
        result = measure(codes, factors, pairing, num_traversals=15, num_samples=8, generator=generator)
        null = permutation_null(result, score, num_permutations=40, generator=generator)
        scores.append(null.score)
        stated.append(null.null.mean())
        p_values.append(null.p_value)
    error = torch.stack(scores).std() / len(scores) ** 0.5
    assert torch.stack(stated).mean() == pytest.approx(float(torch.stack(scores).mean()), abs=3.5 * float(error))
    rejected = float((torch.stack(p_values) <= 0.1).double().mean())
    assert 0 <= rejected < 0.1 + 3.5 * sqrt(0.1 * 0.9 / 60)


def test_nan_responses(codes: Tensor) -> None:
    pairs = marginal_pairs(torch.arange(len(codes))[:, None] % 2)
    with pytest.warns(UserWarning, match="responses are not finite"):
        result = paired_response_matrix(responding_by(lambda z: z / 0 * 0, 3), codes, pairs)
    assert result.matrix.isnan().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"codes": torch.zeros(4, 2)}, "pairs .*4 .*3"),
        ({"codes": torch.zeros(3, 5)}, "with D=2"),
        ({"codes": torch.full((3, 2), torch.nan)}, "must be finite"),
        ({"num_chance_codes": 1}, "num_chance_codes .*1"),
        ({"factor_names": ["shape", "hue"]}, "factor_names .*1 .*'hue'"),
        ({"reduction": "max"}, "reduction .*'max'"),
        ({"convention": "half"}, "convention"),
        ({"chunk_size": 0}, "chunk_size"),
    ],
)
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    valid: dict[str, Any] = {"codes": torch.zeros(3, 2), "pairs": marginal_pairs(torch.tensor([[0], [1], [1]]))}
    with pytest.raises(ValueError, match=message):
        paired_response_matrix(responding_by(lambda z: z, 2), **valid | arguments)


def test_factors_have_the_names_that_they_are_given() -> None:
    factors = torch.tensor([[0, 0], [1, 0], [1, 1]])
    codes = torch.tensor([[0.0, 7.0], [3.0, 7.0], [3.0, 8.0]])
    result = paired_response_matrix(
        responding_by(lambda z: z, 2), codes, matched_pairs(factors), factor_names=["shape", "hue"]
    )
    assert result.factor_names == ("shape", "hue")
