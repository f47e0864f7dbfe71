"""Standard errors of the scores of a latent response matrix."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.response_matrix import ResponseMatrix, merge_response_matrices
from lr_lightning.assays.response_scores import ResponseScores, response_scores
from lr_lightning.gradients import gradients


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


def response_score_errors(result: ResponseMatrix, threshold: float = 0.5) -> ResponseScoreErrors:
    r"""Estimate the standard errors of :func:`response_scores` from those of the entries.

    .. math:: \mathrm{SE}(s)^2 = \sum_{jk} \left(\frac{\partial s}{\partial M_{jk}}\right)^2 \mathrm{SE}(M_{jk})^2

    This is the delta method with entries taken as independent. In truth the entries of a row share their interventions
    and move together, and all rows share their base codes: the errors of leak and independence come out too large (for
    linear response maps, whose leak does not vary at all, they are nothing but this), those of the others about
    right. :func:`jackknife_score_errors` needs no such assumption, but the matrix in parts. The errors tell how the
    scores vary over base codes and donors, not over training runs. Which latents are active is taken as known. Noise
    makes a leak or a directedness near 0 too large by more than their error.

    Args:
        result: Square response matrix with its standard errors. The distance ``"max"`` has none.
        threshold: Activity above which a latent counts as active, in latent units, as in :func:`response_scores`.

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
        scores = response_scores(matrix, threshold)
        leaks = _spread(scores.leak.sum(), matrix, errors).sum(dim=1).sqrt()  # the leak of a row depends on it alone
        single = [
            _spread(score, matrix, errors).sum().sqrt() if score.requires_grad else score
            for score in (scores.independence, scores.directedness, scores.effective_dimension)
        ]
    return ResponseScoreErrors(
        activity=result.standard_error.diagonal().clone(),
        leak=leaks.masked_fill(scores.leak.isnan(), torch.nan),
        independence=single[0],
        directedness=single[1],
        effective_dimension=single[2],
    )


def jackknife_score_errors(parts: Sequence[ResponseMatrix], threshold: float = 0.5) -> ResponseScoreErrors:
    r"""Estimate the standard errors of :func:`response_scores` by leaving out one part of the base codes in turn.

    .. math:: \mathrm{SE}(s)^2 = \frac{G - 1}{G} \sum_g \left(s_{-g} - \bar s_{-}\right)^2

    It counts what entries have in common, for all scores, at no further pass through the model. The parts are
    merged by :func:`merge_response_matrices`, the scores are those of the whole.

    Args:
        parts: ``G >= 2`` response matrices of equally many, disjoint base codes; 10 to 30 parts are enough. Draw all
            donors at once and give each part its rows with ``pair=True``.
        threshold: Activity above which a latent counts as active, in latent units, as in :func:`response_scores`.

    Returns:
        The errors. NaN, with the warnings of the scores, where a score of the whole or of a leave-one-out is undefined.

    Raises:
        ValueError: If there are fewer than 2 parts, they differ in options or latents, or are not square.

    References:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993.

    Example:
        >>> from lr_lightning.assays import marginal_donors, response_matrix, wrap
        >>> model = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=2)
        >>> base = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
        >>> split = zip(base.chunk(10), marginal_donors(base).chunk(10), strict=True)
        >>> parts = [response_matrix(model, codes, donors, pair=True) for codes, donors in split]
        >>> jackknife_score_errors(parts).independence.item()
        0.0
    """
    if len(parts) < 2:
        raise ValueError(f"the jackknife needs at least 2 parts, got {len(parts)}")
    response_scores(merge_response_matrices(parts).matrix, threshold)  # raises and warns for the whole
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        without = [
            response_scores(merge_response_matrices([*parts[:left_out], *parts[left_out + 1 :]]).matrix, threshold)
            for left_out in range(len(parts))
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


def _jackknife(without: Sequence[ResponseScores], name: str) -> Tensor:
    values = torch.stack([getattr(scores, name) for scores in without])
    return ((len(values) - 1) * (values - values.mean(dim=0)).square().mean(dim=0)).sqrt()
