"""Heat maps of matrices."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from torch import Tensor

from lr_lightning.assays import (
    ConditionedResponseMatrix,
    LabelPairs,
    conditioned_response_matrix,
    marginal_pairs,
    matched_pairs,
    paired_response_matrix,
    response_matrix,
    wrap,
)
from lr_lightning.plots import conditioned_response_figure, matrix_heatmap, response_matrix_figure
from lr_lightning.plots.style import tick_step


def draw(figure: Figure) -> Axes:
    """Render the figure, which runs its layout, and return its main axes."""
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure.axes[0]


def mesh_of(axes: Axes) -> QuadMesh:
    (mesh,) = (artist for artist in axes.collections if isinstance(artist, QuadMesh))
    return mesh


def tick_texts(axes: Axes) -> tuple[list[str], list[str]]:
    return [t.get_text() for t in axes.get_yticklabels()], [t.get_text() for t in axes.get_xticklabels()]


def test_cells_show_the_matrix_under_its_names() -> None:
    matrix = torch.tensor([[0.0, 1.5, 0.25], [3.0, 0.001, torch.nan]])
    figure = matrix_heatmap(
        matrix,
        title="Responses",
        colorbar_label="response [latent units]",
        row_axis="factor",
        column_axis="latent",
        row_labels=["hue", "size"],
    )
    axes = draw(figure)
    values = mesh_of(axes).get_array()
    assert values is not None
    np.testing.assert_array_equal(np.ma.filled(values, np.nan).reshape(2, 3), matrix.double().numpy())
    assert (axes.get_title(), axes.get_ylabel(), axes.get_xlabel()) == ("Responses", "factor", "latent")
    assert tick_texts(axes) == (["hue", "size"], ["0", "1", "2"])
    assert [text.get_text() for text in axes.texts] == ["0", "1.50", "0.25", "3.00", "0"]  # none where undefined
    assert [bar.get_ylabel() for bar in axes.child_axes] == ["response [latent units]"]
    assert axes.yaxis_inverted()  # row 0 on top
    assert len(axes.lines) == 2  # the cross over the undefined cell


@pytest.mark.parametrize(
    ("matrix", "limits"),
    [
        (torch.tensor([[0.5, 2.0]]), (0, 2)),
        (torch.tensor([[-3.0, 2.0]]), (-3, 3)),
        (torch.zeros(2, 2), (0, 1)),
        (torch.full((2, 2), torch.nan), (0, 1)),
    ],
)
def test_colors_run_from_zero_or_are_centered_on_it(matrix: Tensor, limits: tuple[float, float]) -> None:
    mesh = mesh_of(draw(matrix_heatmap(matrix, title="t", colorbar_label="c")))
    assert mesh.get_clim() == limits
    assert mesh.get_cmap().name == ("PuOr_r" if limits[0] < 0 else "viridis")


def test_fixed_color_scale() -> None:
    mesh = mesh_of(draw(matrix_heatmap(torch.ones(1, 2), title="t", colorbar_label="c", signed=True, limit=4)))
    assert mesh.get_clim() == (-4, 4)


def test_large_matrices_have_few_labels_and_no_numbers() -> None:
    axes = draw(matrix_heatmap(torch.rand(64, 64), title="t", colorbar_label="c"))
    assert tick_texts(axes) == ([str(n) for n in range(0, 64, 2)], [str(n) for n in range(0, 64, 5)])
    assert not axes.texts
    width, height = axes.get_figure().get_size_inches()  # type: ignore[union-attr]
    assert width == 8
    assert height <= 9


def test_numbers_are_dark_on_light_cells() -> None:
    axes = draw(matrix_heatmap(torch.tensor([[0.1, 1.0]]), title="t", colorbar_label="c"))
    assert [text.get_color() for text in axes.texts] == ["white", "black"]


def outside(figure: Figure) -> list[float]:
    """Return by how many inches anything is cut at the left, the bottom, the right and the top."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    box, (width, height) = figure.get_tightbbox(canvas.get_renderer()), figure.get_size_inches()  # type: ignore[no-untyped-call]
    return [float(value) for value in (-box.x0, -box.y0, box.x1 - width, box.y1 - height)]


@pytest.mark.parametrize("shape", [(2, 2), (10, 10), (12, 2), (3, 64), (64, 64)])
def test_no_label_is_cut_at_the_edges(shape: tuple[int, int]) -> None:
    names = [f"name of factor {number}" for number in range(shape[0])]
    for labels in (None, names):
        figure = matrix_heatmap(
            torch.rand(shape, generator=torch.Generator().manual_seed(0)) - 0.5,
            title="t",
            colorbar_label="correlation",
            row_axis="latent",
            column_axis="latent",
            row_labels=labels,
        )
        assert max(outside(figure)) <= 0


