"""How much decoding and encoding moves the points on a path, compared with the straight line between its ends."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes
from lr_lightning.assays.encoding import to_float32
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, placement, posterior_mean
from lr_lightning.assays.response import at_least_float32
from lr_lightning.common.checks import check_at_least
from lr_lightning.common.printed_result import PrintedResult


@dataclass(frozen=True, eq=False, repr=False)
class PathProfile(PrintedResult):
    """A path and its scores, as returned by :func:`path_profile`. All tensors are on the CPU.

    Attributes:
        codes: ``(P, D)`` float64 in latent units, points at equal distances along the path, including both ends.
        positions: ``(P,)`` float64 in latent units, distance along the path from its start to each point.
        costs: ``(P,)`` float64 in squared latent units, squared displacement ``|h(z) - z|^2`` of each point.
        images: ``(S, C, H, W)``, decoded observations at equal distances.
        length: Length of the path in latent units.
        mean_cost: Mean of ``costs``; lower is better.
        reencoding_error: Mean of ``|h(z) - z|`` in latent units; lower is better.
        observation_error: Root mean square difference between decoded observations and their reconstructions, in data
            range, averaged over the points; lower is better.
        readout_smoothness: How evenly the readout changes along the path, in ``[1 / (P - 1), 1]``; higher is better.
            ``None`` without a readout, NaN if the readout does not change.
    """

    codes: Tensor
    positions: Tensor
    costs: Tensor
    images: Tensor
    length: float
    mean_cost: float
    reencoding_error: float
    observation_error: float
    readout_smoothness: float | None


@dataclass(frozen=True, eq=False, repr=False)
class PathComparison(PrintedResult):
    """A path and the straight line between its ends, as returned by :func:`compare_with_line`.

    Attributes:
        path: Profile of the path.
        line: Profile of the straight line, at the same number of points.
    """

    path: PathProfile
    line: PathProfile


def path_profile(
    autoencoder: Autoencoder,
    path: Tensor,
    *,
    num_points: int = 64,
    num_images: int = 9,
    readout: Callable[[Tensor], Tensor] | None = None,
    chunk_size: int | None = None,
) -> PathProfile:
    r"""Measure how far decoding and encoding moves the points on a path.

    The path is resampled at ``num_points`` points at equal distances, regardless of the distances between its corners,
    so that means are averages over its length. With readouts :math:`r_i` and step sizes
    :math:`s_i = \|r_{i+1} - r_i\|`, the readout smoothness is

    .. math:: \Bigl(\sum_i s_i\Bigr)^2 / (P - 1) \sum_i s_i^2

    which is 1 for equal steps and ``1 / (P - 1)`` for a single jump. It does not detect detours: a readout that goes
    back and forth in equal steps is smooth.

    Cost: ``2 P`` decoded and ``P`` encoded samples, ``chunk_size`` per pass.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        path: Corners of the path, shape ``(Q, D)`` with ``Q >= 2``: the ``codes`` of :func:`code_path`, or the result
            of :func:`slice_codes` for the ``points`` of :func:`slice_path`; not modified.
        num_points: Number of points ``P``, at least 2.
        num_images: Number of decoded observations ``S`` to keep, at least 2; capped at ``P``.
        readout: Predicts factors ``(B, K)`` from decoded observations ``(B, C, H, W)``, in units that are comparable
            between factors (for example, divided by their ranges). A module must be in evaluation mode.
        chunk_size: Points per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.

    Returns:
        The profile. Undefined scores are NaN, with one warning.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``path`` is not a tensor.
        ValueError: If ``path`` has the wrong shape, is not floating point or not finite or has length 0, or an option
            is out of range.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> flat = wrap(encode=lambda x: x, decode=lambda z: z * torch.tensor([1.0, 0.0]), latent_dim=2)
        >>> profile = path_profile(flat, torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]), num_points=8)
        >>> profile.length, profile.costs.tolist()
        (7.0, [0.0, 0.0, 0.0, 0.0, 1.0, 4.0, 9.0, 16.0])
    """
    check_chunk_size(chunk_size)
    check_at_least("num_points", num_points, 2)
    check_at_least("num_images", num_images, 2)
    with assay_mode(autoencoder):
        corners = check_codes("path", path, autoencoder.latent_dim, minimum=2).double().cpu()
        codes, length = _evenly(corners, num_points)
        shown = torch.linspace(0, num_points - 1, min(num_images, num_points)).round().long()
        size = samples_per_pass(chunk_size, autoencoder, path)
        found = [_visit(autoencoder, chunk, readout) for chunk in torch.split(codes, size)]
    images, squares, errors, readouts = (torch.cat(parts) for parts in zip(*found, strict=True))
    if not (squares.isfinite().all() and errors.isfinite().all()):
        warnings.warn("the model's responses on the path are not finite, so its scores are NaN", stacklevel=2)
    elif readout is not None and not readouts.isfinite().all():
        warnings.warn("the smoothness of the readout is undefined: the readout is not finite", stacklevel=2)
    elif readout is not None and not readouts.diff(dim=0).any():
        warnings.warn("the smoothness of the readout is undefined: the readout is constant on the path", stacklevel=2)
    return PathProfile(
        codes=codes,
        positions=torch.linspace(0, length, num_points, dtype=torch.float64),
        costs=squares,
        images=images[shown],
        length=length,
        mean_cost=float(squares.mean()),
        reencoding_error=float(squares.sqrt().mean()),
        observation_error=float(errors.mean()),
        readout_smoothness=None if readout is None else _smoothness(readouts),
    )


def compare_with_line(
    autoencoder: Autoencoder,
    path: Tensor,
    *,
    num_points: int = 64,
    num_images: int = 9,
    readout: Callable[[Tensor], Tensor] | None = None,
    chunk_size: int | None = None,
) -> PathComparison:
    """Measure a path, and the straight line between its ends at the same number of points.

    The cheapest path over a grid or graph can cost more than the straight line, because its cost was only evaluated at
    nodes or a few points per edge.

    Args:
        autoencoder: As in :func:`path_profile`.
        path: As in :func:`path_profile`, with two different ends.
        num_points: As in :func:`path_profile`.
        num_images: As in :func:`path_profile`.
        readout: As in :func:`path_profile`.
        chunk_size: As in :func:`path_profile`.

    Raises:
        TypeError: As :func:`path_profile`.
        ValueError: As :func:`path_profile`, and if the path ends where it starts.
    """
    with assay_mode(autoencoder):
        path = check_codes("path", path, autoencoder.latent_dim, minimum=2)
    if torch.equal(path[0], path[-1]):
        raise ValueError("path must not end where it starts: there is no straight line to compare it with")
    profiles = [
        path_profile(
            autoencoder,
            corners,
            num_points=num_points,
            num_images=num_images,
            readout=readout,
            chunk_size=chunk_size,
        )
        for corners in (path, path[[0, -1]])
    ]
    return PathComparison(*profiles)


def _evenly(corners: Tensor, num_points: int) -> tuple[Tensor, float]:
    """Return points (P, D) at equal distances along the corners (Q, D), and the length of the path."""
    steps = corners.diff(dim=0).norm(dim=1)
    at = torch.cat([steps.new_zeros(1), steps.cumsum(dim=0)])
    length = float(at[-1])
    if not length > 0:
        raise ValueError("path must have a positive length, got corners that are all equal")
    positions = torch.linspace(0, length, num_points, dtype=torch.float64)
    # The corner at or before each position. With right=True a position on several equal corners gets the last of them;
    # the clamp gives the end of the path, which is no corner's beginning, the last segment.
    before = (torch.searchsorted(at, positions, right=True) - 1).clamp(0, len(steps) - 1)
    fraction = ((positions - at[before]) / steps[before].clamp_min(torch.finfo(torch.float64).tiny)).clamp(0, 1)
    return torch.lerp(corners[before], corners[before + 1], fraction[:, None]), length


def _visit(
    autoencoder: Autoencoder, codes: Tensor, readout: Callable[[Tensor], Tensor] | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return for codes (n, D): observations, squared displacements, observation errors and readouts (n, K)."""
    device, dtype = placement(autoencoder)
    observations = autoencoder.decode(codes.to(device=device, dtype=dtype))
    moved = at_least_float32(posterior_mean(autoencoder.encode(observations.to(dtype=dtype))), codes)
    again = autoencoder.decode(moved.to(dtype=dtype))
    squares = (moved.double() - codes.to(moved.device)).square().sum(dim=1)
    errors = (again.double() - observations.double()).flatten(1).square().mean(dim=1).sqrt()
    readouts = codes.new_empty(len(codes), 0) if readout is None else readout(observations)
    if readouts.ndim < 2 or len(readouts) != len(codes):
        raise ValueError(f"readout must return shape (B, K) for {len(codes)} observations, got {tuple(readouts.shape)}")
    return to_float32(observations).cpu(), squares.cpu(), errors.cpu(), readouts.double().flatten(1).cpu()


def _smoothness(readouts: Tensor) -> float:
    """Return how evenly the changes of readouts (P, K) are spread over the path; NaN if there are none."""
    steps = readouts.diff(dim=0).norm(dim=1)
    return float(steps.sum().square() / (len(steps) * steps.square().sum()))
