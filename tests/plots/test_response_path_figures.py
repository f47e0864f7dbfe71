"""Figures of paths."""

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from lr_lightning.assays import wrap
from lr_lightning.assays.response_path import PathComparison, compare_with_line
from lr_lightning.plots.response_path import path_cost_figure, path_map_figure, path_strip_figure


def draw(figure: Figure) -> Axes:
    """Render the figure, which runs its layout, and return its main axes."""
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure.axes[0]


@pytest.fixture
def comparison() -> PathComparison:
    """A path around a corner; images of the first latent, which alone is encoded."""
    model = wrap(
        encode=lambda x: torch.stack([x[:, 0, 0, 0], torch.zeros(len(x), dtype=x.dtype)], dim=1),
        decode=lambda z: z[:, :1, None, None].expand(-1, 1, 4, 4),
        latent_dim=2,
    )
    return compare_with_line(model, torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]), num_points=21, num_images=5)


def test_first_latent_runs_to_the_right() -> None:
    magnitude = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    first, second = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([5.0, 7.0])
    points = torch.tensor([[0.0, 5.0], [1.0, 7.0], [2.0, 7.0]])
    figure = path_map_figure(
        magnitude, first, second, {"path": points, "line": points[[0, -1]]}, latent_names=("hue", "size")
    )
    axes = draw(figure)
    (mesh,) = (artist for artist in axes.collections if isinstance(artist, QuadMesh))
    values = mesh.get_array()
    assert values is not None
    np.testing.assert_array_equal(np.asarray(values).reshape(2, 3), magnitude.T)
    assert mesh.get_clim() == (0, 5)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("hue", "size")
    named = {str(line.get_label()): line for line in axes.lines}
    np.testing.assert_array_equal(named["path"].get_xydata(), points)
    np.testing.assert_array_equal(named["line"].get_xydata(), points[[0, -1]])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["path", "line"]
    assert figure.axes[1].get_ylabel().endswith("[latent units]")


def test_strips_lie_one_above_the_other(comparison: PathComparison) -> None:
    axes = draw(path_strip_figure(comparison))
    mosaic = axes.images[0].get_array()
    assert mosaic is not None
    pixels = np.asarray(mosaic)[2::6, 2::6, 0]
    np.testing.assert_allclose(pixels, [[0, 0.5, 1, 1, 1], [0, 0.25, 0.5, 0.75, 1]], atol=1e-6)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["path", "straight\nline"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0 %", "25 %", "50 %", "75 %", "100 %"]


def test_costs_along_the_path(comparison: PathComparison) -> None:
    axes = draw(path_cost_figure(comparison))
    lines = {str(line.get_label()).split("\n")[0]: line for line in axes.lines}
    for name, profile in (("path", comparison.path), ("straight line", comparison.line)):
        shares, costs = np.asarray(lines[name].get_xydata(), dtype=float).T
        np.testing.assert_allclose(shares, np.linspace(0, 100, 21))
        np.testing.assert_allclose(costs, profile.costs.numpy())
        assert str(lines[name].get_label()) == f"{name}\nmean {profile.mean_cost:.3g}, length {profile.length:.3g}"
    assert axes.get_ylabel().endswith("[squared latent units]")
    assert axes.get_xlabel().endswith("[%]")


def test_rejects() -> None:
    flat, values = torch.zeros(2, 3), torch.arange(3.0)
    with pytest.raises(ValueError, match=r"magnitude .*got \(2, 3\)"):
        path_map_figure(flat, values, values[:2], {})
    with pytest.raises(ValueError, match=r"paths .*got 4"):
        path_map_figure(flat, values[:2], values, dict.fromkeys("abcd", torch.zeros(2, 2)))
    with pytest.raises(ValueError, match=r"path 'a' must have shape \(P, 2\), got \(2, 3\)"):
        path_map_figure(flat, values[:2], values, {"a": flat})
