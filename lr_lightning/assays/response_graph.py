"""Which latents drive which, as a graph."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.response_scores import active_latents


@dataclass(frozen=True, eq=False)
class ResponseGraph:
    """Graph of effects between latents; made by :func:`response_graph`. All tensors are on the CPU.

    Attributes:
        weights: ``(D, D)`` float64 in latent units, the response matrix where there is an edge and 0 elsewhere: row
            ``i`` drives column ``k``.
        activity: ``(D,)`` float64 in latent units, the response of each latent to its own change.
        active: ``(D,)`` bool, latents that are nodes of the graph.
        bidirectional: Pairs ``(i, k)`` with ``i < k`` that drive each other.
        directed: Pairs ``(i, k)`` of which only ``i`` drives ``k``.
        groups: Active latents that edges join, whatever their direction; single ones too. Each group and the groups
            are in ascending order.
        threshold: Activity above which a latent is a node.
        edge_threshold: Response above which there is an edge.
        relative: Whether both are in multiples of the spread of the responding latent.
    """

    weights: Tensor
    activity: Tensor
    active: Tensor
    bidirectional: tuple[tuple[int, int], ...]
    directed: tuple[tuple[int, int], ...]
    groups: tuple[tuple[int, ...], ...]
    threshold: float
    edge_threshold: float
    relative: bool = False

    @property
    def latents(self) -> tuple[int, ...]:
        """The active latents, in order."""
        return tuple(self.active.nonzero()[:, 0].tolist())


def response_graph(
    matrix: Tensor, *, threshold: float = 0.5, edge_threshold: float = 0.1, spread: Tensor | None = None
) -> ResponseGraph:
    r"""Read a graph off a latent response matrix.

    Nodes are the active latents, :math:`M_{ii} > \tau`. An edge is bidirectional if both :math:`M_{ik}` and
    :math:`M_{ki}` exceed the threshold of edges, and directed from :math:`i` to :math:`k` if only :math:`M_{ik}` does.

    A pair with a bidirectional edge is often one circular factor, a hue or an angle, that takes two latents to encode:
    the geometry of the factor, no failure. A single edge says nothing about causes in the data; it says how the decoder
    and the encoder fit together. Entries near the threshold flip with the samples: see the standard errors of the
    matrix.

    Args:
        matrix: Response matrix ``(D, D)`` of the paper's convention, rows intervened, columns responding. Inactive
            latents (NaN) are no nodes.
        threshold: Activity :math:`\tau` above which a latent is a node, in latent units.
        edge_threshold: Response above which there is an edge, in latent units.
        spread: Standard deviation of each latent over the base codes, shape ``(D,)``: both thresholds are in multiples
            of that of the responding latent, see :func:`active_latents`.

    Returns:
        The graph, without nodes if no latent is active.

    Raises:
        ValueError: If ``matrix`` is not square, a threshold is negative, or ``spread`` is wrong.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> graph = response_graph(torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
        >>> graph.directed, graph.groups
        (((0, 1),), ((0, 1), (2,)))
    """
    for name, value in (("threshold", threshold), ("edge_threshold", edge_threshold)):
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, got {value}")
    active = active_latents(matrix, threshold, spread).cpu()
    values = matrix.detach().double().cpu()
    unit = 1.0 if spread is None else spread.double().cpu()
    drives = (values > edge_threshold * unit) & active[:, None] & active & ~torch.eye(len(values), dtype=torch.bool)
    return ResponseGraph(
        weights=values.where(drives, 0.0),
        activity=values.diagonal().clone(),
        active=active,
        bidirectional=_pairs((drives & drives.T).triu()),
        directed=_pairs(drives & ~drives.T),
        groups=_groups(drives, active),
        threshold=threshold,
        edge_threshold=edge_threshold,
        relative=spread is not None,
    )


def _pairs(mask: Tensor) -> tuple[tuple[int, int], ...]:
    return tuple((int(row), int(column)) for row, column in mask.nonzero())


def _groups(drives: Tensor, active: Tensor) -> tuple[tuple[int, ...], ...]:
    """Return the weakly connected components among the active latents."""
    from scipy.sparse.csgraph import connected_components

    _, labels = connected_components(drives.numpy(), directed=True, connection="weak")
    groups: dict[int, list[int]] = {}
    for latent in active.nonzero()[:, 0].tolist():
        groups.setdefault(int(labels[latent]), []).append(latent)
    return tuple(tuple(group) for group in groups.values())
