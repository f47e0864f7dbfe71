"""Attractors of the response map: where codes settle when they are decoded and encoded repeatedly."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.assays.response import mean_response
from lr_lightning.common.checks import check_at_least, check_positive
from lr_lightning.common.printed_result import TableFields, TabularResult

MOVING, CONVERGED, DIVERGED = 0, 1, 2


@dataclass(frozen=True, eq=False, repr=False)
class Attractors(TabularResult):
    """Attractors of the response map, as returned by :func:`find_attractors`. All tensors are on the CPU.

    Attributes:
        positions: ``(A, D)`` float64 in latent units: for each attractor, the end point nearest to the mean of its end
            points. Sorted by share, largest first.
        shares: ``(A,)`` float64, basin shares: the fraction of all starts that ends at each attractor. Together with
            ``not_converged`` and ``diverged`` they sum to 1.
        spreads: ``(A,)`` float64, root mean square distance of an attractor's end points from their mean. A value far
            above ``tolerance`` times the norm of the codes indicates a curve or surface of fixed points, or slow
            convergence.
        labels: ``(N,)`` int64, attractor of each start; -1 for a start that did not converge.
        num_steps: ``(N,)`` int64, number of times the response map was applied to each start.
        not_converged: Fraction of the starts still moving after the last step, for example on a cycle.
        diverged: Fraction of the starts whose codes became infinite or NaN.
        radius: Distance below which two end points are linked, in latent units.
    """

    table_fields = TableFields("attractor", ("shares", "spreads"))

    positions: Tensor
    shares: Tensor
    spreads: Tensor
    labels: Tensor
    num_steps: Tensor
    not_converged: float
    diverged: float
    radius: float

    @property
    def shares_error(self) -> Tensor:
        """Standard error ``(A,)`` of the shares, assuming starts drawn independently."""
        return (self.shares * (1 - self.shares) / len(self.labels)).sqrt()

    @property
    def effective_number(self) -> float:
        """Exponential of the entropy of the shares of converged starts, in ``[1, A]``; NaN if none converged."""
        parts = self.shares / self.shares.sum()
        return float((-parts * parts.log()).sum().exp()) if len(parts) else torch.nan


def find_attractors(
    autoencoder: Autoencoder,
    starts: Tensor,
    *,
    tolerance: float = 1e-5,
    max_steps: int = 1000,
    radius: float | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Attractors:
    r"""Apply the response map until codes stop moving, and group the points where they stop into attractors.

    A code has converged when :math:`\|h(z) - z\| < \tau \max(\|z\|, s / 100)`, where the extent :math:`s` is the root
    mean square distance of the starts from their mean. (Without :math:`s`, no code would ever reach an attractor at the
    origin.) End points closer than ``radius`` are linked, and each group of linked points is one attractor (single
    linkage).

    Only attractors that some start reaches are found; more starts may find more. If :math:`h` contracts slowly, by a
    factor :math:`a` per step, a code can count as converged while still :math:`\tau \|z\| / (1 - a)` away from its
    fixed point; lower ``tolerance`` if ``spreads`` are large. Cycles do not converge. A repelling fixed point is found
    only by starts that lie exactly on it.

    Cost: at most ``max_steps * N`` decoded and as many encoded samples; converged codes drop out of later passes.
    Grouping takes time of order ``N * N`` and memory of order ``N``.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        starts: Codes to start from, shape ``(N, D)``, such as those of :func:`starting_codes`; not modified.
        tolerance: The tolerance :math:`\tau`. A float32 model may never reach one below about 1e-6.
        max_steps: Maximum number of steps, at least 1.
        radius: Linking distance of end points in latent units; a hundredth of the extent of the starts if ``None``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
        progress: Called after each step with the number of starts that have finished and ``N``.

    Returns:
        The attractors. If no start converged there are none, and ``positions`` has shape ``(0, D)``.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``starts`` is not a tensor.
        ValueError: If ``starts`` has the wrong shape, is not floating point or not finite, ``tolerance`` or ``radius``
            is not positive and finite, or ``max_steps`` or ``chunk_size`` is below 1.

    References:
        Fumero et al., Navigating the Latent Space Dynamics of Neural Models, 2025, arXiv:2505.22785.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> signs = wrap(encode=lambda x: x, decode=lambda z: z.sign(), latent_dim=1)
        >>> found = find_attractors(signs, torch.tensor([[0.1], [3.0], [-2.0]]))
        >>> found.positions.flatten().tolist(), found.labels.tolist()
        ([1.0, -1.0], [0, 0, 1])
    """
    check_chunk_size(chunk_size)
    check_at_least("max_steps", max_steps, 1)
    check_positive("tolerance", tolerance)
    if radius is not None:
        check_positive("radius", radius)
    with assay_mode(autoencoder):
        starts = check_codes("starts", starts, autoencoder.latent_dim)
        extent = _extent(starts)
        size = samples_per_pass(chunk_size, autoencoder, starts)
        ends, state, num_steps = _iterate(autoencoder, starts, tolerance, extent / 100, max_steps, size, progress)
    radius = extent / 100 if radius is None else float(radius)
    positions, shares, spreads, labels = _gather(ends, state == CONVERGED, radius)
    return Attractors(
        positions=positions,
        shares=shares,
        spreads=spreads,
        labels=labels,
        num_steps=num_steps,
        not_converged=float((state == MOVING).double().mean()),
        diverged=float((state == DIVERGED).double().mean()),
        radius=radius,
    )


def _extent(starts: Tensor) -> float:
    """Return the root mean square distance of the starts from their mean; if that is 0, their norm, and if 0 too, 1."""
    starts = starts.double()
    spread = float((starts - starts.mean(dim=0)).square().sum(dim=1).mean().sqrt())
    return spread or float(starts[0].norm()) or 1.0


def _iterate(
    autoencoder: Autoencoder,
    starts: Tensor,
    tolerance: float,
    floor: float,
    max_steps: int,
    chunk_size: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return end points (N, D) float64, states (N,) and numbers of steps (N,) of all starts, on the CPU."""
    ends = starts.double().cpu().clone()
    state, num_steps = torch.full((2, len(starts)), MOVING)
    # The codes still moving, on the model's device, and their rows among the starts, on the CPU. Both shrink as codes
    # finish, so a step costs only as much as the codes that still move.
    codes, moving = starts, torch.arange(len(starts))
    for step in range(1, max_steps + 1):
        moved = torch.cat([mean_response(autoencoder, chunk) for chunk in torch.split(codes, chunk_size)])
        codes = codes.to(moved).double()  # differences of nearly equal float32 codes would lose digits
        settled = (moved.double() - codes).norm(dim=1) < tolerance * codes.norm(dim=1).clamp_min(floor)
        lost = ~moved.isfinite().all(dim=1)  # never settled as well: comparisons with NaN and infinity are false
        num_steps[moving] = step
        state[moving[settled.cpu()]] = CONVERGED
        state[moving[lost.cpu()]] = DIVERGED
        ends[moving] = moved.double().cpu()
        remaining = ~(settled | lost)
        codes, moving = moved[remaining], moving[remaining.cpu()]
        if progress is not None:
            progress(len(starts) - len(moving), len(starts))
        if not len(moving):
            break
    return ends, state, num_steps


