"""Figures of slices: contents of the panels, and their scales."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from torch import Tensor

from lr_lightning.assays import wrap
from lr_lightning.assays.latent_slice import DecodedSlice, LatentSlice, decode_slice
from lr_lightning.assays.response_map import ResponseMap, response_map
from lr_lightning.assays.slice_histogram import SliceHistogram, slice_histogram
from lr_lightning.plots.response_map import response_map_figure

WINDOW = LatentSlice((2, 0), radius=1.0, center=(0.5, 0.0))


def measure(**options: Any) -> ResponseMap:
    """Return the map of a model that halves the first latent of the slice and doubles the second."""
    model = wrap(encode=lambda x: x, decode=lambda z: z * torch.tensor([2.0, 1.0, 0.5]), latent_dim=3)
    return response_map(model, torch.zeros(3), WINDOW, num_steps=20, **options)


def images() -> DecodedSlice:
    """Return gray images 2x2 whose brightness is the first latent of the slice in red, the second in green."""

    def decode(z: Tensor) -> Tensor:
        color = torch.stack([z[:, 2], z[:, 0], 0 * z[:, 0]], dim=1)
        return color[:, :, None, None].expand(-1, -1, 2, 2)

    return decode_slice(wrap(encode=lambda x: x, decode=decode, latent_dim=3), torch.zeros(3), WINDOW, num_steps=3)


def histogram() -> SliceHistogram:
    return slice_histogram(torch.tensor([[0.1, 0, 1.2], [0.1, 0, 1.2], [9.0, 0, 0]]), WINDOW, num_steps=5)


def draw(figure: Figure) -> list[Axes]:
    """Render the figure, which runs its layout, and return its panels."""
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure.axes


def mesh_of(axes: Axes) -> tuple[QuadMesh, np.ndarray]:
    (mesh,) = (artist for artist in axes.collections if isinstance(artist, QuadMesh))
    values = mesh.get_array()
    assert values is not None
    return mesh, np.ma.filled(values, np.nan)


def test_the_four_panels_of_the_paper() -> None:
    result = measure()
    figure = response_map_figure(result, decoded=images(), title="Halves")
    decoded, magnitude, divergence, curvature = draw(figure)
    titles = [axes.get_title() for axes in (decoded, magnitude, divergence, curvature)]
    assert titles == ["decoded", "response - code", "divergence", "mean curvature"]
    for axes in figure.axes:
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("latent 2", "latent 0")  # first latent to the right
    assert figure.get_suptitle() == f"Halves\nlatent 2 and latent 0, void mass {float(result.void_mass):.2f}"
    for axes, expected in ((magnitude, result.magnitude), (divergence, result.divergence)):
        np.testing.assert_array_equal(mesh_of(axes)[1], expected.T.numpy())
    labels = [axes.child_axes[0].get_ylabel() for axes in (magnitude, divergence, curvature)]
    assert labels == ["magnitude [latent units]", "divergence [unitless]", "mean curvature [1 / latent unit]"]


def test_images_lie_where_their_codes_are() -> None:
    (axes,) = draw(response_map_figure(measure(), decoded=images(), panels=["decoded"]))
    (shown,) = axes.images
    mosaic = np.asarray(shown.get_array())
    assert mosaic.shape == (6, 6, 3)
    np.testing.assert_allclose(mosaic[5, ::2, 0], [0, 0.5, 1])  # first latent -.5, .5, 1.5 to the right, clipped
    np.testing.assert_allclose(mosaic[::2, 0, 1], [1, 0, 0])  # second latent 1, 0, -1 downwards
    assert list(shown.get_extent()) == [-1.0, 2.0, -1.5, 1.5]  # images are centered on their codes


@pytest.mark.parametrize(("shape", "margin"), [((2, 5), np.s_[[0, 3, 4], :]), ((5, 2), np.s_[:, [0, 3, 4]])])
def test_images_that_are_not_square_keep_their_shape(shape: tuple[int, int], margin: Any) -> None:
    decoded = DecodedSlice(WINDOW, torch.zeros(2, 2, 1, *shape))
    (axes,) = draw(response_map_figure(measure(), decoded=decoded, panels=["decoded"]))
    image = np.asarray(axes.images[0].get_array())[:5, :5, 0]
    assert (image[margin] == 1).all()
    assert image.sum() == 15


def test_arrows_point_where_codes_go() -> None:
    (axes,) = draw(response_map_figure(measure(), panels=["magnitude"]))
    (arrows,) = (artist for artist in axes.collections if isinstance(artist, Quiver))
    x, y = arrows.get_offsets().T  # type: ignore[union-attr]
    u, v = np.ravel(arrows.U), np.ravel(arrows.V)
    moved = np.stack([-0.5 * x, y])
    length = np.hypot(*moved)
    assert len(x) == 100  # every second of 20 along each axis
    np.testing.assert_allclose(np.stack([u, v]) / np.hypot(u, v), moved / length, atol=1e-6)
    np.testing.assert_allclose(np.hypot(u, v) / np.sqrt(length), (np.hypot(u, v) / np.sqrt(length))[0], rtol=1e-6)


def test_signed_color_scales() -> None:
    jump = wrap(encode=lambda x: x, decode=torch.sign, latent_dim=2)
    result = response_map(jump, torch.zeros(2), LatentSlice((0, 1)), num_steps=200)
    (axes,) = draw(response_map_figure(result, panels=["divergence"]))
    mesh, _ = mesh_of(axes)
    low, high = mesh.get_clim()
    assert -low == high
    assert high == pytest.approx(np.quantile(result.divergence.abs(), 0.98))
    assert high < result.divergence.max()
    assert mesh.get_cmap().name == "PuOr_r"
    assert mesh.colorbar is not None
    assert mesh.colorbar.extend == "both"
    (axes,) = draw(response_map_figure(measure(), panels=["magnitude"]))
    assert mesh_of(axes)[0].get_clim() == (0, float(measure().magnitude.max()))


def test_histogram_leaves_empty_cells_white() -> None:
    (axes,) = draw(response_map_figure(measure(), histogram=histogram(), panels=["histogram"]))
    _, counts = mesh_of(axes)
    assert np.argwhere(np.isfinite(counts)).tolist() == [[2, 3]]  # second latent 0 up, first latent 1 to the right
    assert counts[2, 3] == 2
    assert axes.get_title() == "codes (67% of 3 inside)"


@pytest.mark.parametrize(("dim", "label"), [(1, "$x_1$"), (2, "$x_1$"), (3, "$x_1$"), (7, "component 1")])
def test_points_are_drawn_as_a_net(dim: int, label: str) -> None:
    points = torch.randn(4, 4, dim, generator=torch.Generator().manual_seed(0))
    axes: Any = draw(response_map_figure(measure(), decoded=DecodedSlice(WINDOW, points)))[0]
    assert axes.name == "3d"
    assert axes.get_xlabel() == label
    assert len(axes.lines) == 8
    if dim == 3:
        along_first = np.stack(axes.lines[0].get_data_3d(), axis=1)
        np.testing.assert_allclose(along_first, points[:, 0])
        np.testing.assert_allclose(np.stack(axes.lines[4].get_data_3d(), axis=1), points[0])
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["along latent 2", "along latent 0"]


def test_grid_units_bases_and_names() -> None:
    figure = response_map_figure(measure(grid_units=True), latent_names=["hue", "size", "angle"])
    magnitude, divergence, curvature = draw(figure)
    assert (magnitude.get_xlabel(), magnitude.get_ylabel()) == ("angle", "hue")
    assert divergence.child_axes[0].get_ylabel() == "divergence [per grid step]"
    assert curvature.child_axes[0].get_ylabel() == "mean curvature [per grid step]"
    model = wrap(encode=lambda x: x, decode=torch.zeros_like, latent_dim=3)
    averaged = response_map(model, torch.zeros(4, 3), WINDOW, num_steps=3)
    assert response_map_figure(averaged).get_suptitle().endswith("void mass 0.00, mean over 4 base codes")


@pytest.mark.filterwarnings("ignore:the model's responses are not finite")
@pytest.mark.parametrize("h", [lambda z: z, lambda z: z * torch.nan], ids=["still", "undefined"])
def test_maps_without_anything_can_be_drawn(h: Callable[[Tensor], Tensor]) -> None:
    model = wrap(encode=lambda x: x, decode=h, latent_dim=3)
    result = response_map(model, torch.zeros(3), WINDOW, num_steps=9)
    empty = slice_histogram(torch.full((2, 3), 50.0), WINDOW)
    assert len(draw(response_map_figure(result, decoded=images(), histogram=empty))) == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"panels": ["curl"]}, r"panels .*got \['curl'\]"),
        ({"panels": []}, "panels"),
        ({"panels": ["decoded"]}, "'decoded'"),
        ({"panels": ["magnitude", "histogram"]}, "'histogram'"),
        ({"latent_names": ["a", "b"]}, r"latent_names .*got \['a', 'b'\]"),
        ({"histogram": slice_histogram(torch.zeros(1, 3), LatentSlice((0, 2)))}, "histogram .*slice"),
        ({"decoded": DecodedSlice(LatentSlice((0, 2)), torch.zeros(3, 3, 1, 4, 4))}, "decoded .*slice"),
    ],
)
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        response_map_figure(measure(), **arguments)
