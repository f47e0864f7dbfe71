"""Conditioned response matrix, compared with closed forms and exact cases, and its invariances."""

from math import pi, sqrt
from typing import Any

import pytest
import torch
from torch import Tensor

from lr_lightning.assays import (
    ConditionedResponseMatrix,
    causal_completeness_score,
    causal_disentanglement_score,
    conditioned_response_matrix,
    merge_conditioned_response_matrices,
    sample_traversals,
    traversals_from_codes,
)
from lr_lightning.data.factor_space import FactorSpace
from lr_lightning.testing.bars import Bars
from lr_lightning.testing.tiny_runs import tiny_model
from tests.assays.models import ConvVAE, responding_by

SPACE = FactorSpace(["a", "b", "c", "d"], [6, 6, 6, 6])
FACTORS = SPACE.factors(torch.arange(len(SPACE))).double()
STANDARDIZED = (FACTORS - FACTORS.mean(dim=0)) / FACTORS.std(dim=0, correction=0)
ROTATION = torch.tensor([[1.0, -1.0], [1.0, 1.0]], dtype=torch.float64) / sqrt(2)
SAMPLES, TRAVERSALS = 512, 50

# For codes of one factor with V = 6 values, (difference of two different members)^2 is k^2 / 2.917 with k = 1..5: mean
# 2V / (V - 1) = 2.4, largest 8.57, so its variance is at most 2.4 * (8.57 - 2.4) = 14.8. Over B = 512 samples the mean
# square has the standard error .17, its root .17 / (2 * 1.549) = .055, and the mean over T = 50 traversals .0078.
# Means of roots are low by .17^2 / (8 * 1.549^3) = .001. Five standard errors and that bias:
TOLERANCE = 0.04


def measure(codes: Tensor) -> ConditionedResponseMatrix:
    """Conditioned response matrix of ``codes`` of the grid under the identity, with kappa = 1."""
    traversals = traversals_from_codes(codes, SPACE, TRAVERSALS)
    identity = responding_by(lambda z: z, codes.shape[1])
    return conditioned_response_matrix(
        identity, traversals, num_samples=SAMPLES, convention="release", chunk_size=10_000
    )


def test_a_latent_per_factor() -> None:
    matrix = measure(STANDARDIZED).matrix
    expected = sqrt(2 * 6 / 5) * torch.eye(4).double()
    torch.testing.assert_close(matrix, expected, rtol=0, atol=TOLERANCE)
    assert torch.count_nonzero(matrix) == 4  # a latent that the factor does not move answers exactly 0
    assert causal_disentanglement_score(matrix) == 1


def test_pairs_of_latents_rotated_by_45_degrees() -> None:
    matrix = measure(STANDARDIZED @ torch.kron(torch.eye(2).double(), ROTATION)).matrix
    expected = sqrt(6 / 5) * torch.kron(torch.eye(2), torch.ones(2, 2)).double()
    torch.testing.assert_close(matrix, expected, rtol=0, atol=TOLERANCE)
    # entries are off by up to TOLERANCE / sqrt(2) of 1.095: the scores by that share
    assert causal_disentanglement_score(matrix).item() == pytest.approx(1 / 2, abs=0.013)
    assert causal_disentanglement_score(matrix, normalized=True).item() == pytest.approx(1 / 3, abs=0.018)


def test_factors_on_circles() -> None:
    angles = 2 * pi / 6 * FACTORS
    matrix = measure(torch.stack([angles.cos(), angles.sin()], dim=2).flatten(1)).matrix
    expected = sqrt(6 / 5) * torch.kron(torch.eye(4), torch.ones(1, 2)).double()
    # the squared difference has mean 1.2 and is at most 4, as above: .081, .037, .0053, and the bias .0006
    torch.testing.assert_close(matrix, expected, rtol=0, atol=0.028)
    assert causal_disentanglement_score(matrix) == 1


def test_a_copied_latent_halves_completeness() -> None:
    matrix = measure(torch.cat([STANDARDIZED, STANDARDIZED], dim=1)).matrix
    assert causal_completeness_score(matrix).item() == pytest.approx(0.5, abs=1e-12)
    assert causal_disentanglement_score(matrix) == 1


def test_codes_of_noise_score_near_the_floor() -> None:
    noise = torch.randn(len(SPACE), 4, generator=torch.Generator().manual_seed(0)).double()
    score = causal_disentanglement_score(measure(noise).matrix).item()
    # each entry is a mean over 50 groups of 6 standard normal codes: a group's spread has the relative error
    # 1 / sqrt(2 * 5), the mean 4.5%; the largest of 4 such entries exceeds their mean by about 1.03 standard errors
    assert score == pytest.approx((1 + 1.03 * 0.045) / 4, abs=0.03)


