"""Scores of a latent response matrix, which do not need ground-truth factors."""

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.common.printed_result import TableFields, TabularResult


def activity(matrix: Tensor) -> Tensor:
    r"""Return the response of each latent to its own change, :math:`a_j = M_{jj}`, shape ``(D,)`` in latent units."""
    _check_square(matrix)
    return matrix.diagonal().double()


SPREAD_FLOOR = 0.01
"""A latent with a spread below this fraction of the largest one is inactive, whatever its response."""


def active_latents(matrix: Tensor, threshold: float = 0.5, spread: Tensor | None = None) -> Tensor:
    """Return which latents respond to their own change by more than ``threshold``.

    Args:
        matrix: Response matrix ``(D, D)``. Inactive latents (NaN) are not active.
        threshold: In latent units, or in multiples of ``spread``. 0.5 suits the paper's convention, in which a
            perfectly transmitted latent of standard deviation 1 has activity 1.
        spread: Standard deviation of each latent over the base codes, shape ``(D,)``. Pass it if codes are not on the
            scale of a standard normal prior, as for a plain autoencoder. Latents with less than a hundredth of the
            largest spread are not active. If ``None``, the threshold is in latent units.

    Returns:
        Shape ``(D,)``, bool.

    Raises:
        ValueError: If ``matrix`` is not square, or ``spread`` is not one finite, nonnegative number per latent.

    Example:
        >>> active_latents(torch.tensor([[0.9, 0.1], [0.0, 0.2]]))
        tensor([ True, False])
        >>> active_latents(torch.tensor([[0.9, 0.1], [0.0, 0.2]]), spread=torch.tensor([1.0, 0.3]))
        tensor([True, True])
    """
    own = activity(matrix)
    if spread is None:
        return own > threshold
    if spread.shape != own.shape or not spread.isfinite().all() or (spread < 0).any():
        raise ValueError(f"spread must be {len(own)} finite numbers that are not negative, got {spread.tolist()}")
    unit = spread.to(own)
    return (own > threshold * unit) & (unit > SPREAD_FLOOR * unit.max())


def leak(matrix: Tensor) -> Tensor:
    r"""Return the fraction of each latent's effect that goes to other latents.

    .. math:: \mathrm{leak}_j = \sum_{k \ne j} M_{jk}^2 / \sum_k M_{jk}^2

    Args:
        matrix: Response matrix ``(D, D)``. NaN entries (inactive latents) do not count in the sums.

    Returns:
        Shape ``(D,)``, float64 in ``[0, 1]``; lower is better. NaN for a latent that nothing responds to, without a
        warning, since this is normal for a collapsed latent.

    Raises:
        ValueError: If ``matrix`` is not square.
    """
    _check_square(matrix)
    squares = matrix.double().square().nan_to_num(nan=0.0)
    total = squares.sum(dim=1)
    return (total - squares.diagonal()).clamp_min(0) / total


def independence(matrix: Tensor, threshold: float = 0.5, spread: Tensor | None = None) -> Tensor:
    """Return 1 minus the mean :func:`leak` of the active latents.

    Args:
        matrix: Response matrix ``(D, D)``.
        threshold: As in :func:`active_latents`.
        spread: As in :func:`active_latents`.

    Returns:
        Scalar float64 in ``[0, 1]``; higher is better. NaN with a warning if no latent is active.

    Raises:
        ValueError: If ``matrix`` is not square, or ``spread`` is invalid.
    """
    active = active_latents(matrix, threshold, spread)
    if not active.any():
        unit = "" if spread is None else " times its spread"
        return _undefined("independence", f"no latent responds by more than {threshold}{unit}")
    return 1 - leak(matrix)[active].mean()


def directedness(matrix: Tensor) -> Tensor:
    r"""Return to what extent effects between latents are one-way.

    .. math:: \|M - M^\top\| / \|M + M^\top\|

    in the Frobenius norm, over the latents whose columns are not NaN.

    Args:
        matrix: Response matrix ``(D, D)``.

    Returns:
        Scalar float64 in ``[0, 1]``: 0 for a symmetric matrix, 1 if every effect is one-way. NaN with a warning if the
        matrix is 0.

    Raises:
        ValueError: If ``matrix`` is not square.
    """
    _check_square(matrix)
    kept = ~matrix.isnan().all(dim=0)
    square = matrix.double()[kept][:, kept]
    opposed: Tensor = torch.linalg.norm(square - square.T)
    total: Tensor = torch.linalg.norm(square + square.T)
    if not total > 0:
        return _undefined("directedness", "the response matrix has no positive entry")
    return opposed / total


def effective_dimension(matrix: Tensor) -> Tensor:
    r"""Return the effective number of latents that share the activity (participation ratio).

    .. math:: \Bigl(\sum_j a_j^2\Bigr)^2 / \sum_j a_j^4

    Args:
        matrix: Response matrix ``(D, D)``. NaN entries (inactive latents) count as no activity.

    Returns:
        Scalar float64 in ``[1, D]``. NaN with a warning if no latent responds to its own change.

    Raises:
        ValueError: If ``matrix`` is not square.

    Example:
        >>> effective_dimension(torch.diag(torch.tensor([1.0, 1.0, 0.0]))).item()
        2.0
    """
    squares = activity(matrix).square().nan_to_num(nan=0.0)
    if not squares.sum() > 0:
        return _undefined("effective dimension", "no latent responds to its own change")
    return squares.sum().square() / squares.square().sum()


@dataclass(frozen=True, eq=False, repr=False)
class ResponseScores(TabularResult):
    """All scores of one response matrix, as returned by :func:`response_scores`.

    Attributes:
        activity: ``(D,)``, see :func:`activity`.
        active: ``(D,)`` bool, see :func:`active_latents`.
        leak: ``(D,)``, see :func:`leak`.
        independence: Scalar, see :func:`independence`.
        directedness: Scalar, see :func:`directedness`.
        effective_dimension: Scalar, see :func:`effective_dimension`.
    """

    table_fields = TableFields("latent", ("activity", "active", "leak"))

    activity: Tensor
    active: Tensor
    leak: Tensor
    independence: Tensor
    directedness: Tensor
    effective_dimension: Tensor


def response_scores(matrix: Tensor, threshold: float = 0.5, spread: Tensor | None = None) -> ResponseScores:
    """Return all scores of a response matrix ``(D, D)``.

    Args:
        matrix: Response matrix, rows intervened, columns responding.
        threshold: Activity above which a latent counts as active, as in :func:`active_latents`.
        spread: As in :func:`active_latents`.

    Raises:
        ValueError: If ``matrix`` is not square, or ``spread`` is invalid.
    """
    return ResponseScores(
        activity=activity(matrix),
        active=active_latents(matrix, threshold, spread),
        leak=leak(matrix),
        independence=independence(matrix, threshold, spread),
        directedness=directedness(matrix),
        effective_dimension=effective_dimension(matrix),
    )


def _check_square(matrix: Tensor) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"matrix must have shape (D, D), got {tuple(matrix.shape)}")


def _undefined(name: str, reason: str) -> Tensor:
    warnings.warn(f"{name} is undefined: {reason}", stacklevel=3)
    return torch.tensor(torch.nan, dtype=torch.float64)
