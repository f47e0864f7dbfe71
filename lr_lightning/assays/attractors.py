"""Where codes end when they are decoded and encoded until they stand still."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_codes, samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of
from lr_lightning.assays.response import mean_response

MOVING, CONVERGED, DIVERGED = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Attractors:
    """Attractors of the response map; made by :func:`find_attractors`. All tensors are on the CPU.

    Attributes:
        positions: ``(A, D)`` float64 in latent units: of each attractor the end point that is nearest to the mean of
            its end points. Ordered by share, the largest first.
        shares: ``(A,)`` float64, basin shares: the part of all starts that ends at each attractor. With the shares not
            converged and diverged they add up to 1.
        spreads: ``(A,)`` float64, root mean square distance of an attractor's end points from their mean. Far above
            ``tolerance`` times the size of the codes it tells of a line or surface of fixed points, or of slow motion.
        labels: ``(N,)`` int64, attractor of each start; -1 for a start that did not converge.
        num_steps: ``(N,)`` int64, how often the response map was applied to each start.
        not_converged: Part of the starts still moving after the last step, on a cycle for instance.
        diverged: Part of the starts that left the finite numbers.
        radius: Distance below which two end points are linked, in latent units.
    """

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
        """Standard error ``(A,)`` of the shares, for starts that were drawn independently."""
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
    r"""Apply the response map until codes stand still, and gather the places where they do.

    A code has converged when :math:`\|h(z) - z\| < \tau \max(\|z\|, s / 100)`, with the extent :math:`s` of the starts:
    the root mean square distance from their mean. (Without :math:`s` an attractor at the origin is never reached.)
    End points closer than ``radius`` are linked, and linked ones are one attractor (single linkage).

    Attractors are those that the starts reach: there may be others, and their number grows with ``N``. Where
    :math:`h` contracts slowly, by :math:`a` a step, a code counts as converged at up to :math:`\tau \|z\| / (1 - a)`
    from its fixed point; lower ``tolerance`` if ``spreads`` says so. Cycles do not converge. Fixed points that repel
    are seen only by starts that hit them.

    Costs at most ``max_steps * N`` decoded and as many encoded samples: codes that have converged are left out of the
    passes. Gathering takes time of order ``N * N`` and memory of order ``N``.

    Args:
        autoencoder: Model under study; left as it was, see :func:`assay_mode`.
        starts: Codes to start from, shape ``(N, D)``, such as those of :func:`starting_codes`; not written to.
        tolerance: The tolerance :math:`\tau`. Below about 1e-6 a float32 model may never meet it.
        max_steps: Largest number of steps, at least 1.
        radius: Distance of linked end points in latent units; a hundredth of the extent of the starts if ``None``.
        chunk_size: Codes per pass; 1024, or 32 on a CPU, if ``None``.
        progress: Called after each step with the number of starts that have come to an end and ``N``.

    Returns:
        The attractors. None of them, with shape ``(0, D)``, if no start converged.

    Raises:
        TypeError: If ``autoencoder`` or ``starts`` is of another kind.
        ValueError: If ``starts`` has another shape, is not floating point or not finite, or ``tolerance``,
            ``max_steps``, ``radius`` or ``chunk_size`` is not positive.

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
    for name, value in (("tolerance", tolerance), ("max_steps", max_steps), ("radius", radius)):
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
    with assay_mode(autoencoder):
        starts = check_codes("starts", starts, autoencoder.latent_dim)
        extent = _extent(starts)
        size = samples_per_pass(chunk_size, device_of(autoencoder, starts))
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
    """Return the root mean square distance of the starts from their mean; of a single point, its norm, or 1."""
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
    codes, moving = starts, torch.arange(len(starts))  # codes holds the rows of those that still move
    for step in range(1, max_steps + 1):
        moved = torch.cat([mean_response(autoencoder, chunk) for chunk in torch.split(codes, chunk_size)])
        codes = codes.to(moved).double()
        settled = (moved.double() - codes).norm(dim=1) < tolerance * codes.norm(dim=1).clamp_min(floor)
        lost = ~moved.isfinite().all(dim=1)
        num_steps[moving] = step
        state[moving[settled.cpu()]] = CONVERGED
        state[moving[lost.cpu()]] = DIVERGED
        ends[moving] = moved.double().cpu()
        going_on = ~(settled | lost)
        codes, moving = moved[going_on], moving[going_on.cpu()]
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
    groups = order.argsort()[groups]  # numbered by size
    labels = torch.full((len(ends),), -1)
    labels[converged] = groups
    positions, spreads = ends.new_empty(len(counts), ends.shape[1]), ends.new_empty(len(counts))
    by_group = points[groups.argsort(stable=True)]
    for attractor, members in enumerate(torch.split(by_group, counts.tolist()) if len(counts) else ()):
        distances = (members - members.mean(dim=0)).norm(dim=1)
        positions[attractor] = members[distances.argmin()]
        spreads[attractor] = distances.square().mean().sqrt()
    return positions, counts.double() / len(ends), spreads, labels


def _linked(points: Tensor, radius: float) -> Tensor:
    """Return the number (n,) of each point's group, groups numbered by their first points."""
    from sklearn.cluster import AgglomerativeClustering

    if len(points) < 2:
        return torch.zeros(len(points), dtype=torch.int64)
    clustering = AgglomerativeClustering(n_clusters=None, linkage="single", distance_threshold=radius)
    labels = torch.from_numpy(clustering.fit(points.numpy()).labels_).long()
    positions = torch.arange(len(points))
    first = torch.full((int(labels.max()) + 1,), len(points)).scatter_reduce(0, labels, positions, "amin")
    return first.argsort().argsort()[labels]
