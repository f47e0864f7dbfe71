"""Image grids, point clouds and latent bars, and requirements on all figures."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from torch import Tensor

from lr_lightning.assays import latent_statistics, latent_traversal, wrap
from lr_lightning.plots import (
    image_grid,
    latent_statistics_figure,
    reconstruction_figure,
    scatter_reconstruction,
    traversal_figure,
)
from lr_lightning.plots.images import image_mosaic


def draw(figure: Figure) -> Figure:
    """Render the figure, which runs its layout."""
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure


def shown(figure: Figure) -> np.ndarray:
    """Return the mosaic (height, width, 3) that a figure shows."""
    (image,) = figure.axes[0].images
    array = image.get_array()
    assert array is not None
    return np.asarray(array)


def texts(labels: list) -> list[str]:  # type: ignore[type-arg]
    return [label.get_text() for label in labels]


def test_grid_places_each_image_in_its_cell() -> None:
    images = torch.arange(6.0).view(2, 3, 1, 1, 1).expand(2, 3, 1, 4, 5) / 5
    figure = draw(image_grid(images, title="Six", row_labels=["a", "b"], column_labels=["x", "y", "z"], row_axis="r"))
    mosaic = shown(figure)
    assert mosaic.shape == (2 * 6 + 2, 3 * 7 + 2, 3)
    for row in range(2):
        for column in range(3):
            cell = mosaic[2 + 6 * row : 6 + 6 * row, 2 + 7 * column : 7 + 7 * column]
            np.testing.assert_allclose(cell, (3 * row + column) / 5, atol=1e-6)
    assert (mosaic[:2] == 1).all()
    axes = figure.axes[0]
    assert axes.get_title() == "Six"
    assert texts(axes.get_yticklabels()) == ["a", "b"]
    assert texts(axes.get_xticklabels()) == ["x", "y", "z"]
    assert axes.get_xticks().tolist() == [4, 11, 18]  # middle columns of pixels


@pytest.mark.parametrize("shape", [(1, 1, 1, 4, 5), (1, 1, 3, 5, 4), (3, 2, 1, 4, 5), (2, 4, 3, 6, 3), (1, 3, 3, 1, 1)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_mosaic_is_white_with_two_pixels_between_images(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    images = torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = images if dtype == torch.uint8 else images / 255
    num_rows, num_columns, channels, height, width = shape
    expected = np.ones((num_rows * (height + 2) + 2, num_columns * (width + 2) + 2, 3), np.float32)
    for row, column, channel in np.ndindex(num_rows, num_columns, 3):
        pixels = images[row, column, channel % channels].numpy()
        cell = expected[(height + 2) * row + 2 :, (width + 2) * column + 2 :, channel]
        cell[:height, :width] = pixels.astype(np.float32) / 255 if dtype == torch.uint8 else pixels
    mosaic = image_mosaic(images)
    assert mosaic.dtype == torch.float32
    assert np.array_equal(mosaic.numpy(), expected)


def test_grid_of_bytes_colors_and_values_out_of_range() -> None:
    colors = torch.tensor([255, 51, 0], dtype=torch.uint8).view(1, 1, 3, 1, 1)
    np.testing.assert_allclose(shown(image_grid(colors, title="t"))[2, 2], [1, 0.2, 0])
    strange = torch.tensor([-1.0, 2.0, torch.nan]).view(1, 1, 3, 1, 1)
    np.testing.assert_allclose(shown(image_grid(strange, title="t"))[2, 2], [0, 1, 0.5])


def test_traversal_figure_names_latents_and_values() -> None:
    decoder = wrap(encode=lambda x: x, decode=lambda z: z[:, :1, None, None].expand(-1, 1, 2, 2), latent_dim=2)
    same = draw(traversal_figure(latent_traversal(decoder, torch.zeros(2), torch.tensor([0.0, 0.5]))))
    assert texts(same.axes[0].get_xticklabels()) == ["0.0", "0.5"]
    assert texts(same.axes[0].get_yticklabels()) == ["0", "1"]
    assert (same.axes[0].get_ylabel(), same.axes[0].get_xlabel()) == ("latent", "value of the latent")
    np.testing.assert_allclose(shown(same)[2, [2, 6]].mean(axis=1), [0, 0.5])
    own = torch.tensor([[0.0, 1.0], [-2.0, 2.0]])
    figure = draw(traversal_figure(latent_traversal(decoder, torch.zeros(2), own, latents=[1, 0])))
    assert texts(figure.axes[0].get_yticklabels()) == ["1\n[-2.0, 2.0]", "0\n[0.0, 1.0]"]
    assert not texts(figure.axes[0].get_xticklabels())


def test_reconstructions_lie_below_their_originals() -> None:
    images = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1)
    reconstructions = 0.5 + torch.arange(10.0).view(10, 1, 1, 1) / 100
    figure = draw(reconstruction_figure(images, reconstructions, num_columns=4))
    pixels = shown(figure)[2::3, 2::3, 0]
    expected = [np.arange(4) / 255, 0.5 + np.arange(4) / 100, np.arange(4, 8) / 255, 0.5 + np.arange(4, 8) / 100]
    np.testing.assert_allclose(pixels, expected, atol=1e-6)
    assert texts(figure.axes[0].get_yticklabels()) == ["original", "reconstruction"] * 2
    assert shown(reconstruction_figure(images[:3], reconstructions[:3])).shape == (8, 11, 3)


def test_points_and_reconstructions() -> None:
    points = torch.randn(30, 3, generator=torch.Generator().manual_seed(0))
    strands = torch.arange(30) % 2
    figure = draw(scatter_reconstruction(points, points + torch.tensor([2.0, 0, 0]), strands, title="Helix"))
    left, right = figure.axes
    assert (left.get_title(), right.get_title()) == ("observations", "reconstructions")
    assert left.get_xlim() == right.get_xlim()
    assert figure.get_suptitle() == "Helix (root mean square error 2.000)"
    assert texts(figure.legends[0].get_texts()) == ["strand 0", "strand 1"]
    x, y, z = left.collections[1]._offsets3d  # type: ignore[attr-defined]
    np.testing.assert_allclose(np.stack([x, y, z], axis=1), points[1::2].numpy())
    assert not scatter_reconstruction(points, points).legends


def test_latent_bars_are_colored_by_regime() -> None:
    means = torch.tensor([[-1.0, 0.0, 0.3], [1.0, 0.0, -0.3]])
    statistics = latent_statistics(means, torch.tensor([[-4.0, 0.0, -0.7], [-4.0, 0.0, -0.7]]))
    figure = draw(latent_statistics_figure(statistics))
    spread, divergence = figure.axes
    assert statistics.kl is not None
    for axes, expected in ((spread, statistics.std), (divergence, statistics.kl)):
        assert [bar.get_height() for bar in axes.patches] == pytest.approx(expected.tolist())  # type: ignore[attr-defined]
        assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == ["#0072b2", "#999999", "#e69f00"]
    assert divergence.get_ylabel().endswith("[nats]")
    assert spread.get_ylabel().endswith("[latent units]")
    assert spread.lines[0].get_ydata()[0] == pytest.approx(0.1)  # type: ignore[index]
    assert texts(figure.legends[0].get_texts()) == ["active (1)", "mixed (1)", "passive (1)"]
    assert figure.get_suptitle().endswith("(2 active units, 2 samples)")


def test_deterministic_code() -> None:
    figure = draw(latent_statistics_figure(latent_statistics(torch.rand(9, 40))))
    assert len(figure.axes) == 1
    assert not figure.legends
    assert texts(figure.axes[0].get_xticklabels()) == [str(n) for n in range(0, 40, 2)]


@pytest.mark.parametrize("shape", [(2, 2, 2, 4, 4), (2, 1, 4, 4), (0, 2, 1, 4, 4)])
def test_grid_rejects_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(R, S, C, H, W\) with 1 or 3 channels, got"):
        image_grid(torch.zeros(shape), title="t")


@pytest.mark.parametrize(("points", "groups"), [(torch.zeros(4, 2), None), (torch.zeros(4, 3), torch.zeros(5))])
def test_rejects_what_does_not_fit(points: Tensor, groups: Tensor | None) -> None:
    with pytest.raises(ValueError, match=r"points .*got|groups .*got 5"):
        scatter_reconstruction(points, points, groups)
    with pytest.raises(ValueError, match=r"column_labels .*got"):
        image_grid(torch.zeros(1, 2, 1, 4, 4), title="t", column_labels=["a"])
    with pytest.raises(ValueError, match=r"reconstructions .*got"):
        reconstruction_figure(torch.zeros(2, 1, 4, 4), torch.zeros(3, 1, 4, 4))


def test_matplotlib_and_torchvision_are_imported_late_and_pyplot_never() -> None:
    script = (
        "import sys, torch, lr_lightning.plots as plots\n"
        "assert not {'matplotlib', 'torchvision'} & sys.modules.keys()\n"
        "plots.image_grid(torch.zeros(1, 1, 1, 2, 2), title='t')\n"
        "plots.scatter_reconstruction(torch.eye(3), torch.eye(3))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize(("number", "side"), [(2, 8), (3, 16), (16, 32), (64, 64)])
def test_images_fill_the_figure_and_no_label_is_cut(number: int, side: int) -> None:
    images = torch.rand(number, 3, side, side, generator=torch.Generator().manual_seed(0))
    figure = reconstruction_figure(images, images)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    box, (width, height) = figure.get_tightbbox(canvas.get_renderer()), figure.get_size_inches()  # type: ignore[no-untyped-call]
    assert min(box.x0, box.y0, width - box.x1, height - box.y1) >= 0
    assert box.y0 + height - box.y1 < 0.4  # inches: no empty strip
