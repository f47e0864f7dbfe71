"""Standard errors of the scores of a latent response matrix."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.response_matrix import ResponseMatrix, merge_response_matrices
from lr_lightning.assays.response_scores import ResponseScores, response_scores
from lr_lightning.common.gradients import gradients


@dataclass(frozen=True, eq=False)
class ResponseScoreErrors:
    """Standard errors of :class:`ResponseScores`; from :func:`response_score_errors` or :func:`jackknife_score_errors`.

    All tensors on the CPU, float64, in the unit of their scores; NaN where a score is, or where its error is unknown.

    Attributes:
        activity: ``(D,)``.
        leak: ``(D,)``.
        independence: Scalar.
        directedness: Scalar.
        effective_dimension: Scalar.
    """

    activity: Tensor
    leak: Tensor
    independence: Tensor
    directedness: Tensor
    effective_dimension: Tensor


def response_score_errors(
    result: ResponseMatrix, threshold: float = 0.5, spread: Tensor | None = None
) -> ResponseScoreErrors:
    r"""Estimate the standard errors of :func:`response_scores` from those of the entries.

    .. math:: \mathrm{SE}(s)^2 = \sum_{jk} \left(\frac{\partial s}{\partial M_{jk}}\right)^2 \mathrm{SE}(M_{jk})^2

    This is the delta method with entries taken as independent. In truth the entries of a row share their interventions
    and move together, and all rows share their base codes: the errors of leak and independence come out too large (1.2
    to 2.3 times in simulations, and for linear response maps, whose leak does not vary at all, they are nothing but
    this), those of the others about right. :func:`jackknife_score_errors` needs no such assumption, but the matrix in
    parts. The errors tell how the scores vary over base codes and donors, not over training runs.

    The independence jumps where a latent becomes active. Its error counts that, to first order, by the probability that
    a latent near the threshold lies on the other side: .8 of the true error on average for a latent right at it. The
    jackknife makes that error too large, about 1.5 times. Noise makes a leak or a directedness near 0 too large by more
    than their error.

    Args:
        result: Square response matrix with its standard errors. The distance ``"max"`` has none.
        threshold: Activity above which a latent counts as active, as in :func:`response_scores`.
        spread: As in :func:`response_scores`.

    Returns:
        The errors. NaN, with the warnings of the scores, where a score is undefined.

    Raises:
        ValueError: If the matrix is not square.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993.
    """
    errors = result.standard_error.masked_fill(result.matrix.isnan(), 0)
    with gradients():  # inside validation too, which runs in inference mode
        matrix = result.matrix.detach().clone().requires_grad_()
        scores = response_scores(matrix, threshold, spread)
        leaks = _spread(scores.leak.sum(), matrix, errors).sum(dim=1).sqrt()  # the leak of a row depends on it alone
        single = [
            _spread(score, matrix, errors).sum().sqrt() if score.requires_grad else score
            for score in (scores.independence, scores.directedness, scores.effective_dimension)
        ]
    own = result.standard_error.diagonal().clone()
    limit = threshold * (torch.ones_like(own) if spread is None else spread.to(own))
    return ResponseScoreErrors(
        activity=own,
        leak=leaks.masked_fill(scores.leak.isnan(), torch.nan),
        independence=(single[0].square() + _flips(scores, own, limit)).sqrt(),
        directedness=single[1],
        effective_dimension=single[2],
    )


def jackknife_score_errors(
    parts: Sequence[ResponseMatrix], threshold: float = 0.5, spread: Tensor | None = None
) -> ResponseScoreErrors:
    r"""Estimate the standard errors of :func:`response_scores` by leaving out one part of the base codes in turn.

    .. math:: \mathrm{SE}(s)^2 = \frac{G - 1}{G} \sum_g \left(s_{-g} - \bar s_{-}\right)^2

    It counts what entries have in common, for all scores, at no further pass through the model. The parts are
    merged by :func:`merge_response_matrices`, the scores are those of the whole. Parts that donate to each other are
    not independent, and the errors come out too small, by a fifth for an identity: let base codes donate within
    their part.

    Args:
        parts: ``G >= 2`` response matrices of equally many, disjoint base codes, each measured without donors or with
            donors of its own; 10 to 30 parts are enough.
        threshold: Activity above which a latent counts as active, as in :func:`response_scores`.
        spread: As in :func:`response_scores`, that of all base codes.

    Returns:
        The errors. NaN, with the warnings of the scores, where a score of the whole or of a leave-one-out is undefined.

    Raises:
        ValueError: If there are fewer than 2 parts, they differ in options or latents, or are not square.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993.

    Example:
        >>> from lr_lightning.assays import response_matrix, wrap
        >>> model = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=2)
        >>> generator = torch.Generator().manual_seed(0)
        >>> base = torch.randn(100, 2, generator=generator)
        >>> parts = [response_matrix(model, codes, generator=generator) for codes in base.chunk(10)]
        >>> jackknife_score_errors(parts).independence.item()
        0.0
    """
    if len(parts) < 2:
        raise ValueError(f"the jackknife needs at least 2 parts, got {len(parts)}")
    response_scores(merge_response_matrices(parts).matrix, threshold, spread)  # raises and warns for the whole
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        without = [
            response_scores(merge_response_matrices([*parts[:out], *parts[out + 1 :]]).matrix, threshold, spread)
            for out in range(len(parts))
        ]
    return ResponseScoreErrors(
        activity=_jackknife(without, "activity"),
        leak=_jackknife(without, "leak"),
        independence=_jackknife(without, "independence"),
        directedness=_jackknife(without, "directedness"),
        effective_dimension=_jackknife(without, "effective_dimension"),
    )


def _spread(score: Tensor, matrix: Tensor, errors: Tensor) -> Tensor:
    """Return the squared share of each entry in the error of ``score``; entries that it leaves out have none."""
    (gradient,) = torch.autograd.grad(score, matrix, retain_graph=True)
    return (gradient.nan_to_num(nan=0.0) * errors).square().detach()


def _flips(scores: ResponseScores, errors: Tensor, limit: Tensor) -> Tensor:
    r"""Return the variance of the independence from latents that are active in some draws and not in others.

    With the probability :math:`p_j` of being active, to first order in membership:
    :math:`\sum_j p_j (1 - p_j) ((l_j - \bar l) / n)^2`, where :math:`n = \sum_j p_j` and
    :math:`\bar l = \sum_j p_j l_j / n` for leaks :math:`l_j`.
    """
    distance = (scores.activity.detach() - limit) / errors.clamp_min(torch.finfo(errors.dtype).tiny)
    leaks = scores.leak.detach()
    active = torch.special.ndtr(distance).where(distance.isfinite() & leaks.isfinite(), 0.0)
    leaks, expected = leaks.nan_to_num(nan=0.0), active.sum()
    mean = (active * leaks).sum() / expected
    variance: Tensor = (active * (1 - active) * ((leaks - mean) / expected).square()).sum()
    return variance


def _jackknife(without: Sequence[ResponseScores], name: str) -> Tensor:
    values = torch.stack([getattr(scores, name) for scores in without])
    return ((len(values) - 1) * (values - values.mean(dim=0)).square().mean(dim=0)).sqrt()
