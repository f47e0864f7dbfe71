"""Warnings, in full sentences, about results whose scores should not be trusted."""

import math

import torch
from torch import Tensor

from lr_lightning.assays.causal_scores import bootstrap_interval, owned_factors, permutation_null
from lr_lightning.assays.checks import own_generator
from lr_lightning.assays.conditioned_response import ConditionedResponseMatrix
from lr_lightning.assays.latent_statistics import LatentStatistics
from lr_lightning.assays.response_matrix import ResponseMatrix
from lr_lightning.assays.response_scores import active_latents

FEW_TRAVERSALS = 10
"""With fewer traversals of a factor, intervals over traversals are themselves unreliable."""

FEW_SAMPLES = 30
"""With fewer base codes, the standard errors of a response matrix are themselves unreliable."""

WIDE_INTERVAL = 0.1
"""Width of a 95 % interval above which the first decimal of a score is uncertain."""

LARGE_ERROR = 0.1
"""Relative standard error of an active latent's response above which rankings are uncertain."""


def score_warnings(
    *,
    statistics: LatentStatistics | None = None,
    conditioned: ConditionedResponseMatrix | None = None,
    responses: ResponseMatrix | None = None,
    owned_threshold: float = 0.01,
    active_threshold: float = 0.5,
    spread: Tensor | None = None,
    num_resamples: int = 200,
    significance: float = 0.05,
    generator: torch.Generator | None = None,
) -> tuple[str, ...]:
    """Explain why scores of these results should not be trusted.

    Checks for a collapsed code, too few factors, traversals or samples, a causal disentanglement score (CDS) that is
    within chance or has a wide interval over traversals, factors that own no latent, and non-finite entries. No
    warnings does not mean that a score is right: bugs in the model, missing factor combinations in the data and the
    spread over training seeds go unnoticed.

    Args:
        statistics: Usage statistics of the latents.
        conditioned: Conditioned response matrix, from which CDS and CCS are computed.
        responses: Latent response matrix.
        owned_threshold: As in :func:`owned_factors`, in the unit of the matrix.
        active_threshold: As in :func:`active_latents`.
        spread: As in :func:`active_latents`.
        num_resamples: Number of permutations for the null, and of resamples for the interval.
        significance: P-value above which a CDS counts as chance.
        generator: Random generator for permutations and resamples, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        One sentence per problem, with the number that triggered it; the most serious one of each result first.

    Raises:
        ValueError: If no result is given, or ``generator`` is not on the CPU.

    Example:
        >>> from lr_lightning.assays import latent_statistics
        >>> score_warnings(statistics=latent_statistics(torch.zeros(50, 4)))
        ('No latent is active: the means of all 4 latents vary by less than 0.01, so scores describe noise.',)
    """
    if statistics is None and conditioned is None and responses is None:
        raise ValueError("at least one of statistics, conditioned and responses is required, got none")
    generator = own_generator(generator)
    found: list[str] = []
    if statistics is not None:
        found += _of_statistics(statistics)
    if responses is not None:
        found += _of_responses(responses, active_threshold, spread)
    if conditioned is not None:
        found += _of_conditioned(conditioned, owned_threshold, num_resamples, significance, generator)
    return tuple(found)


def _of_statistics(statistics: LatentStatistics) -> list[str]:
    count = len(statistics.std)
    if statistics.regimes is not None and all(regime == "passive" for regime in statistics.regimes):
        return [f"All {count} latents are passive: the posterior has collapsed to the prior, so scores describe noise."]
    if statistics.num_active == 0:
        return [
            f"No latent is active: the means of all {count} latents vary by less than {statistics.active_threshold:g}, "
            "so scores describe noise."
        ]
    if statistics.num_active == 1:
        return ["Only one latent is active, so every disentanglement score is high or meaningless."]
    return []


