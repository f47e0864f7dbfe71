"""Standard errors of the scores of response matrices."""

from collections.abc import Callable
from dataclasses import fields, replace

import pytest
import torch
from torch import Tensor

from lr_lightning.assays import (
    ResponseMatrix,
    merge_response_matrices,
    response_matrix,
    response_scores,
)
from lr_lightning.assays.response_score_errors import (
    ResponseScoreErrors,
    jackknife_score_errors,
    response_score_errors,
)
from tests.assays.models import responding_by

MIX = torch.tensor([[1.0, 0.3, 0.1], [0.0, 0.9, 0.6], [0.2, 0.1, 1.2]])
NAMES = [field.name for field in fields(ResponseScoreErrors)]


def matrix_with_errors(matrix: Tensor, errors: Tensor) -> ResponseMatrix:
    return ResponseMatrix(
        matrix=matrix.double(),
        standard_error=errors.double(),
        num_samples=100,
        scaled=False,
        inactive=matrix.isnan().all(dim=0),
        latents=tuple(range(len(matrix))),
        convention="paper",
        distance="rms",
    )


def parts_of(h: Callable[[Tensor], Tensor], seed: int, num_parts: int = 20) -> list[ResponseMatrix]:
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(200, 3, generator=generator)
    model = responding_by(h, 3)
    return [response_matrix(model, codes, generator=generator) for codes in base.chunk(num_parts)]


def test_known_derivatives() -> None:
    # leak of (a, b) is b^2 / (a^2 + b^2) =: b^2 / s: derivatives -2 a b^2 / s^2 and 2 a^2 b / s^2
    result = matrix_with_errors(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([[0.1, 0.2], [0.0, 0.3]]))
    errors = response_score_errors(result)
    assert errors.activity.tolist() == pytest.approx([0.1, 0.3])
    leak = ((2 * 2 / 25 * 0.1) ** 2 + (2 * 4 / 25 * 0.2) ** 2) ** 0.5
    assert errors.leak.tolist() == pytest.approx([leak, 0])
    assert errors.independence.item() == pytest.approx(leak / 2)
    # (a^2 + b^2)^2 / (a^4 + b^4) with a = 2, b = 3: 4 a s / q - 4 a^3 s^2 / q^2 for a, the same with b for b
    s, q = 13, 97
    first, second = (4 * x * s / q - 4 * x**3 * s**2 / q**2 for x in (2, 3))
    assert errors.effective_dimension.item() == pytest.approx(((first * 0.1) ** 2 + (second * 0.3) ** 2) ** 0.5)


def test_directedness_by_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix, deviations = torch.rand(4, 4, generator=generator).double(), torch.rand(4, 4, generator=generator).double()
    total = 0.0
    for entry in range(16):
        step = torch.zeros(16, dtype=torch.float64)
        step[entry] = 1e-6
        ends = [response_scores(matrix + sign * step.view(4, 4)).directedness for sign in (1, -1)]
        total += float(((ends[0] - ends[1]) / 2e-6 * deviations.flatten()[entry]) ** 2)
    found = response_score_errors(matrix_with_errors(matrix, deviations)).directedness
    assert found.item() == pytest.approx(total**0.5, rel=1e-5)


@pytest.fixture(scope="module")
def repetitions() -> list[list[ResponseMatrix]]:
    return [parts_of(lambda z: torch.tanh(2 * z @ MIX), seed, 10) for seed in range(50)]


def test_errors_are_the_spread_over_repetitions(repetitions: list[list[ResponseMatrix]]) -> None:
    wholes = [merge_response_matrices(parts) for parts in repetitions]
    scores = [response_scores(result.matrix) for result in wholes]
    jackknife = [jackknife_score_errors(parts) for parts in repetitions]
    delta = [response_score_errors(result) for result in wholes]
    for name in NAMES:
        spread = torch.stack([getattr(score, name) for score in scores]).std(dim=0)
        # the spread of 50 runs is known to 10 %, the errors from 10 parts to 24 % / sqrt(50); four of these
        found = torch.stack([getattr(error, name) for error in jackknife]).square().mean(dim=0).sqrt()
        torch.testing.assert_close(found, spread, rtol=0.45, atol=0)
        ratio = torch.stack([getattr(error, name) for error in delta]).square().mean(dim=0).sqrt() / spread
        assert (ratio > 0.6).all(), name
        assert (ratio < 2).all(), name


def near_the_threshold(codes: Tensor) -> Tensor:
    """Respond by a third latent at the threshold of .5 and with a leak of a half."""
    return codes @ torch.tensor([[1.0, 0.1, 0.0], [0.0, 0.9, 0.1], [0.35, 0.35, 0.5]])


