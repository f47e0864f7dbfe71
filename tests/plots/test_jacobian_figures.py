"""Figures of Jacobians: the values that they show and omit."""

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from lr_lightning.assays import wrap
from lr_lightning.assays.decoder_geometry import DecoderGeometry, decoder_geometry
from lr_lightning.assays.response_jacobian import ResponseJacobian, response_jacobian
from lr_lightning.plots.jacobian import decoder_geometry_figure, response_jacobian_figure


def jacobian() -> ResponseJacobian:
    """Return the Jacobian of squares, undefined at one code, of 40 codes."""
    codes = torch.linspace(0.1, 1, 80).view(40, 2)
    codes[3, 0] = 0
    model = wrap(encode=lambda x: x, decode=lambda z: torch.where(z == 0, z.sqrt(), z**2), latent_dim=2)
    return response_jacobian(model, codes)


def geometry(codes: Tensor) -> DecoderGeometry:
    return decoder_geometry(wrap(encode=lambda x: x, decode=lambda z: z**2, latent_dim=2), codes)


def draw(figure: Figure) -> list[Axes]:
    """Render the figure, which runs its layout, and return its panels."""
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure.axes


def heights(axes: Axes) -> list[float]:
    return [bar.get_height() for bar in axes.patches]  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("ignore:the Jacobian is not finite")
def test_response_jacobian_panels() -> None:
    result = jacobian()
    figure = response_jacobian_figure(result, title="Squares")
    spectrum, growth, divergence, rank = draw(figure)
    assert figure.get_suptitle() == "Squares\n40 codes, 2 latents"
    points = np.asarray(spectrum.collections[0].get_offsets())
    assert len(points) == 78  # one code is undefined
    expected = np.sort(result.eigenvalues[result.trace.isfinite()].real.flatten())
    np.testing.assert_allclose(np.sort(points[:, 0]), expected)
    circles = [patch.get_radius() for patch in spectrum.patches if isinstance(patch, Circle)]
    assert circles == [1, 0.5]
    assert spectrum.get_xlim()[1] >= result.spectral_radius.nan_to_num().max()
    medians = [line.get_xdata()[0] for line in growth.lines]  # type: ignore[index]
    assert medians == [result.spectral_radius.nanmedian(), result.operator_norm.nanmedian()]
    assert sum(heights(divergence)) == 39
    assert heights(rank) == [(result.rank == number).sum() for number in range(3)]
    assert rank.get_title() == "rank (eigenvalues above 0.5)"


def test_decoder_geometry_panels() -> None:
    result = geometry(torch.linspace(0.1, 1, 80).view(40, 2))
    figure = decoder_geometry_figure(result)
    singular, magnification, condition, share = draw(figure)
    assert figure.get_suptitle() == "Geometry of the decoder\n40 codes, 2 latents"
    assert singular.get_yscale() == "log"
    np.testing.assert_allclose(np.asarray(singular.lines[0].get_ydata()), result.singular_values.quantile(0.5, dim=0))
    assert magnification.lines[0].get_xdata()[0] == result.log_magnification.median()  # type: ignore[index]
    assert condition.lines[0].get_xdata()[0] == result.condition_number.log10().median()  # type: ignore[index]
    assert sum(heights(share)) == 40


@pytest.mark.filterwarnings("ignore:the metric is rank-deficient")
def test_rank_deficient_metrics_are_counted() -> None:
    codes = torch.ones(5, 2)
    codes[:2, 0] = 0
    figure = decoder_geometry_figure(geometry(codes))
    _, magnification, condition, share = draw(figure)
    assert figure.get_suptitle() == "Geometry of the decoder\n5 codes, 2 of them rank-deficient, 2 latents"
    assert [sum(heights(axes)) for axes in (magnification, condition, share)] == [3, 3, 5]
    assert len(draw(decoder_geometry_figure(geometry(torch.zeros(2, 2))))) == 4


@pytest.mark.filterwarnings("ignore:the Jacobian is not finite")
def test_nothing_defined_can_be_drawn() -> None:
    model = wrap(encode=lambda x: x, decode=torch.sqrt, latent_dim=1)
    assert len(draw(response_jacobian_figure(response_jacobian(model, torch.zeros(3, 1))))) == 4