@pytest.mark.parametrize("convention", ["paper", "release"])
def test_matches_a_plain_loop(vae: ConvVAE, convention: Any) -> None:
    vae.double().eval()
    # with two members and two samples, both are bases and each is the other's donor
    codes = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(0)).double()
    result = conditioned_response_matrix(vae, [codes], num_samples=2, convention=convention, chunk_size=5)
    largest = conditioned_response_matrix(vae, [codes], num_samples=2, convention=convention, variant="max")

    def h(code: Tensor) -> Tensor:
        return vae.encode(vae.decode(code[None])).mean[0]

    for t, group in enumerate(codes):
        for j in range(3):
            squares = []
            for base, donor in ((group[0], group[1]), (group[1], group[0])):
                moved = base.clone()
                moved[j] = donor[j]
                squares.append((h(moved) - h(base)).square())
            responses = (torch.stack(squares).mean(dim=0) * {"paper": 0.5, "release": 1.0}[convention]).sqrt()
            assert result.per_traversal[0][t, j].item() == pytest.approx(responses[j].item(), rel=1e-9)
            assert largest.per_traversal[0][t, j].item() == pytest.approx(responses.max().item(), rel=1e-9)
    torch.testing.assert_close(result.matrix[0], result.per_traversal[0].mean(dim=0))
    lowest = conditioned_response_matrix(vae, [codes], num_samples=2, convention=convention, reduction="min")
    torch.testing.assert_close(lowest.matrix[0], result.per_traversal[0].amin(dim=0))


def test_the_donor_is_another_member() -> None:
    ramp = torch.arange(3.0).view(1, 3, 1).expand(500, 3, 1)
    result = conditioned_response_matrix(responding_by(lambda z: z, 1), [ramp], num_samples=1, convention="release")
    assert torch.unique(result.per_traversal[0].float()).tolist() == [1, 2]


def test_bases_are_drawn_without_replacement() -> None:
    seen: list[Tensor] = []

    def record(codes: Tensor) -> Tensor:
        seen.append(codes)
        return codes

    ramps = torch.arange(150.0).view(50, 3, 1)
    conditioned_response_matrix(responding_by(record, 1), [ramps], num_samples=3, chunk_size=1000)
    assert torch.equal(seen[0].flatten(), torch.arange(150.0))  # every member is a base of its traversal


def test_redundant_passes_are_skipped(vae: ConvVAE) -> None:
    codes = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
    codes[:, :, 1] = codes[:, :1, 1]  # the factor does not move latent 1
    matrix = conditioned_response_matrix(vae, [codes], num_samples=4, chunk_size=7).matrix
    assert vae.decoded == vae.encoded == 5 * 4 * (2 + 1)
    assert matrix[0, 1] == 0
    assert (matrix[0, [0, 2]] > 0).all()


def test_repeated_draws_are_evaluated_once_and_counted(vae: ConvVAE) -> None:
    vae.double().eval()
    codes = torch.randn(3, 3, generator=torch.Generator().manual_seed(3)).double()
    matrix = conditioned_response_matrix(
        vae, [codes[None]], num_samples=200, generator=torch.Generator().manual_seed(0)
    ).matrix
    # 3 bases, and for each of 3 latents the 3 * 2 pairs of a base and a donor, although 200 were drawn
    assert vae.decoded == vae.encoded == 3 + 3 * 6
    generator = torch.Generator().manual_seed(0)
    bases = torch.randint(3, (1, 200), generator=generator)[0]
    donors = (bases + torch.randint(1, 3, (1, 200), generator=generator)[0]) % 3
    for latent in range(3):
        moved = codes[bases]
        moved[:, latent] = codes[donors, latent]
        change = vae.encode(vae.decode(moved)).mean - vae.encode(vae.decode(codes[bases])).mean
        expected = (change[:, latent].square().mean() / 2).sqrt()
        assert matrix[0, latent].item() == pytest.approx(expected.item(), rel=1e-9)