def test_independence_counts_latents_near_the_threshold() -> None:
    repetitions = [parts_of(near_the_threshold, seed, 10) for seed in range(60)]
    wholes = [merge_response_matrices(parts) for parts in repetitions]
    scores = torch.stack([response_scores(result.matrix).independence for result in wholes])
    assert scores.min() < 0.9 < 0.95 < scores.max()  # it jumps
    delta = torch.stack([response_score_errors(result).independence for result in wholes]).square().mean().sqrt()
    jackknife = torch.stack([jackknife_score_errors(parts).independence for parts in repetitions])
    # taken as known which latents are active, the error is a seventh of the spread, which 60 runs know to 9 %
    assert 0.55 < (delta / scores.std()).item() < 1.2
    assert 0.7 < (jackknife.square().mean().sqrt() / scores.std()).item() < 2.2


def test_spread_is_the_unit_of_the_threshold() -> None:
    matrix, errors = torch.tensor([[0.2, 0.05], [0.0, 0.2]]), torch.full((2, 2), 0.01)
    result, spread = matrix_with_errors(matrix, errors), torch.tensor([0.2, 0.2])
    with pytest.warns(UserWarning, match="independence is undefined"):
        assert response_score_errors(result).independence.isnan()
    found = response_score_errors(result, spread=spread)
    scaled = response_score_errors(matrix_with_errors(5 * matrix, 5 * errors))
    assert found.independence.item() == pytest.approx(scaled.independence.item())
    jackknife = jackknife_score_errors([result] * 5, spread=spread)
    assert jackknife.independence.item() == pytest.approx(0, abs=1e-12)  # equal parts


def test_jackknife_sees_correlated_rows() -> None:
    parts = parts_of(lambda z: z @ MIX, 0)
    assert jackknife_score_errors(parts).leak.max().item() < 1e-6
    assert response_score_errors(merge_response_matrices(parts)).leak.max().item() > 1e-3


def test_inactive_and_collapsed_latents() -> None:
    nan = torch.nan
    matrix = torch.tensor([[1.0, 0.5, nan], [0.0, 0.0, nan], [0.2, 0.1, nan]])
    errors = response_score_errors(matrix_with_errors(matrix, torch.full((3, 3), 0.1).masked_fill(matrix.isnan(), nan)))
    assert errors.leak.isnan().tolist() == [False, True, False]
    # the first row alone is active: leak .25 / 1.25; derivatives -2 * .25 / 1.25^2 and 2 * .5 / 1.25^2
    expected = 0.1 * ((2 * 0.25 / 1.5625) ** 2 + (2 * 0.5 / 1.5625) ** 2) ** 0.5
    assert errors.independence.item() == pytest.approx(expected)
    assert errors.directedness.isfinite()
    assert errors.effective_dimension.item() == 0  # one latent alone, whatever its activity


def test_undefined_scores_have_no_error() -> None:
    nothing = matrix_with_errors(torch.zeros(2, 2), torch.zeros(2, 2))
    with pytest.warns(UserWarning, match="is undefined") as caught:
        errors = response_score_errors(nothing)
    assert len(caught) == 3  # independence, directedness and effective dimension, once each
    assert errors.independence.isnan()
    assert errors.directedness.isnan()
    assert errors.effective_dimension.isnan()
    with pytest.warns(UserWarning, match="is undefined") as caught:
        jackknife = jackknife_score_errors([nothing] * 5)
    assert len(caught) == 3
    assert jackknife.independence.isnan()
    assert jackknife.activity.tolist() == [0, 0]
    largest = replace(
        merge_response_matrices(parts_of(lambda z: z, 0)), distance="max", standard_error=torch.full((3, 3), torch.nan)
    )
    assert response_score_errors(largest).independence.isnan()


def test_matrix_is_left_unchanged() -> None:
    result = merge_response_matrices(parts_of(lambda z: z @ MIX, 1))
    before = result.matrix.clone()
    with torch.no_grad():
        errors = response_score_errors(result)
    with torch.inference_mode():  # as in validation
        inside = response_score_errors(merge_response_matrices(parts_of(lambda z: z @ MIX, 1)))
    assert torch.equal(inside.directedness, errors.directedness)
    assert errors.directedness.item() > 0
    assert not errors.leak.requires_grad
    assert not result.matrix.requires_grad
    assert torch.equal(result.matrix, before)


def test_rejects() -> None:
    parts = parts_of(lambda z: z, 0)
    with pytest.raises(ValueError, match=r"parts .*got 1"):
        jackknife_score_errors(parts[:1])
    rows = response_matrix(responding_by(lambda z: z, 3), torch.eye(3), latents=[0, 1])
    with pytest.raises(ValueError, match=r"matrix .*got \(2, 3\)"):
        response_score_errors(rows)
