"""Figures of data sets: rows of captioned images, points colored by factors."""

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from lr_lightning.plots import ImageRow, factor_scatter_figure, image_rows_figure
from lr_lightning.plots.style import PALETTE


def draw(figure: Figure) -> Figure:
    """Render the figure, which runs its layout."""
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure


def texts(labels: list) -> list[str]:  # type: ignore[type-arg]
    return [label.get_text() for label in labels]


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_show_their_images_labels_and_captions(channels: int) -> None:
    bytes_ = torch.tensor([51, 102, 153], dtype=torch.uint8).view(3, 1, 1, 1).expand(3, channels, 4, 5)
    rows = [ImageRow("shape", bytes_, ["cube", "ball", "cone"]), ImageRow("hue", bytes_[1:])]
    figure = draw(image_rows_figure(rows, title="Set"))
    assert figure.get_suptitle() == "Set"
    first, second = figure.axes
    assert texts(first.get_xticklabels()) == ["cube", "ball", "cone"]
    assert first.get_xticks().tolist() == [4, 11, 18]  # middle columns of pixels
    assert texts(first.get_yticklabels()) == ["shape"]
    assert not texts(second.get_xticklabels())
    assert texts(second.get_yticklabels()) == ["hue"]
    mosaics = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert mosaics[0].shape == mosaics[1].shape == (8, 23, 3)  # all rows at one scale
    np.testing.assert_allclose(mosaics[0][4, [4, 11, 18]].mean(axis=1), [0.2, 0.4, 0.6], atol=1e-6)
    np.testing.assert_allclose(mosaics[1][4, [4, 11, 18]].mean(axis=1), [0.4, 0.6, 1.0], atol=1e-6)  # white where none
    widths = {round(axes.get_window_extent().width, 1) for axes in figure.axes}
    assert len(widths) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], r"rows .*got \[\]"),
        ([ImageRow("a", torch.zeros(1, 2, 4, 4))], r"rows .*got \[\(2, 4, 4\)\]"),
        ([ImageRow("a", torch.zeros(1, 4, 4))], r"rows .*got \[\(4, 4\)\]"),
        (
            [ImageRow("a", torch.zeros(1, 1, 4, 4)), ImageRow("b", torch.zeros(1, 1, 4, 5))],
            r"got \[\(1, 4, 4\), \(1, 4",
        ),
        ([ImageRow("a", torch.zeros(2, 1, 4, 4), ["x"])], r"captions of a .*got 1"),
    ],
)
def test_rows_reject(rows: list[ImageRow], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        image_rows_figure(rows, title="t")


@pytest.mark.parametrize("dimensions", [2, 3])
def test_points_are_colored_by_each_factor(dimensions: int) -> None:
    points = torch.arange(4.0 * dimensions).view(4, dimensions)
    factors = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]])
    figure = draw(
        factor_scatter_figure(points, factors, ["strand", "end"], [["left", "right"], ["0", "1"]], title="Points")
    )
    assert figure.get_suptitle() == "Points"
    strand, end = figure.axes
    legend = strand.get_legend()
    assert legend is not None
    assert (legend.get_title().get_text(), texts(legend.get_texts())) == ("strand", ["left", "right"])
    for axes, groups in ((strand, [[0, 3], [1, 2]]), (end, [[0, 1], [2, 3]])):
        for collection, rows, color in zip(axes.collections, groups, PALETTE, strict=False):
            offsets = collection.get_offsets() if dimensions == 2 else np.stack(collection._offsets3d, axis=1)  # type: ignore[attr-defined]
            assert sorted(map(tuple, np.asarray(offsets).tolist())) == [tuple(row) for row in points[rows].tolist()]
            assert to_hex(np.asarray(collection.get_facecolor())[0]).lower() == color.lower()


def test_many_values_have_sequential_colors_and_a_short_legend() -> None:
    factors = torch.arange(20)[:, None]
    figure = draw(factor_scatter_figure(torch.rand(20, 2), factors, ["x"], [[str(v) for v in range(20)]], title="Many"))
    (axes,) = figure.axes
    brightness = [np.asarray(collection.get_facecolor())[0, :3].sum() for collection in axes.collections]
    assert len(brightness) == 20
    assert brightness[0] < brightness[10] < brightness[19]
    legend = axes.get_legend()
    assert legend is not None
    assert texts(legend.get_texts()) == ["0", "5", "10", "15"]


@pytest.mark.parametrize("shape", [(4, 5), (4,), (0, 3)])
def test_points_reject(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"points .*got \("):
        factor_scatter_figure(torch.zeros(shape), torch.zeros(4, 1).long(), ["x"], [["0"]], title="t")
