"""Assays: pure functions that probe an autoencoder by intervening on its latents, on any encoder and decoder."""

from lr_lightning.assays.causal_scores import (
    PermutationNull,
    bootstrap_interval,
    causal_completeness_score,
    causal_disentanglement_score,
    owned_factors,
    permutation_null,
)
from lr_lightning.assays.conditioned_response import (
    ConditionedResponseMatrix,
    conditioned_response_matrix,
    merge_conditioned_response_matrices,
    reduce_traversals,
)
from lr_lightning.assays.encoding import encode_means, reconstruct
from lr_lightning.assays.interventions import (
    derangement,
    epsilon_donors,
    intervene,
    marginal_donors,
    prior_samples,
    resampled_donors,
)
from lr_lightning.assays.latent_statistics import LatentStatistics, latent_statistics
from lr_lightning.assays.latent_traversal import LatentTraversal, latent_traversal, traversal_values
from lr_lightning.assays.protocol import (
    Autoencoder,
    WrappedAutoencoder,
    assay_mode,
    posterior_mean,
    posterior_std,
    wrap,
)
from lr_lightning.assays.response import response
from lr_lightning.assays.response_matrix import ResponseMatrix, merge_response_matrices, response_matrix
from lr_lightning.assays.response_scores import (
    ResponseScores,
    active_latents,
    activity,
    directedness,
    effective_dimension,
    independence,
    leak,
    response_scores,
)
from lr_lightning.assays.traversals import sample_traversals, traversals_from_codes

__all__ = [
    "Autoencoder",
    "ConditionedResponseMatrix",
    "LatentStatistics",
    "LatentTraversal",
    "PermutationNull",
    "ResponseMatrix",
    "ResponseScores",
    "WrappedAutoencoder",
    "active_latents",
    "activity",
    "assay_mode",
    "bootstrap_interval",
    "causal_completeness_score",
    "causal_disentanglement_score",
    "conditioned_response_matrix",
    "derangement",
    "directedness",
    "effective_dimension",
    "encode_means",
    "epsilon_donors",
    "independence",
    "intervene",
    "latent_statistics",
    "latent_traversal",
    "leak",
    "marginal_donors",
    "merge_conditioned_response_matrices",
    "merge_response_matrices",
    "owned_factors",
    "permutation_null",
    "posterior_mean",
    "posterior_std",
    "prior_samples",
    "reconstruct",
    "reduce_traversals",
    "resampled_donors",
    "response",
    "response_matrix",
    "response_scores",
    "sample_traversals",
    "traversal_values",
    "traversals_from_codes",
    "wrap",
]