def test_chunks_change_neither_draws_nor_result(vae: ConvVAE, codes: Tensor) -> None:
    vae.double()
    traversals = [codes.view(10, 4, 3), codes.view(5, 8, 3)]
    whole = conditioned_response_matrix(vae, traversals, num_samples=6)
    for chunk_size in (1, 13):
        part = conditioned_response_matrix(vae, traversals, num_samples=6, chunk_size=chunk_size)
        torch.testing.assert_close(part.matrix, whole.matrix, rtol=1e-9, atol=0)
    other = conditioned_response_matrix(vae, traversals, num_samples=6, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(other.matrix, whole.matrix)


def test_a_factor_with_one_value_has_a_row_of_nan(codes: Tensor) -> None:
    before = codes.clone()
    traversals = [codes.view(40, 1, 3), codes.view(10, 4, 3)]
    result = conditioned_response_matrix(responding_by(lambda z: z, 3), traversals)
    alone = conditioned_response_matrix(responding_by(lambda z: z, 3), traversals[1:])
    assert result.matrix[0].isnan().all()
    assert torch.equal(result.matrix[1], alone.matrix[0])
    assert result.num_traversals == (40, 10)
    assert [tuple(rows.shape) for rows in result.per_traversal] == [(40, 3), (10, 3)]
    assert causal_disentanglement_score(result.matrix) == causal_disentanglement_score(alone.matrix)
    only = conditioned_response_matrix(responding_by(lambda z: z, 3), traversals[:1])
    assert only.matrix.isnan().all()
    assert torch.equal(codes, before)


@pytest.mark.parametrize("reduction", ["mean", "min"])
def test_merged_traversals_are_the_whole(codes: Tensor, reduction: Any) -> None:
    identity, pairs = responding_by(lambda z: z, 3), codes.view(20, 2, 3)  # of two, each is the other's donor

    def measure_part(*traversals: Tensor) -> ConditionedResponseMatrix:
        return conditioned_response_matrix(identity, traversals, num_samples=2, reduction=reduction)

    merged = merge_conditioned_response_matrices(
        [measure_part(pairs[:15], pairs[:1]), measure_part(pairs[15:], pairs[1:3])]
    )
    whole = measure_part(pairs, pairs[:3])
    torch.testing.assert_close(merged.matrix, whole.matrix)
    assert merged.num_traversals == (20, 3)
    with pytest.raises(ValueError, match=r"parts .*got none"):
        merge_conditioned_response_matrices([])
    with pytest.raises(ValueError, match=r"parts .*num_samples"):
        merge_conditioned_response_matrices([whole, measure_part(pairs)])


def test_nan_responses(codes: Tensor) -> None:
    with pytest.warns(UserWarning, match="responses are not finite"):
        result = conditioned_response_matrix(responding_by(lambda z: z / 0 * 0, 3), [codes.view(10, 4, 3)])
    assert result.matrix.isnan().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"traversals": []}, "traversals .*got none"),
        ({"traversals": [torch.zeros(4, 3)]}, r"factor 0 .*got \(4, 3\)"),
        ({"traversals": [torch.zeros(2, 3, 2), torch.zeros(0, 3, 2)]}, "factor 1 .*shape"),
        ({"traversals": [torch.zeros(2, 3, 5)]}, "with D=2"),
        ({"traversals": [torch.full((2, 3, 2), torch.nan)]}, "must be finite"),
        ({"num_samples": 0}, "num_samples .*got 0"),
        ({"reduction": "max"}, "reduction .*got 'max'"),
        ({"variant": "off"}, "variant .*got 'off'"),
        ({"convention": "half"}, "convention"),
        ({"chunk_size": 0}, "chunk_size"),
    ],
)
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conditioned_response_matrix(
            responding_by(lambda z: z, 2), **({"traversals": [torch.zeros(2, 3, 2)]} | arguments)
        )


def test_traversals_are_drawn_from_a_data_set() -> None:
    bars, model = Bars(), tiny_model()
    generator = torch.Generator().manual_seed(4)
    expected = conditioned_response_matrix(model, sample_traversals(model, bars, 6, generator), generator=generator)
    found = conditioned_response_matrix(
        model, dataset=bars, num_traversals=6, generator=torch.Generator().manual_seed(4)
    )
    assert torch.equal(found.matrix, expected.matrix)
    assert found.num_traversals == (6, 6, 6)
    assert (found.factor_names, expected.factor_names) == (("colour", "row", "column"), None)


def test_traversals_have_the_names_that_they_are_given() -> None:
    """Those of a data set are known, and others take precedence."""
    traversals = [torch.arange(12.0).view(2, 3, 2), torch.arange(8.0).view(1, 4, 2)]
    result = conditioned_response_matrix(responding_by(lambda z: z, 2), traversals, factor_names=["shape", "hue"])
    assert result.factor_names == ("shape", "hue")
    assert list(result.to_pandas().index) == ["shape", "hue"]
    assert merge_conditioned_response_matrices([result, result]).factor_names == ("shape", "hue")
    names = ["Farbe", "Zeile", "Spalte"]
    assert conditioned_response_matrix(tiny_model(), dataset=Bars(), factor_names=names).factor_names == tuple(names)


@pytest.mark.parametrize("names", [["shape"], ["shape", "hue", "size"], "ab", []])
def test_there_is_one_name_for_each_factor(names: Any) -> None:
    traversals = [torch.arange(12.0).view(2, 3, 2), torch.arange(8.0).view(1, 4, 2)]
    with pytest.raises(ValueError, match=r"factor_names .* 2 factors"):
        conditioned_response_matrix(responding_by(lambda z: z, 2), traversals, factor_names=names)


def test_either_traversals_or_a_data_set() -> None:
    for arguments in ({}, {"traversals": [torch.zeros(1, 2, 2)], "dataset": Bars()}):
        with pytest.raises(ValueError, match="traversals or dataset"):
            conditioned_response_matrix(responding_by(lambda z: z, 2), **arguments)  # type: ignore[arg-type]
