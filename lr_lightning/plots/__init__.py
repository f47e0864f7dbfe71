"""Figures of assay results. Matplotlib is imported when the first figure is drawn; pyplot is never imported.

This is the curated list of public figures, for users who draw their own results. A new figure works without being
listed here, because callbacks import it from its module. Add it once its signature is stable.
"""

from lr_lightning.plots.attractors import attractors_figure
from lr_lightning.plots.consistency import equivariance_figure, invariance_figure, self_consistency_figure
from lr_lightning.plots.data_preview import ImageRow, factor_scatter_figure, image_rows_figure
from lr_lightning.plots.discrepancies import prior_gap_figure, structure_score_figure
from lr_lightning.plots.factor_topology import factor_topology_figure
from lr_lightning.plots.idempotence import idempotence_figure
from lr_lightning.plots.images import image_grid, reconstruction_figure, traversal_figure
from lr_lightning.plots.jacobian import decoder_geometry_figure, response_jacobian_figure
from lr_lightning.plots.latents import latent_statistics_figure
from lr_lightning.plots.matrix import conditioned_response_figure, matrix_heatmap, response_matrix_figure
from lr_lightning.plots.noise_recovery import noise_recovery_figure
from lr_lightning.plots.points import scatter_reconstruction
from lr_lightning.plots.response_graph import response_graph_figure
from lr_lightning.plots.response_map import response_map_figure
from lr_lightning.plots.response_path import path_cost_figure, path_map_figure, path_strip_figure
from lr_lightning.plots.samples import decoded_samples_figure
from lr_lightning.plots.scores import score_matrix_figure

__all__ = [
    "ImageRow",
    "attractors_figure",
    "conditioned_response_figure",
    "decoded_samples_figure",
    "decoder_geometry_figure",
    "equivariance_figure",
    "factor_scatter_figure",
    "factor_topology_figure",
    "idempotence_figure",
    "image_grid",
    "image_rows_figure",
    "invariance_figure",
    "latent_statistics_figure",
    "matrix_heatmap",
    "noise_recovery_figure",
    "path_cost_figure",
    "path_map_figure",
    "path_strip_figure",
    "prior_gap_figure",
    "reconstruction_figure",
    "response_graph_figure",
    "response_jacobian_figure",
    "response_map_figure",
    "response_matrix_figure",
    "scatter_reconstruction",
    "score_matrix_figure",
    "self_consistency_figure",
    "structure_score_figure",
    "traversal_figure",
]
