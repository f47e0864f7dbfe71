"""Score of the paper on FactorVAE."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_lightning.metrics.core.sample import Sampling, draw
from lr_lightning.metrics.factor_vae_score import FactorVAEScore, factor_vae_score
from lr_lightning.testing import MetricTester
from tests.metrics.cases import FIRST_ROWS, IDEAL_NAMES, ideal_case

EXPECTED = dict(zip(IDEAL_NAMES, [1, 1, 0.48, 0.73, 1, 1, 1, 0.48, 1, 0.24], strict=True))


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items())
def test_ideal_cases(name: str, expected: float) -> None:
    result = factor_vae_score(*ideal_case(name), sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected, abs=0.05)
    assert result["train"] == pytest.approx(expected, abs=0.05)


def test_as_the_definition_batch_by_batch() -> None:
    codes, factors = ideal_case("rotF")
    table, labels = codes[:2000].double().numpy(), factors[:2000].numpy()
    random = np.random.default_rng(0)
    votes = np.zeros((2, 4, 4))
    for i in range(3000):
        k = int(random.integers(4))
        batch = random.choice(np.flatnonzero(labels[:, k] == labels[random.integers(2000), k]), size=64)
        votes[i % 2, np.argmin(np.var(table[batch], axis=0) / np.var(table, axis=0)), k] += 1
    expected = sum(votes[1, j, votes[0, j].argmax()] for j in range(4)) / votes[1].sum()
    result = factor_vae_score(codes, factors, sampling=FIRST_ROWS)
    assert result.value == pytest.approx(expected, abs=0.06)  # five standard errors of 1500 votes at .73
    assert result.matrix is not None
    assert result.matrix.sum() == 10_000
    np.testing.assert_allclose(result.matrix / 10_000, votes.sum(axis=0) / 3000, atol=0.05)


def test_one_latent_names_the_same_factor_always() -> None:
    codes, factors = ideal_case("ident")
    result = factor_vae_score(codes[:, :1], factors, sampling=FIRST_ROWS)
    assert result.value == pytest.approx(0.25, abs=0.03)  # five standard errors of 5000 votes


def test_votes_of_pruned_latents_stay_in_their_rows() -> None:
    codes, factors = ideal_case("perm")  # latent j follows factor [2, 0, 3, 1][j]
    codes = torch.cat([0.04 * torch.randn(3000, 1, generator=torch.Generator().manual_seed(0)), codes], dim=1)
    result = factor_vae_score(codes, factors, sampling=FIRST_ROWS)
    assert result.matrix is not None
    assert result.matrix[0].sum() == 0
    assert result.matrix[1:].argmax(dim=1).tolist() == [2, 0, 3, 1]
    assert result.per_latent["pruned"].tolist() == [1, 0, 0, 0, 0]
    assert result.per_latent["variance"][1].item() == pytest.approx(4, rel=0.1)
    unpruned = factor_vae_score(codes, factors, prune_threshold=0.03, sampling=FIRST_ROWS)
    assert unpruned.per_latent["pruned"].sum() == 0


@settings(max_examples=5, deadline=None)
@given(st.permutations(range(4)), st.lists(st.sampled_from([-4.0, -1.0, 0.125, 2.0]), min_size=4, max_size=4))
def test_order_sign_and_scale_of_latents_do_not_matter(order: list[int], scale: list[float]) -> None:
    codes, factors = ideal_case("rotF")
    expected = factor_vae_score(codes, factors, num_votes_train=1000, sampling=FIRST_ROWS)
    changed = factor_vae_score(
        codes[:, order] * torch.tensor(scale), factors, num_votes_train=1000, sampling=FIRST_ROWS
    )
    assert changed.value == expected.value  # powers of two leave no round-off
    assert expected.matrix is not None
    assert changed.matrix is not None
    assert torch.equal(changed.matrix, expected.matrix[order])


def test_order_of_rows_does_not_matter() -> None:
    codes, factors = ideal_case("rotF")
    order = torch.randperm(len(codes), generator=torch.Generator().manual_seed(0))
    expected = factor_vae_score(codes, factors, num_votes_train=500, num_variance=100)
    changed = factor_vae_score(codes[order], factors[order], num_votes_train=500, num_variance=100)
    assert changed.scores == expected.scores


def test_seed() -> None:
    codes, factors = ideal_case("rotF")
    values = [factor_vae_score(codes, factors, num_votes_train=500, sampling=Sampling(seed=s)).value for s in (3, 3, 4)]
    assert values[0] == values[1] != values[2]


def test_chunks_are_but_a_matter_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Votes of many chunks add up, and each batch shares its own factor."""
    module = sys.modules[factor_vae_score.__module__]  # the package gives its name to the function
    monkeypatch.setattr(module, "_ENTRIES_AT_A_TIME", 5000)
    result = factor_vae_score(*ideal_case("ident"), num_votes_train=101, sampling=FIRST_ROWS)
    assert result.value == 1
    assert result.matrix is not None
    assert result.matrix.sum() == 101


