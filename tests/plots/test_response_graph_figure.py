"""The figure of the response graph."""

import sys

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from lr_lightning.assays.response_graph import response_graph
from lr_lightning.plots.response_graph import BOTH_WAYS, ONE_WAY, response_graph_figure


def draw(figure: Figure) -> Axes:
    """Render the figure, which runs its layout, and return its main axes."""
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure.axes[0]


MATRIX = torch.tensor([[1.0, 0.0, 0.4, 0.0], [0.0, 0.8, 0.0, 0.0], [0.2, 0.0, 0.9, 0.0], [0.0, 0.0, 0.0, 0.1]])


def test_nodes_and_arrows() -> None:
    matrix = MATRIX.clone()
    matrix[1, 2] = 0.2
    figure = response_graph_figure(response_graph(matrix))
    axes = draw(figure)
    assert axes.get_title() == "Response graph: 3 of 4 latents active, 1 group"
    assert [text.get_text() for text in axes.texts] == ["0", "1", "2"]
    (nodes,) = axes.collections
    places = dict(zip((0, 1, 2), np.asarray(nodes.get_offsets()), strict=True))
    assert np.asarray(nodes.get_array(), dtype=float).tolist() == pytest.approx([1.0, 0.8, 0.9])
    arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    found = {}
    for arrow in arrows:
        ends = arrow._posA_posB  # type: ignore[attr-defined]
        tail, head = (min(places, key=lambda n: np.linalg.norm(places[n] - end)) for end in ends)
        found[tail, head] = (to_hex(arrow.get_edgecolor()), arrow.get_linewidth())
    assert {edge: color for edge, (color, _) in found.items()} == {
        (0, 2): BOTH_WAYS.lower(),
        (1, 2): ONE_WAY.lower(),
    }
    assert found[0, 2][1] > found[1, 2][1]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["both directions (1)", "one direction (1)"]
    assert "response above 0.1" in legend.get_title().get_text()


def test_linked_latents_stand_side_by_side() -> None:
    axes = draw(response_graph_figure(response_graph(MATRIX)))
    assert [text.get_text() for text in axes.texts] == ["0", "2", "1"]


@pytest.mark.parametrize("size", [1, 64])
def test_any_number_of_latents_fits(size: int) -> None:
    axes = draw(response_graph_figure(response_graph(torch.eye(size))))
    assert len(axes.texts) == size


def test_no_active_latent() -> None:
    axes = draw(response_graph_figure(response_graph(torch.zeros(3, 3))))
    assert [text.get_text().endswith("more than 0.5") for text in axes.texts] == [True]


def test_pyplot_is_never_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # an import of it raises
    draw(response_graph_figure(response_graph(MATRIX)))
