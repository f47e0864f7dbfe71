"""Plots: results of assays to figures. Matplotlib is imported when the first figure is drawn, pyplot never."""

from lr_lightning.plots.images import image_grid, reconstruction_figure, traversal_figure
from lr_lightning.plots.latents import latent_statistics_figure
from lr_lightning.plots.matrix import conditioned_response_figure, matrix_heatmap, response_matrix_figure
from lr_lightning.plots.points import scatter_reconstruction
from lr_lightning.plots.scores import score_matrix_figure

__all__ = [
    "conditioned_response_figure",
    "image_grid",
    "latent_statistics_figure",
    "matrix_heatmap",
    "reconstruction_figure",
    "response_matrix_figure",
    "scatter_reconstruction",
    "score_matrix_figure",
    "traversal_figure",
]
