"""Warnings about untrustworthy scores."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lr_lightning.assays import (
    ConditionedResponseMatrix,
    conditioned_response_matrix,
    latent_statistics,
    marginal_donors,
    response_matrix,
)
from lr_lightning.assays.score_warnings import score_warnings
from tests.assays.models import responding_by


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def conditioned(traversals: list[Tensor], h: Callable[[Tensor], Tensor] = lambda z: z) -> ConditionedResponseMatrix:
    return conditioned_response_matrix(responding_by(h, traversals[0].shape[-1]), traversals)


def moving(*latents: int, dim: int = 4, num_traversals: int = 20) -> Tensor:
    """Return traversals of a factor with 6 values that moves some latents alone."""
    codes = normal(num_traversals, 1, dim).repeat(1, 6, 1)
    for latent in latents:
        codes[:, :, latent] = torch.arange(6.0)
    return codes


def test_nothing_to_say_of_a_good_code() -> None:
    good = conditioned([moving(0), moving(1), moving(2)])
    codes = normal(400, 4)
    assert (
        score_warnings(
            statistics=latent_statistics(codes, torch.full_like(codes, -6.0)),
            conditioned=good,
            responses=response_matrix(responding_by(lambda z: z, 4), codes),
        )
        == ()
    )


def test_collapsed_latents() -> None:
    passive = latent_statistics(0.001 * normal(50, 3), torch.zeros(50, 3))
    assert score_warnings(statistics=passive) == (
        "All 3 latents are passive: the posterior has collapsed to the prior, so scores describe noise.",
    )
    (sentence,) = score_warnings(statistics=latent_statistics(0.001 * normal(50, 3)))
    assert sentence.startswith("No latent is active: the means of all 3 latents vary by less than 0.01")
    (sentence,) = score_warnings(statistics=latent_statistics(normal(50, 3) * torch.tensor([1.0, 0.0, 0.0])))
    assert sentence.startswith("Only one latent is active")


def test_response_matrices() -> None:
    collapsed = response_matrix(responding_by(lambda z: 0.1 * z, 3), normal(100, 3))
    (sentence,) = score_warnings(responses=collapsed)
    assert sentence.startswith("No latent responds to its own change by more than 0.5")
    few = response_matrix(responding_by(lambda z: z, 2), normal(8, 2))
    first, second = score_warnings(responses=few)
    assert first == "The response matrix comes from 8 base codes, fewer than 30."
    assert second.startswith("The responses of 2 of 2 active latents have a standard error above 10% of themselves")
    rows = response_matrix(responding_by(lambda z: z, 3), normal(100, 3), latents=[0])
    assert score_warnings(responses=rows) == ()
    with pytest.warns(UserWarning, match="not finite"):
        broken = response_matrix(responding_by(lambda z: z / 0, 2), normal(40, 2))
    (sentence,) = score_warnings(responses=broken)
    assert sentence.startswith("4 entries of the response matrix are not finite")


def test_an_inactive_latent_is_no_broken_entry() -> None:
    base = normal(400, 2)
    scaled = response_matrix(
        responding_by(lambda z: z, 2),
        base,
        marginal_donors(base),
        pair=True,
        scale=torch.tensor([1.0, 0.0]),
    )
    assert score_warnings(responses=scaled) == ()


def test_scores_that_are_undefined_or_certain() -> None:
    assert score_warnings(conditioned=conditioned([moving(0)[:, :1]])) == (
        "No factor can be traversed (each has one value, or the model returns NaN): there is no score.",
    )
    assert score_warnings(conditioned=conditioned([moving(0), moving(1)[:, :1]])) == (
        "Only one factor varies, so CDS is 1 for every code.",
    )
    assert score_warnings(conditioned=conditioned([moving(0), moving(1)], torch.zeros_like)) == (
        "No latent responds to any factor: the disentanglement scores are undefined.",
    )
    with pytest.warns(UserWarning, match="not finite"):
        broken = conditioned([moving(0), moving(1)], lambda z: z * torch.tensor([torch.inf, 1.0, 1.0, 1.0]))
    (sentence,) = score_warnings(conditioned=broken)
    assert sentence.startswith("Entries of the conditioned response matrix are not finite")


def test_a_score_within_chance_is_called_so() -> None:
    alike = conditioned([normal(20, 6, 4), normal(20, 6, 4).flip(0), normal(20, 6, 4).roll(3, 0)])
    (sentence,) = (text for text in score_warnings(conditioned=alike) if "chance" in text)
    assert sentence.startswith("CDS 0.3")
    assert "shuffled factor labels reach it with probability" in sentence


def test_factors_without_a_latent_of_their_own() -> None:
    one_for_all = conditioned([moving(0), moving(), moving()])
    (sentence,) = (text for text in score_warnings(conditioned=one_for_all) if "own" in text)
    assert sentence.startswith("Only 1 of 3 factors own a latent")


def test_few_traversals_and_wide_intervals() -> None:
    unsteady = torch.cat([moving(0, num_traversals=2), moving(1, num_traversals=2)])
    texts = score_warnings(conditioned=conditioned([unsteady, moving(1, num_traversals=4)]))
    assert "A factor has 4 traversals, fewer than 10; its interval is a guess." in texts
    (wide,) = (text for text in texts if "interval over traversals" in text)
    assert wide.startswith("CDS is uncertain: its 95 % interval over traversals is 0.")


def test_sentences_are_those_of_the_seed() -> None:
    alike = conditioned([normal(12, 6, 4), normal(12, 6, 4).flip(0)])
    assert score_warnings(conditioned=alike) == score_warnings(
        conditioned=alike, generator=torch.Generator().manual_seed(0)
    )


def test_rejects() -> None:
    with pytest.raises(ValueError, match="statistics, conditioned and responses"):
        score_warnings()