def _gather(ends: Tensor, converged: Tensor, radius: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return positions, shares and spreads of the attractors, and the attractor of each start."""
    points = ends[converged]
    groups = _linked(points, radius)
    counts, order = torch.bincount(groups).sort(descending=True, stable=True)
    groups = order.argsort()[groups]  # order[new number] = old number, so the inverse maps old to new
    labels = torch.full((len(ends),), -1)
    labels[converged] = groups
    positions, spreads = ends.new_empty(len(counts), ends.shape[1]), ends.new_empty(len(counts))
    by_group = points[groups.argsort(stable=True)]  # contiguous groups, which `split` below cuts at their counts
    for attractor, members in enumerate(torch.split(by_group, counts.tolist()) if len(counts) else ()):
        distances = (members - members.mean(dim=0)).norm(dim=1)
        positions[attractor] = members[distances.argmin()]
        spreads[attractor] = distances.square().mean().sqrt()
    return positions, counts.double() / len(ends), spreads, labels


def _linked(points: Tensor, radius: float) -> Tensor:
    """Return the group (n,) of each point; groups are numbered in the order of their first points."""
    from sklearn.cluster import AgglomerativeClustering

    if len(points) < 2:
        return torch.zeros(len(points), dtype=torch.int64)
    clustering = AgglomerativeClustering(n_clusters=None, linkage="single", distance_threshold=radius)
    labels = torch.from_numpy(clustering.fit(points.numpy()).labels_).long()
    # scikit-learn numbers groups arbitrarily. Take the first point of each group; the rank of that is its number.
    positions = torch.arange(len(points))
    first = torch.full((int(labels.max()) + 1,), len(points)).scatter_reduce(0, labels, positions, "amin")
    return first.argsort().argsort()[labels]