def test_tick_labels_do_not_overlap() -> None:
    figure = matrix_heatmap(torch.zeros(3, 1024), title="t", colorbar_label="c")
    axes = draw(figure)
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert len(boxes) == 11
    assert all(left.x1 + 3 < right.x0 for left, right in pairwise(boxes))


def test_counts_are_whole_numbers() -> None:
    counts = torch.tensor([[2000.0, 3.0, 12_345.0], [0.0, 123_456.0, 7e6]])
    axes = draw(matrix_heatmap(counts, title="t", colorbar_label="votes"))
    assert [text.get_text() for text in axes.texts] == ["2,000", "3", "12,345", "0", "123k", "7M"]
    axes = draw(matrix_heatmap(torch.tensor([[2000.4, 3.0]]), title="t", colorbar_label="c"))
    assert [text.get_text() for text in axes.texts] == ["2,000", "3.00"]


@pytest.mark.parametrize(
    ("count", "step"), [(1, 1), (26, 1), (27, 2), (53, 5), (131, 10), (261, 20), (521, 50), (1024, 100)]
)
def test_tick_steps_are_round(count: int, step: int) -> None:
    assert tick_step(count, 26) == step


@pytest.fixture
def conditioned() -> ConditionedResponseMatrix:
    """Two factors on three latents, the second factor with a single value."""
    codes = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
    return conditioned_response_matrix(
        wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=3), [codes, codes[:, :1]], convention="release"
    )


def test_conditioned_response_labels(conditioned: ConditionedResponseMatrix) -> None:
    axes = draw(conditioned_response_figure(conditioned, ["shape", "color"]))
    assert axes.get_title() == "Conditioned response matrix\ndiagonal, release convention, mean of 5 traversals"
    assert tick_texts(axes)[0] == ["shape", "color"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("factor", "latent")


@pytest.mark.parametrize(
    ("pairs", "words", "labels", "axis"),
    [
        (matched_pairs, ["matched samples", "at most 2 groups"], ["shape (2)", "color (0)"], "factor (groups found)"),
        (
            marginal_pairs,
            ["marginal (other factors vary too)", "50 traversals of 32 pairs"],
            ["shape", "color"],
            "factor",
        ),
    ],
)
def test_figures_of_pairs_say_so(
    pairs: Callable[[Tensor], LabelPairs], words: list[str], labels: list[str], axis: str
) -> None:
    factors = torch.tensor([[0, 0], [1, 0], [2, 0], [3, 1], [4, 1]])
    identity = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=2)
    result = paired_response_matrix(identity, factors.float(), pairs(factors))
    axes = draw(conditioned_response_figure(result, ["shape", "color"]))
    assert all(word in axes.get_title() for word in words)
    assert tick_texts(axes)[0] == labels
    assert axes.get_ylabel() == axis


def test_response_matrix_labels() -> None:
    codes = torch.randn(1200, 3, generator=torch.Generator().manual_seed(0))
    identity = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=3)
    axes = draw(response_matrix_figure(response_matrix(identity, codes, latents=[2, 0])))
    assert axes.get_title() == "Latent response matrix\nrms, paper convention, 1,200 samples"
    assert tick_texts(axes) == (["2", "0"], ["0", "1", "2"])
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("intervened latent", "responding latent")
    scaled = draw(response_matrix_figure(response_matrix(identity, codes, scale=codes.std(dim=0))))
    labels = [figure_axes.child_axes[0].get_ylabel() for figure_axes in (axes, scaled)]
    assert labels == ["response [latent units]", "response [multiples of scale]"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: matrix_heatmap(torch.zeros(3), title="t", colorbar_label="c"), r"matrix .*got \(3,\)"),
        (lambda: matrix_heatmap(torch.zeros(0, 3), title="t", colorbar_label="c"), r"matrix .*got \(0, 3\)"),
        (
            lambda: matrix_heatmap(torch.zeros(2, 2), title="t", colorbar_label="c", row_labels=["a"]),
            r"row_labels .*got \['a'\]",
        ),
        (
            lambda: matrix_heatmap(torch.zeros(2, 2), title="t", colorbar_label="c", column_labels=["a"]),
            "column_labels .*got",
        ),
    ],
)
def test_rejects(make: Callable[[], Figure], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
