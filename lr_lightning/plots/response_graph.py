"""Figure of the effects between latents, as nodes and arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_lightning.assays.response_graph import ResponseGraph
from lr_lightning.plots.style import PALETTE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BOTH_WAYS, ONE_WAY = PALETTE[0], PALETTE[5]


def response_graph_figure(graph: ResponseGraph, *, title: str = "Response graph") -> Figure:
    """Draw active latents on a circle, with connected ones side by side, and arrows from driving to driven latents.

    Nodes are colored by activity; the width of an arrow is proportional to the response.

    Args:
        graph: Response graph.
        title: Title of the figure.
    """
    import networkx  # only for the layout: drawing with networkx would import pyplot
    from matplotlib.lines import Line2D

    nodes = [latent for group in graph.groups for latent in group]
    layout = networkx.circular_layout(networkx.empty_graph(nodes))
    places = {node: (float(x), float(y)) for node, (x, y) in layout.items()}
    figure = new_figure(8.0, 6.0)
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
    groups = f"{len(graph.groups)} group{'' if len(graph.groups) == 1 else 's'}"
    heading = f"{title}: {len(nodes)} of {len(graph.active)} latents active, {groups}"
    axes.set_title(heading)
    size = min(700.0, 16_000.0 / max(len(nodes), 1))  # points squared
    largest = float(graph.weights.max()) if graph.weights.numel() else 0.0
    widest = min(3.2, 60.0 / max(len(nodes), 1))  # points
    for pairs, style, color in ((graph.bidirectional, "<|-|>", BOTH_WAYS), (graph.directed, "-|>", ONE_WAY)):
        for tail, head in pairs:
            weight = float(graph.weights[[tail, head], [head, tail]].max())
            _arrow(axes, places[tail], places[head], style, color, 0.8 + widest * weight / largest, size)
    if nodes:
        activity = [float(graph.activity[latent]) for latent in nodes]
        x, y = zip(*(places[latent] for latent in nodes), strict=True)
        points = axes.scatter(
            x, y, s=size, c=activity, cmap="viridis", vmin=0.0, vmax=max(activity), edgecolors="black", zorder=3
        )
        for latent, value in zip(nodes, activity, strict=True):
            dark = value < 0.6 * max(activity)
            axes.annotate(
                str(latent),
                places[latent],
                color="white" if dark else "black",
                ha="center",
                va="center",
                fontsize=min(10.0, 0.45 * size**0.5),
                zorder=4,
            )
        figure.colorbar(points, ax=axes, label="activity: response to own change [latent units]", shrink=0.8)
    else:
        unit = "\ntimes its spread" if graph.relative else ""
        axes.text(0.0, 0.0, f"no latent responds to its own change by more than {graph.threshold:g}{unit}", ha="center")
    handles = [
        Line2D([], [], color=color, linewidth=2, label=f"{name} ({len(pairs)})")
        for color, name, pairs in (
            (BOTH_WAYS, "both directions", graph.bidirectional),
            (ONE_WAY, "one direction", graph.directed),
        )
    ]
    limit = f"{graph.edge_threshold:g}" + (" times the responding latent's spread" if graph.relative else "")
    meaning = f"response above {limit}" + (f"\n(widest arrow: {largest:.2f} latent units)" if largest else "")
    figure.legend(handles=handles, title=meaning, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _arrow(
    axes: Axes, tail: tuple[float, float], head: tuple[float, float], style: str, color: str, width: float, size: float
) -> None:
    """Draw an arrow from node to node, curved towards the center of the circle to avoid the nodes in between."""
    from matplotlib.patches import FancyArrowPatch

    turn = tail[0] * head[1] - tail[1] * head[0]  # its sign shows on which side of the arrow the center lies
    margin = 0.5 * size**0.5 + 1  # radius of a node in points
    axes.add_patch(
        FancyArrowPatch(
            tail,
            head,
            arrowstyle=style,
            connectionstyle=f"arc3,rad={-0.25 if turn > 0 else 0.25}",
            mutation_scale=8 + 3 * width,
            linewidth=width,
            color=color,
            alpha=0.85,
            shrinkA=margin,
            shrinkB=margin,
            zorder=2,
        )
    )
