"""The graph of effects between latents."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lr_lightning.assays.response_scores import active_latents
from lr_lightning.common.checks import check_at_least
from lr_lightning.common.printed_result import TableFields, TabularResult


@dataclass(frozen=True, eq=False, repr=False)
class ResponseGraph(TabularResult):
    """Graph of effects between latents, as returned by :func:`response_graph`. All tensors are on the CPU.

    Attributes:
        weights: ``(D, D)`` float64 in latent units, the response matrix where there is an edge and 0 elsewhere; the
            latent of the row drives the latent of the column.
        activity: ``(D,)`` float64 in latent units, the response of each latent to its own change.
        active: ``(D,)`` bool, latents that are nodes of the graph.
        bidirectional: Pairs ``(i, k)`` with ``i < k`` that drive each other.
        directed: Pairs ``(i, k)`` where ``i`` drives ``k`` but not vice versa.
        groups: Active latents connected by edges in either direction, including groups of a single latent. Each group,
            and the list of groups, is in ascending order.
        threshold: Activity above which a latent is a node.
        edge_threshold: Response above which there is an edge.
        relative: Whether both thresholds are in multiples of the spread of the responding latent.
    """

    table_fields = TableFields("latent", ("activity", "active"))

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
    r"""Threshold a latent response matrix to a graph.

    Nodes are the active latents, :math:`M_{ii} > \tau`. An edge is bidirectional if both :math:`M_{ik}` and
    :math:`M_{ki}` exceed the edge threshold, and directed from :math:`i` to :math:`k` if only :math:`M_{ik}` does.

    A pair with a bidirectional edge often encodes a single circular factor, such as a hue or an angle, which needs two
    latents. That reflects the geometry of the factor and is not a failure. An edge is no evidence of causality in the
    data; it describes how decoder and encoder interact. Entries near a threshold can cross it by chance; check the
    standard errors of the matrix.

    Args:
        matrix: Response matrix ``(D, D)`` in the paper's convention, rows intervened, columns responding. Inactive
            latents (NaN) are not nodes.
        threshold: Activity :math:`\tau` above which a latent is a node, in latent units.
        edge_threshold: Response above which there is an edge, in latent units.
        spread: Standard deviation of each latent over the base codes, shape ``(D,)``. If given, both thresholds are in
            multiples of the spread of the responding latent, see :func:`active_latents`.

    Returns:
        The graph; it has no nodes if no latent is active.

    Raises:
        ValueError: If ``matrix`` is not square, a threshold is negative, or ``spread`` is invalid.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> graph = response_graph(torch.tensor([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
        >>> graph.directed, graph.groups
        (((0, 1),), ((0, 1), (2,)))
    """
    check_at_least("threshold", threshold, 0)
    check_at_least("edge_threshold", edge_threshold, 0)
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
