"""Response matrix, compared with closed forms and a plain loop, and its invariances."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lr_lightning.assays import (
    Autoencoder,
    ResponseMatrix,
    donor_permutations,
    marginal_donors,
    merge_response_matrices,
    prior_samples,
    response_matrix,
)
from tests.assays.models import ConvVAE, responding_by

ROTATION = torch.tensor([[1.0, -1.0], [1.0, 1.0]]) / sqrt(2)
LOWER = torch.tensor([[1.0, 0.0], [0.5, 1.0]])


def circle(codes: Tensor) -> Tensor:
    return torch.nn.functional.normalize(codes, dim=1)


@dataclass
class Case:
    """A response map on two latents with its matrix for kappa = 1.

    ``error`` bounds the standard error of an entry times sqrt(N). For |difference| <= L, the variance of its square is
    at most M^2 (L^2 - M^2), so by the delta method the error is at most sqrt(L^2 - M^2) / 2 <= L / 2. For a
    Gaussian difference of variance M^2 it is M / sqrt(2).
    """

    respond: Callable[[Tensor], Tensor]
    matrix: list[list[float]]
    error: list[list[float]]
    on_circle: bool = False


R2 = sqrt(2)
CASES = {
    "identity": Case(lambda z: z, [[R2, 0], [0, R2]], [[1, 0], [0, 1]]),
    "linear": Case(lambda z: z @ LOWER.T, [[R2, R2 / 2], [0, R2]], [[1, 0.5], [0, 1]]),
    "zero": Case(torch.zeros_like, [[0, 0], [0, 0]], [[0, 0], [0, 0]]),
    "circle, prior": Case(circle, [[1, 0.294], [0.294, 1]], [[1, 0.5], [0.5, 1]]),
    "circle, posterior": Case(circle, [[1, 0.204], [0.204, 1]], [[1, 0.5], [0.5, 1]], on_circle=True),
    "sign": Case(torch.sign, [[R2, 0], [0, R2]], [[1, 0], [0, 1]]),
    "rotated sign": Case(
        lambda z: (z @ ROTATION.T).sign() @ ROTATION, [[R2, 0.816], [0.816, R2]], [[R2, R2], [R2, R2]]
    ),
}


@pytest.mark.parametrize("convention", ["paper", "release"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_closed_forms(case: Case, convention: Any) -> None:
    generator, num_samples = torch.Generator().manual_seed(0), 40_000
    base = prior_samples(num_samples, 2, generator)
    base, donors = (circle(base), None) if case.on_circle else (base, prior_samples(num_samples, 2, generator))
    result = response_matrix(
        responding_by(case.respond, 2), base, donors, convention=convention, generator=generator, chunk_size=10_000
    )
    kappa = {"paper": 0.5, "release": 1.0}[convention]
    expected = torch.tensor(case.matrix).double() * sqrt(kappa)
    tolerance = 5 * torch.tensor(case.error) / sqrt(num_samples) + 5e-4  # the expected values have three digits
    assert ((result.matrix - expected).abs() <= tolerance).all(), result.matrix
    assert (result.matrix[torch.tensor(case.matrix) == 0] == 0).all()


def plain_loop(vae: ConvVAE, base: Tensor, donors: Tensor, kappa: float) -> tuple[np.ndarray, np.ndarray]:
    """Response matrix and standard errors, one code at a time, in NumPy."""
    vae.eval()
    dim = base.shape[1]

    def h(code: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return vae.encode(vae.decode(torch.from_numpy(code)[None])).mean[0].double().numpy()

    squares = np.zeros((dim, len(base), dim))
    for j in range(dim):
        for i, (code, donor) in enumerate(zip(base.numpy(), donors.numpy(), strict=True)):
            moved = code.copy()
            moved[j] = donor[j]
            squares[j, i] = (h(moved) - h(code)) ** 2
    matrix = np.sqrt(kappa * squares.mean(axis=1))
    error = kappa * squares.std(axis=1, ddof=1) / np.sqrt(len(base)) / (2 * matrix)
    return matrix, error


def test_matches_a_plain_loop(vae: ConvVAE, codes: Tensor) -> None:
    base, donors = codes[:15], codes[15:30]
    result = response_matrix(vae, base, donors, pair=True, chunk_size=7)
    matrix, error = plain_loop(vae, base, donors, 0.5)
    # responses are float32, about 1 in size: differences carry 1e-7, against entries of at least .001
    np.testing.assert_allclose(result.matrix, matrix, rtol=2e-4)
    np.testing.assert_allclose(result.standard_error, error, rtol=2e-3)
    assert result.num_samples == 15


@pytest.mark.parametrize(("distance", "expected"), [("rms", sqrt(5.0)), ("abs", 2.0), ("max", 3.0)])
@pytest.mark.parametrize(("convention", "factor"), [("paper", sqrt(0.5)), ("release", 1.0)])
def test_distances(distance: Any, expected: float, convention: Any, factor: float) -> None:
    base, donors = torch.zeros(2, 1), torch.tensor([[1.0], [-3.0]])
    result = response_matrix(
        responding_by(lambda z: z, 1), base, donors, pair=True, distance=distance, convention=convention
    )
    assert result.matrix.item() == pytest.approx(factor * expected)


def test_number_of_passes(vae: ConvVAE, codes: Tensor) -> None:
    response_matrix(vae, codes, chunk_size=50)
    assert vae.decoded == vae.encoded == (3 + 1) * 40


def test_chunks_change_neither_draws_nor_result(vae: ConvVAE, codes: Tensor) -> None:
    vae.double()
    whole = response_matrix(vae, codes, codes + 1)
    for chunk_size in (1, 7, 41, 100):
        part = response_matrix(vae, codes, codes + 1, chunk_size=chunk_size)
        torch.testing.assert_close(part.matrix, whole.matrix, rtol=1e-9, atol=0)
        torch.testing.assert_close(part.standard_error, whole.standard_error, rtol=1e-9, atol=0)


@pytest.mark.parametrize("donors", [None, torch.ones(5, 3)])
def test_the_generator_decides_the_donors(vae: ConvVAE, codes: Tensor, donors: Tensor | None) -> None:
    def measure(seed: int) -> Tensor:
        return response_matrix(vae, codes, donors, generator=torch.Generator().manual_seed(seed)).matrix

    if donors is not None:
        donors[0] = -1
    assert torch.equal(measure(1), measure(1))
    assert not torch.equal(measure(1), measure(2))


def test_progress_counts_interventions(vae: ConvVAE, codes: Tensor) -> None:
    told: list[tuple[int, int]] = []
    response_matrix(vae, codes, chunk_size=30, latents=[0, 2], progress=lambda *done: told.append(done))
    assert told == [(30, 80), (40, 80), (70, 80), (80, 80)]


def test_without_donors_the_base_is_shuffled(vae: ConvVAE, codes: Tensor) -> None:
    drawn = marginal_donors(codes, torch.Generator().manual_seed(0))
    expected = response_matrix(vae, codes, drawn, pair=True).matrix
    assert torch.equal(response_matrix(vae, codes).matrix, expected)
    assert torch.equal(response_matrix(vae, codes, codes).matrix, expected)
    rows = donor_permutations(40, 3, torch.Generator().manual_seed(0))
    given = response_matrix(vae, codes, donor_rows=rows)
    assert torch.equal(given.matrix, expected)
    assert torch.equal(given.standard_error, response_matrix(vae, codes).standard_error)


def test_some_latents_give_those_rows(vae: ConvVAE, codes: Tensor) -> None:
    whole, some = response_matrix(vae, codes), response_matrix(vae, codes, latents=[2, 0])
    assert some.latents == (2, 0)
    torch.testing.assert_close(some.matrix, whole.matrix[[2, 0]])


def test_donors_are_left_unchanged(vae: ConvVAE, codes: Tensor) -> None:
    donors = codes.flip(0)
    response_matrix(vae, codes, donors, scale=codes.std(dim=0))
    assert torch.equal(donors, codes.flip(0))


def test_standard_error_is_the_spread_over_repetitions() -> None:
    generator = torch.Generator().manual_seed(0)
    results = [
        response_matrix(responding_by(lambda z: z @ LOWER.T, 2), *torch.randn(2, 50, 2, generator=generator), pair=True)
        for _ in range(400)
    ]
    spread = torch.stack([result.matrix for result in results]).std(dim=0)
    error = torch.stack([result.standard_error for result in results]).mean(dim=0)
    # a standard deviation over 400 repetitions has a relative error of 1 / sqrt(800) = 3.5%; five of them. The delta
    # method itself is off by about 1 / N = 2%.
    torch.testing.assert_close(error, spread, rtol=0.2, atol=0)
    absolute = response_matrix(
        responding_by(lambda z: z, 1), torch.zeros(3, 1), torch.tensor([[1.0], [2.0], [6.0]]), pair=True, distance="abs"
    )
    assert absolute.standard_error.item() == pytest.approx(sqrt(0.5) * np.std([1, 2, 6], ddof=1) / sqrt(3))


IDENTITY = responding_by(lambda z: z, 2)


def shuffled(model: Autoencoder, generator: torch.Generator, distance: Any = "rms") -> ResponseMatrix:
    base = torch.randn(200, 4, generator=generator)
    return response_matrix(model, base, generator=generator, distance=distance, chunk_size=1000)


def drawn_among(num_donors: int) -> Callable[[Autoencoder, torch.Generator], ResponseMatrix]:
    def measure(model: Autoencoder, generator: torch.Generator) -> ResponseMatrix:
        base, donors = torch.randn(200, 4, generator=generator), torch.randn(num_donors, 4, generator=generator)
        return response_matrix(model, base, donors, generator=generator, chunk_size=1000)

    return measure


def in_parts(model: Autoencoder, generator: torch.Generator) -> ResponseMatrix:
    parts = torch.randn(200, 4, generator=generator).chunk(2)
    return merge_response_matrices(
        [response_matrix(model, part, generator=generator, chunk_size=1000) for part in parts]
    )


@pytest.mark.parametrize(
    "measure",
    [shuffled, partial(shuffled, distance="abs"), drawn_among(200), drawn_among(40), in_parts],
    ids=["shuffled", "absolute", "as many donors", "few donors", "in parts"],
)
def test_standard_errors_account_for_shared_codes(measure: Any) -> None:
    # the response of an identity and of one that saturates, side by side
    model = responding_by(lambda z: torch.cat([z[:, :2], (2 * z[:, 2:] @ LOWER.T).tanh()], dim=1), 4)
    generator = torch.Generator().manual_seed(0)
    results = [measure(model, generator) for _ in range(400)]
    moves = results[0].matrix > 0
    spread = torch.stack([result.matrix for result in results]).std(dim=0)[moves]
    error = torch.stack([result.standard_error for result in results]).square().mean(dim=0).sqrt()[moves]
    # 400 repetitions know each spread to 1 / sqrt(800) = 3.5 %. Errors that take all interventions as independent are
    # 18 % too small for the identity with a shuffle, and 10 % with as many donors as codes.
    assert ((error / spread)[:2] - 1).abs().max() < 0.12
    assert (error / spread).mean().item() == pytest.approx(1, abs=0.06)


def test_dependence_by_hand() -> None:
    base = torch.tensor([[0.0], [0.1], [0.3], [5.0], [0.2]])  # the large one is in two terms
    rows = torch.tensor([[2], [0], [4], [1], [3]])
    terms = (base[rows[:, 0], 0] - base[:, 0]).double().square()
    apart = terms - terms.mean()
    shares = [[len({i, int(rows[i])} & {k, int(rows[k])}) > 0 for k in range(5)] for i in range(5)]
    total = float(apart @ torch.tensor(shares).double() @ apart)
    assert total > float(apart @ apart)
    result = response_matrix(responding_by(lambda z: z, 1), base, donor_rows=rows)
    assert result.dependence == 3
    mean = float(terms.mean())
    # the variance of a mean of N terms from the products of those that share a code, which have N - 3 degrees
    assert result.standard_error.item() == pytest.approx(sqrt(total / (5 * 2)) / (4 * sqrt(mean / 2)))
    donors = torch.tensor([[2.0], [7.0]])
    drawn = torch.randint(2, (5, 1), generator=torch.Generator().manual_seed(3))[:, 0]
    terms = (donors[drawn, 0] - base[:, 0]).double().square()
    apart = terms - terms.mean()
    same = (drawn[:, None] == drawn).double()
    result = response_matrix(
        responding_by(lambda z: z, 1), base, donors, generator=torch.Generator().manual_seed(3), distance="abs"
    )
    apart = terms.sqrt() - terms.sqrt().mean()
    dependence = float(same.sum() / 5)
    assert result.dependence == pytest.approx(dependence)
    expected = sqrt(float(apart @ same @ apart) / (5 * (5 - dependence)) / 2)
    assert result.standard_error.item() == pytest.approx(expected)


@pytest.mark.parametrize("num_codes", [2, 3])
def test_no_standard_error_if_all_codes_are_shared(num_codes: int) -> None:
    generator = torch.Generator().manual_seed(0)
    parts = [response_matrix(IDENTITY, torch.randn(num_codes, 2, generator=generator)) for _ in range(30)]
    assert all(part.standard_error.isnan().all() for part in parts)
    merged = merge_response_matrices(parts)
    assert merged.standard_error.diagonal().isfinite().all()
    assert (merged.standard_error.diagonal() > 0).all()


def test_scale_divides_responses_and_marks_inactive_latents(codes: Tensor) -> None:
    linear = responding_by(lambda z: z @ torch.tensor([[1.0, 0, 0], [0.5, 1, 0], [0, 1e-4, 1e-4]]).T, 3)
    plain = response_matrix(linear, codes)
    scaled = response_matrix(linear, codes, scale=torch.tensor([2.0, 4.0, 0.0]))
    assert scaled.inactive.tolist() == [False, False, True]
    torch.testing.assert_close(scaled.matrix[:, :2], plain.matrix[:, :2] / torch.tensor([2.0, 4.0]).double())
    assert scaled.matrix[:, 2].isnan().all()
    assert scaled.scaled
    assert not plain.scaled
    assert not plain.inactive.any()


@pytest.mark.parametrize("distance", ["rms", "abs", "max"])
@pytest.mark.parametrize("sizes", [[13, 27], [1, 38, 1], [20, 20]])
def test_merged_shards_are_the_whole(vae: ConvVAE, codes: Tensor, distance: Any, sizes: list[int]) -> None:
    vae.double()
    donors = marginal_donors(codes)
    options: dict[str, Any] = {"pair": True, "distance": distance, "scale": torch.tensor([0.0, 1.0, 2.0])}
    whole = response_matrix(vae, codes, donors, **options)
    shards = zip(torch.split(codes, sizes), torch.split(donors, sizes), strict=True)
    merged = merge_response_matrices([response_matrix(vae, *shard, **options) for shard in shards])
    assert merged.num_samples == 40
    assert merged.inactive.tolist() == [True, False, False]
    torch.testing.assert_close(merged.matrix, whole.matrix, rtol=1e-9, atol=0, equal_nan=True)
    torch.testing.assert_close(merged.standard_error, whole.standard_error, rtol=1e-9, atol=0, equal_nan=True)


def test_rejects_shards_that_do_not_fit(codes: Tensor) -> None:
    identity = responding_by(lambda z: z, 3)
    with pytest.raises(ValueError, match=r"parts .*got none"):
        merge_response_matrices([])
    first = response_matrix(identity, codes)
    options: list[dict[str, Any]] = [{"convention": "release"}, {"distance": "abs"}, {"latents": [0]}]
    for other in [*options, {"scale": torch.zeros(3)}]:
        with pytest.raises(ValueError, match="parts must agree"):
            merge_response_matrices([first, response_matrix(identity, codes, **other)])


def measure(respond: Callable[[Tensor], Tensor], base: Tensor, donors: Tensor) -> ResponseMatrix:
    model = responding_by(respond, base.shape[1])
    return response_matrix(model, base.double(), donors.double(), pair=True)


@given(seed=st.integers(0, 10_000), dim=st.integers(1, 5))
def test_renaming_latents_renames_rows_and_columns(seed: int, dim: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    base, donors = torch.randn(2, 6, dim, generator=generator).double()
    mixing = torch.randn(dim, dim, generator=generator).double()
    order = torch.randperm(dim, generator=generator)
    back = order.argsort()
    plain = measure(lambda z: (z @ mixing).tanh(), base, donors).matrix
    renamed = measure(lambda z: (z[:, back] @ mixing).tanh()[:, order], base[:, order], donors[:, order]).matrix
    torch.testing.assert_close(renamed, plain[order][:, order], rtol=1e-9, atol=1e-12)


@given(seed=st.integers(0, 10_000), factor=st.floats(0.1, 10))
def test_scaling_the_code_scales_the_matrix(seed: int, factor: float) -> None:
    base, donors = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(seed)).double()
    plain = measure(lambda z: z.cumsum(dim=1).tanh(), base, donors).matrix
    scaled = measure(lambda z: factor * (z / factor).cumsum(dim=1).tanh(), factor * base, factor * donors).matrix
    torch.testing.assert_close(scaled, factor * plain, rtol=1e-7, atol=1e-12)  # z * factor / factor is off by 1e-16


def test_nan_responses(codes: Tensor) -> None:
    with pytest.warns(UserWarning, match="responses are not finite"):
        result = response_matrix(responding_by(lambda z: z / 0 * 0, 3), codes)
    assert result.matrix.isnan().all()


def test_a_single_sample_has_no_standard_error() -> None:
    result = response_matrix(responding_by(lambda z: z, 1), torch.zeros(1, 1), torch.ones(1, 1))
    assert result.matrix.item() == pytest.approx(sqrt(0.5))
    assert result.standard_error.isnan().all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base": torch.zeros(4, 2)}, r"base .*got \(4, 2\)"),
        ({"base": torch.zeros(1, 3)}, "base .*got 1"),
        ({"donors": torch.zeros(0, 3)}, "donors .*rows"),
        ({"donors": torch.zeros(4, 2)}, "donors .*shape"),
        ({"donors": torch.zeros(5, 3), "pair": True}, "donors .*got 5 and 4"),
        ({"pair": True}, "pair=True"),
        (
            {"donor_rows": torch.zeros(4, 3)},
            "donor_rows .*got torch.f",
        ),
        ({"donor_rows": torch.full((4, 3), 4)}, "donor_rows .*rows"),
        ({"donor_rows": torch.zeros(4, 3).long(), "donors": torch.zeros(4, 3)}, "donor_rows .*donors"),
        ({"donor_rows": torch.zeros(4, 3).long(), "pair": True}, "donor_rows .*donors"),
        ({"convention": "half"}, "convention .*got 'half'"),
        ({"distance": "l2"}, "distance .*got 'l2'"),
        ({"latents": [3]}, r"latents .*got \[3\]"),
        ({"latents": []}, "latents"),
        ({"scale": torch.ones(2)}, "scale .*finite"),
        ({"scale": torch.tensor([1.0, -1.0, 1.0])}, "scale .*finite"),
        ({"scale": torch.ones(3), "scale_floor": 0.0}, "scale_floor"),
    ],
)
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        response_matrix(responding_by(lambda z: z, 3), **({"base": torch.zeros(4, 3)} | arguments))


def test_runs_compiled_modules(vae: ConvVAE, codes: Tensor) -> None:
    expected = response_matrix(vae, codes).matrix
    compiled = cast(nn.Module, torch.compile(vae, backend="eager"))
    measured = response_matrix(cast(Autoencoder, compiled), codes).matrix
    torch.testing.assert_close(measured, expected)
