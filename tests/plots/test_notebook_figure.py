"""Figures in notebooks: shown as the value of a cell, and not again by pyplot."""

import pickle

import pytest
import torch

from lr_lightning.plots.matrix import matrix_heatmap


def test_a_figure_is_its_own_png_and_unknown_to_pyplot() -> None:
    figure = matrix_heatmap(torch.eye(3), title="title", colorbar_label="label")
    assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    pyplot = pytest.importorskip("matplotlib.pyplot")
    assert not pyplot.get_fignums()
    assert pickle.loads(pickle.dumps(figure)).axes[0].get_title() == "title"


def test_notebooks_get_one_png() -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    figure = matrix_heatmap(torch.eye(3), title="title", colorbar_label="label")
    shown, _ = formatters.DisplayFormatter().format(figure)
    assert [key for key in shown if key.startswith("image/")] == ["image/png"]
