"""The figure of decoder interaction."""

import math

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from torch import Tensor

from lr_lightning.assays.decoder_interaction import DecoderInteraction
from lr_lightning.plots.decoder_interaction import decoder_interaction_figure


def result_of(matrix: Tensor, mean_order: float) -> DecoderInteraction:
    """Return a result with a matrix."""
    return DecoderInteraction(matrix, mean_order, 0.1, 0.2, 0.1, 3.0, 1234)


def test_it_draws_the_matrix() -> None:
    matrix = torch.tensor([[0.75, 0.25], [0.25, 0.5]], dtype=torch.float64)
    figure = decoder_interaction_figure(result_of(matrix, 1.25), title="Mine")
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    (axes,) = figure.axes
    assert axes.get_title() == "Mine\nmean order 1.25, 1,234 codes"
    np.testing.assert_allclose(np.ravel(axes.collections[0].get_array()), [0.75, 0.25, 0.25, 0.5])  # type: ignore[arg-type]
    assert [bar.get_ylabel() for bar in axes.child_axes] == ["share of the variance of decoded observations"]


def test_it_draws_undefined_shares() -> None:
    figure = decoder_interaction_figure(result_of(torch.full((3, 3), math.nan), math.nan))
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