def _of_responses(responses: ResponseMatrix, threshold: float, spread: Tensor | None) -> list[str]:
    kept = responses.matrix[:, ~responses.inactive]
    if not kept.isfinite().all():
        return [f"{int((~kept.isfinite()).sum())} entries of the response matrix are not finite."]
    found = []
    if responses.num_samples < FEW_SAMPLES:
        found.append(f"The response matrix comes from {responses.num_samples} base codes, fewer than {FEW_SAMPLES}.")
    if responses.matrix.shape[0] != responses.matrix.shape[1]:
        return found  # only some rows: the scores need the whole matrix
    active = active_latents(responses.matrix, threshold, spread)
    if not active.any():
        limit = f"{threshold:g}" if spread is None else f"{threshold:g} times its spread"
        return [
            f"No latent responds to its own change by more than {limit}: independence is undefined, and the "
            "other scores of the response matrix describe noise.",
            *found,
        ]
    relative = (responses.standard_error.diagonal() / responses.matrix.diagonal())[active]
    doubtful = int((relative > LARGE_ERROR).sum())
    if doubtful:
        largest = math.ceil(1000 * float(relative.max())) / 10  # rounded up: above the limit in print too
        found.append(
            f"The responses of {doubtful} of {int(active.sum())} active latents have a standard error above "
            f"{LARGE_ERROR:.0%} of themselves (at most {largest:g}%); take more base codes."
        )
    return found


def _of_conditioned(
    conditioned: ConditionedResponseMatrix,
    owned_threshold: float,
    num_resamples: int,
    significance: float,
    generator: torch.Generator,
) -> list[str]:
    rows = conditioned.matrix[~conditioned.matrix.isnan().all(dim=1)]
    if not len(rows):
        reason = "each has one value" if conditioned.pairs is None else "none has pairs of samples"
        return [f"No factor can be traversed ({reason}, or the model returns NaN): there is no score."]
    if not rows.isfinite().all():
        return ["Entries of the conditioned response matrix are not finite; there is no score."]
    if not rows.sum() > 0:
        return ["No latent responds to any factor: the disentanglement scores are undefined."]
    if len(rows) == 1:
        return [f"Only one factor varies, so {_score_name(conditioned)} is 1 for every code."]
    found = _of_disentanglement(conditioned, num_resamples, significance, generator)
    owned = float(owned_factors(rows, owned_threshold))
    if owned < 0.5:
        found.append(
            f"Only {round(owned * len(rows))} of {len(rows)} factors own a latent: a high CDS here means that the code "
            "ignores the others."
        )
    fewest = min(
        number
        for number, part in zip(conditioned.num_traversals, conditioned.per_traversal, strict=True)
        if not part.isnan().all()
    )
    if fewest < FEW_TRAVERSALS:
        what = "traversal" if conditioned.pairs is None or conditioned.pairs.pairing == "marginal" else "matched group"
        number = f"{fewest} {what}{'' if fewest == 1 else 's'}"
        found.append(f"A factor has {number}, fewer than {FEW_TRAVERSALS}; its interval is a guess.")
    return found


def _of_disentanglement(
    conditioned: ConditionedResponseMatrix, num_resamples: int, significance: float, generator: torch.Generator
) -> list[str]:
    """Return warnings about a causal disentanglement score within chance or with a wide interval."""
    found = []
    null = permutation_null(conditioned, num_permutations=num_resamples, generator=generator)
    if null.p_value > significance:
        found.append(
            f"{_score_name(conditioned)} {float(null.score):.3f} is within chance: shuffled factor labels reach it "
            f"with probability {float(null.p_value):.2f} (their mean is {float(null.null.mean()):.3f})."
        )
    low, high = (
        float(end) for end in bootstrap_interval(conditioned, num_resamples=num_resamples, generator=generator)
    )
    if high - low > WIDE_INTERVAL:
        found.append(
            f"{_score_name(conditioned)} is uncertain: its 95 % interval over traversals is {low:.2f} to {high:.2f}."
        )
    return found


def _score_name(conditioned: ConditionedResponseMatrix) -> str:
    return "CDS" if conditioned.pairs is None else f"CDS of {conditioned.pairs.pairing} pairs"
