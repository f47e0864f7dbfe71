"""Standard errors for the scores of a latent response matrix."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from lr_lightning.assays.jackknife import jackknife_error
from lr_lightning.assays.response_matrix import ResponseMatrix, merge_response_matrices
from lr_lightning.assays.response_scores import ResponseScores, response_scores
from lr_lightning.common.gradients import gradients
from lr_lightning.common.printed_result import TableFields, TabularResult


@dataclass(frozen=True, eq=False, repr=False)
class ResponseScoreErrors(TabularResult):
    """Standard errors of :class:`ResponseScores`; from :func:`response_score_errors` or :func:`jackknife_score_errors`.

    All tensors on the CPU, float64, in the unit of their scores; NaN if the score is NaN or its error unknown.

    Attributes:
        activity: ``(D,)``.
        leak: ``(D,)``.
        independence: Scalar.
        directedness: Scalar.
        effective_dimension: Scalar.
    """

    table_fields = TableFields("latent", ("activity", "leak"))

    activity: Tensor
    leak: Tensor
    independence: Tensor
    directedness: Tensor
    effective_dimension: Tensor


def response_score_errors(
    result: ResponseMatrix, threshold: float = 0.5, spread: Tensor | None = None
) -> ResponseScoreErrors:
    r"""Estimate the standard errors of :func:`response_scores` from those of the matrix entries.

    .. math:: \mathrm{SE}(s)^2 = \sum_{jk} \left(\frac{\partial s}{\partial M_{jk}}\right)^2 \mathrm{SE}(M_{jk})^2

    This is the delta method under the assumption of independent entries. In reality, the entries of a row share their
    interventions and are correlated, and all rows share their base codes. As a result, the errors of leak and
    independence are too large (by 1.2 to 2.3 times in simulations; for linear response maps the leak does not vary at
    all, and the entire error is spurious), and the others are about right. :func:`jackknife_score_errors` does not make
    this assumption but requires the matrix in parts. The errors describe how the scores vary over base codes and
    donors, not over training runs.

    Independence jumps when a latent becomes active. Its error accounts for this to first order, by the probability
    that a latent near the threshold is on the other side; for a latent exactly at the threshold, this gives 0.8 times
    the true error on average, while the jackknife gives about 1.5 times. Noise biases a leak or directedness near 0
    upwards by more than its error.

    Args:
        result: Square response matrix with its standard errors, which the distance ``"max"`` does not provide.
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
    with gradients():  # the caller may be in inference mode, as validation is
        matrix = result.matrix.detach().clone().requires_grad_()
        scores = response_scores(matrix, threshold, spread)
        # The leak of a row depends on that row only, so one backward pass of the sum gives all gradients.
        leaks = _spread(scores.leak.sum(), matrix, errors).sum(dim=1).sqrt()
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
    r"""Estimate the standard errors of :func:`response_scores` by leaving out one part of the base codes at a time.

    .. math:: \mathrm{SE}(s)^2 = \frac{G - 1}{G} \sum_g \left(s_{-g} - \bar s_{-}\right)^2

    The jackknife accounts for correlations between entries, for all scores, without another pass through the model.
    Parts are merged by :func:`merge_response_matrices`, and the scores are those of the merged matrix. If codes donate
    across parts, the parts are not independent and the errors are too small (by a fifth for an identity map), so let
    base codes donate only within their part.

    Args:
        parts: ``G >= 2`` response matrices of equally many, disjoint base codes, each measured without donors or with
            its own donors; 10 to 30 parts are enough.
        threshold: Activity above which a latent counts as active, as in :func:`response_scores`.
        spread: As in :func:`response_scores`, over all base codes.

    Returns:
        The errors. NaN if a score of the merged matrix (which warns) or of a leave-one-out matrix is undefined.

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
        raise ValueError(f"parts must have at least 2 response matrices, got {len(parts)}")
    # For its errors and warnings, once; those of the leave-one-out matrices would only repeat them.
    response_scores(merge_response_matrices(parts).matrix, threshold, spread)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        without = [
            response_scores(merge_response_matrices([*parts[:out], *parts[out + 1 :]]).matrix, threshold, spread)
            for out in range(len(parts))
        ]
    names = [field.name for field in fields(ResponseScoreErrors)]
    return ResponseScoreErrors(
        *(jackknife_error(torch.stack([getattr(scores, name) for scores in without])) for name in names)
    )


def _spread(score: Tensor, matrix: Tensor, errors: Tensor) -> Tensor:
    """Return the contribution of each entry to the squared error of ``score``; 0 for entries that it does not use."""
    (gradient,) = torch.autograd.grad(score, matrix, retain_graph=True)
    return (gradient.nan_to_num(nan=0.0) * errors).square().detach()


def _flips(scores: ResponseScores, errors: Tensor, limit: Tensor) -> Tensor:
    r"""Return the variance of the independence due to latents that are active in some draws and inactive in others.

    If latent :math:`j` is active with probability :math:`p_j` and has leak :math:`l_j`, this variance is to first order
    :math:`\sum_j p_j (1 - p_j) ((l_j - \bar l) / n)^2`, with :math:`n = \sum_j p_j` and
    :math:`\bar l = \sum_j p_j l_j / n`.
    """
    distance = (scores.activity.detach() - limit) / errors.clamp_min(torch.finfo(errors.dtype).tiny)
    leaks = scores.leak.detach()
    active = torch.special.ndtr(distance).where(distance.isfinite() & leaks.isfinite(), 0.0)
    leaks, expected = leaks.nan_to_num(nan=0.0), active.sum()
    mean = (active * leaks).sum() / expected
    variance: Tensor = (active * (1 - active) * ((leaks - mean) / expected).square()).sum()
    return variance