def test_order_first_tests_on_other_rows() -> None:
    """Codes that mean nothing in the rows held out are at chance there only."""
    codes, factors = ideal_case("ident")
    codes[2000:] = codes[2000 + torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    result = factor_vae_score(codes, factors, sampling=FIRST_ROWS)
    assert result["train"] == 1
    assert result.value == pytest.approx(0.25, abs=0.1)


def test_constant_factor() -> None:
    codes, factors = ideal_case("ident")
    factors = factors.clone()
    factors[:, 1] = 7
    with pytest.warns(UserWarning, match="factors 1 take one value only"):
        result = factor_vae_score(codes, factors, sampling=FIRST_ROWS)
    assert result.value == 1
    assert result.per_factor["accuracy"].isnan().tolist() == [False, True, False, False]


def test_a_constant_latent_casts_no_vote_even_without_threshold() -> None:
    codes, factors = ideal_case("ident")
    codes = torch.cat([torch.full((3000, 1), 0.1), codes], dim=1)
    result = factor_vae_score(codes, factors, prune_threshold=0, sampling=FIRST_ROWS)
    assert result.value == 1
    assert result.per_latent["pruned"].tolist() == [1, 0, 0, 0, 0]


def test_all_latents_pruned() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="it needs a latent whose standard deviation is not pruned"):
        result = factor_vae_score(codes * 0.01, factors, sampling=FIRST_ROWS)
    assert np.isnan([score.value for score in result.scores.values()]).all()
    assert result.per_latent["pruned"].all()


@pytest.mark.parametrize("columns", [[0], [0, 0]])
def test_one_varying_factor_is_undefined(columns: list[int]) -> None:
    codes, factors = ideal_case("ident")
    factors = factors[:, columns] * torch.tensor([1, 0])[: len(columns)]
    sample = draw(codes, factors)
    sample.shared("warned of constant factors", lambda: True)
    with pytest.warns(UserWarning, match="factor_vae_score is undefined: it needs two factors"):
        result = factor_vae_score(sample)
    assert np.isnan([score.value for score in result.scores.values()]).all()


def test_no_rows_to_test_on() -> None:
    codes, factors = ideal_case("ident")
    with pytest.warns(UserWarning, match="raise num_test"):
        result = factor_vae_score(codes, factors, sampling=Sampling(num_train=2000, num_test=0, order="first"))
    assert np.isnan(result.value)
    assert result["train"] == 1


class TestFactorVAEScore(MetricTester):
    metric_class = FactorVAEScore
    arguments = {
        "batch_size": 8,
        "num_votes_train": 200,
        "num_votes_test": 100,
        "num_variance": 150,
        "prune_threshold": 0.01,
    }
    invalid = [
        {"batch_size": 1},
        {"num_votes_train": 0},
        {"num_votes_test": 0},
        {"num_variance": 1},
        {"prune_threshold": -1.0},
    ]
    invariances = ["permuted latents", "dead latents"]
    tolerance = 0.03
