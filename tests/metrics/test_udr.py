"""Unsupervised disentanglement ranking of several models."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.linear_model import Lasso
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from lr_lightning.metrics.udr import Similarity, unsupervised_disentanglement_ranking
from tests.metrics.cases import ideal_case

GRID = torch.cartesian_prod(*[torch.arange(6.0)] * 4)  # each combination once: ranks do not correlate at all


def rotated(seed: int, num_samples: int = 1000) -> Tensor:
    """Return the same Gaussian latents (N, 4), rotated at random."""
    codes = torch.randn(num_samples, 4, generator=torch.Generator().manual_seed(0))
    rotation: Tensor = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(seed))).Q
    return codes @ rotation


def strength(alike: np.ndarray) -> float:
    """Return the mean of both means of squared largest entries over sums, spelled out."""
    sides = [
        [max(line) ** 2 / sum(line) if sum(line) else 0.0 for line in side]
        for side in (alike.tolist(), alike.T.tolist())
    ]
    return float(np.mean(sides[0]) + np.mean(sides[1])) / 2


@pytest.mark.parametrize(("similarity", "best"), [("spearman", 1.0), ("lasso", 0.9)])
def test_permuted_model_agrees_as_far_as_can_be(similarity: Similarity, best: float) -> None:
    permuted = GRID[:, [2, 0, 3, 1]] * torch.tensor([2.0, -1.0, 0.5, -3.0])
    ranking = unsupervised_disentanglement_ranking([GRID, permuted], similarity=similarity)
    assert ranking.scores.tolist() == pytest.approx([best, best], abs=1e-6)


@pytest.mark.parametrize("similarity", ["spearman", "lasso"])
def test_ideal_cases(similarity: Similarity) -> None:
    """Of the ideal cases, those without entanglement agree with each other, and rotations or noise with none."""
    names = ["ident", "perm", "dead", "perm", "rot45", "rotF", "noise"]
    ranking = unsupervised_disentanglement_ranking([ideal_case(name)[0] for name in names], similarity=similarity)
    assert ranking.pairwise.isnan().tolist() == torch.eye(7, dtype=torch.bool).tolist()
    assert ranking.pairwise[:4, :4].nan_to_num(1.0).min() > 0.88
    assert ranking.pairwise[:, 4:6].nan_to_num(0.0).max() < 0.4
    assert ranking.pairwise[:, 6].nan_to_num(0.0).max() < 0.05
    assert ranking.best in range(4)
    assert ranking.value == ranking.scores.max().item()
    assert ranking.scores[:4].min() > ranking.scores[4:].max() + 0.1


@pytest.mark.parametrize("similarity", ["spearman", "lasso"])
def test_pairs_by_other_means(similarity: Similarity) -> None:
    a, b = rotated(1) * 3 + 1, torch.cat([rotated(2)[:, :3], rotated(3)[:, :2]], dim=1)
    ranking = unsupervised_disentanglement_ranking([a, b], similarity=similarity)
    if similarity == "spearman":
        alike = np.array([[abs(spearmanr(a[:, j], b[:, k])[0]) for k in range(5)] for j in range(4)])
        backward = alike.T
    else:
        x, y = (StandardScaler().fit_transform(codes.double().numpy()) for codes in (a, b))
        alike = np.abs(Lasso(alpha=0.1, tol=1e-8).fit(x, y).coef_).T
        backward = np.abs(Lasso(alpha=0.1, tol=1e-8).fit(y, x).coef_).T
    assert ranking.pairwise[0, 1].item() == pytest.approx(strength(alike), abs=1e-4)
    assert ranking.pairwise[1, 0].item() == pytest.approx(strength(backward), abs=1e-4)
    # the score of a model is that of predicting it from the others
    assert ranking.scores.tolist() == [ranking.pairwise[1, 0].item(), ranking.pairwise[0, 1].item()]


def test_score_is_the_median_over_partners() -> None:
    ranking = unsupervised_disentanglement_ranking([rotated(seed) for seed in range(5)])
    for model in range(5):
        others = np.delete(ranking.pairwise[:, model].numpy(), model)
        assert ranking.scores[model].item() == np.median(others)


def test_divergences_choose_what_is_compared() -> None:
    noise = torch.randn(1296, 2, generator=torch.Generator().manual_seed(0))
    models = [torch.cat([GRID, noise], dim=1), torch.cat([noise.flip(0), GRID], dim=1)]
    divergences = [torch.tensor([1.0, 1, 1, 1, 0.009, 0]), torch.tensor([0, 0.02, 1, 1, 1, 1])]
    ranking = unsupervised_disentanglement_ranking(models, kl_of_models=divergences, kl_threshold=0.03)
    assert ranking.scores.tolist() == pytest.approx([0.9, 0.9], abs=1e-6)
    assert [keep.sum().item() for keep in ranking.kept] == [4, 4]
    with_one_noise = unsupervised_disentanglement_ranking(models, kl_of_models=divergences)
    assert with_one_noise.kept[1].tolist() == [False, True, True, True, True, True]
    # a latent without a match counts as 0 among five
    assert with_one_noise.scores.tolist() == pytest.approx([0.81, 0.81], abs=1e-6)


def test_without_divergences_inactive_latents_are_left_out() -> None:
    dead = torch.cat([GRID, torch.full((1296, 1), 0.1), 0.05 * GRID[:, :1].cos()], dim=1)
    ranking = unsupervised_disentanglement_ranking([dead, GRID], similarity="spearman")
    assert ranking.kept[0].tolist() == [True] * 4 + [False] * 2
    assert ranking.scores.tolist() == pytest.approx([1, 1], abs=1e-6)


def test_constant_latent_that_is_kept_matches_nothing() -> None:
    constant = torch.cat([GRID, torch.full((1296, 1), 0.1)], dim=1)
    divergences = [torch.ones(5), torch.ones(4)]
    lasso = unsupervised_disentanglement_ranking([constant, GRID], kl_of_models=divergences)
    assert lasso.scores.tolist() == pytest.approx([0.9 * 0.9] * 2, abs=1e-6)  # of 5 and 4 latents, 4 match
    ranks = unsupervised_disentanglement_ranking([constant, GRID], kl_of_models=divergences, similarity="spearman")
    assert ranks.scores.tolist() == pytest.approx([0.9] * 2, abs=1e-6)


@given(
    st.permutations(range(4)),
    st.lists(st.sampled_from([-2.0, 0.5, 8.0]), min_size=4, max_size=4),
    st.permutations(range(3)),
)
def test_order_sign_and_scale_of_latents_and_order_of_models_do_not_matter(
    latents: list[int], scale: list[float], models: list[int]
) -> None:
    codes = [rotated(seed, 200) for seed in range(3)]
    expected = unsupervised_disentanglement_ranking(codes).scores
    codes[1] = codes[1][:, latents] * torch.tensor(scale) + 3
    changed = unsupervised_disentanglement_ranking([codes[model] for model in models]).scores
    assert changed.tolist() == pytest.approx(expected[models].tolist(), abs=1e-3)


def test_monotone_maps_do_not_matter_to_ranks() -> None:
    codes = [rotated(seed) for seed in range(3)]
    expected = unsupervised_disentanglement_ranking(codes, similarity="spearman").scores
    curved = unsupervised_disentanglement_ranking([each.exp() for each in codes], similarity="spearman").scores
    assert curved.tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_copies_give_a_value_without_complaint() -> None:
    copies = torch.cat([GRID, GRID], dim=1)
    assert 0 < unsupervised_disentanglement_ranking([copies, copies.flip(1)]).value < 0.9
    near = torch.cat([GRID[:, :1] + 0.02 * rotated(seed, 1296) for seed in range(3)], dim=1)  # slow to converge
    assert 0 < unsupervised_disentanglement_ranking([near, near.flip(1) @ torch.linspace(0, 1, 12).diag()]).value < 0.9


def test_single_model_is_undefined() -> None:
    with pytest.warns(UserWarning, match="udr is undefined for models 0: it needs two models"):
        ranking = unsupervised_disentanglement_ranking([GRID])
    assert ranking.scores.isnan().tolist() == [True]
    assert math.isnan(ranking.value)
    assert ranking.best is None


def test_model_without_latents_is_undefined_and_no_partner() -> None:
    with pytest.warns(UserWarning, match="udr is undefined for models 1: "):
        ranking = unsupervised_disentanglement_ranking([GRID, torch.zeros_like(GRID), GRID], similarity="spearman")
    assert ranking.scores.nan_to_num(-1.0).tolist() == pytest.approx([1, -1, 1], abs=1e-6)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must all have the same rows, got \[1296, 5\]"):
        unsupervised_disentanglement_ranking([GRID, GRID[:5]])
    with pytest.raises(ValueError, match="must all have the same rows"):
        unsupervised_disentanglement_ranking([])
    with pytest.raises(ValueError, match="codes must be finite"):
        unsupervised_disentanglement_ranking([GRID, GRID / 0])
    with pytest.raises(ValueError, match=r"kl_of_models must have shapes \[\(4,\), \(4,\)\], got \[\(4,\), \(3,\)\]"):
        unsupervised_disentanglement_ranking([GRID, GRID], kl_of_models=[torch.ones(4), torch.ones(3)])
    with pytest.raises(ValueError, match=r"similarity .*got 'pearson'"):
        unsupervised_disentanglement_ranking([GRID, GRID], similarity="pearson")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"alpha .*got 0"):
        unsupervised_disentanglement_ranking([GRID, GRID], alpha=0)
    with pytest.raises(ValueError, match=r"kl_threshold .*got -1"):
        unsupervised_disentanglement_ranking([GRID, GRID], kl_threshold=-1)
