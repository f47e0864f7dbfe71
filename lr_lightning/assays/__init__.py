"""Assays: pure functions that probe any encoder and decoder by intervening on the latents.

This is the curated list of public functions and results, for users who call assays on their own models. A new assay
works without being listed here, because callbacks, figures and other assays import from its module. Add its function
and result once their signatures are stable; do not add helpers.
"""

from lr_lightning.assays.attractors import Attractors, find_attractors
from lr_lightning.assays.causal_scores import (
    PermutationNull,
    bootstrap_interval,
    causal_completeness_score,
    causal_disentanglement_score,
    owned_factors,
    permutation_null,
)
from lr_lightning.assays.code_path import CodeGraph, CodePath, code_graph, code_path, random_pairs
from lr_lightning.assays.conditioned_response import (
    ConditionedResponseMatrix,
    conditioned_response_matrix,
    label_response_matrix,
    merge_conditioned_response_matrices,
    paired_response_matrix,
    reduce_traversals,
)
from lr_lightning.assays.consistency import Consistency, consistency
from lr_lightning.assays.decoder_geometry import DecoderGeometry, decoder_geometry
from lr_lightning.assays.decoder_interaction import DecoderInteraction, decoder_interaction
from lr_lightning.assays.decoding import decode_codes
from lr_lightning.assays.encoding import encode_means, reconstruct
from lr_lightning.assays.factor_topology import FactorTopology, factor_topology, topology_templates
from lr_lightning.assays.hutchinson import EstimatedDivergence, hutchinson_divergence
from lr_lightning.assays.idempotence import IdempotenceCurve, idempotence_curve
from lr_lightning.assays.interventions import (
    derangement,
    donor_permutations,
    epsilon_donors,
    intervene,
    marginal_donors,
    prior_samples,
    resampled_donors,
)
from lr_lightning.assays.label_pairs import LabelPairs, marginal_pairs, matched_pairs
from lr_lightning.assays.latent_pairs import strongest_pairs
from lr_lightning.assays.latent_sampling import DecodedSamples, decoded_samples, hybrid_samples, posterior_samples
from lr_lightning.assays.latent_slice import DecodedSlice, LatentSlice, decode_slice
from lr_lightning.assays.latent_statistics import LatentStatistics, latent_statistics
from lr_lightning.assays.latent_traversal import LatentTraversal, latent_traversal, traversal_values
from lr_lightning.assays.maximum_mean_discrepancy import MeanDiscrepancy, maximum_mean_discrepancy
from lr_lightning.assays.memorization import Memorization, memorization
from lr_lightning.assays.noise_recovery import NoiseRecovery, noise_recovery
from lr_lightning.assays.prior_gap import PriorGap, prior_gap
from lr_lightning.assays.protocol import (
    Autoencoder,
    WrappedAutoencoder,
    assay_mode,
    posterior_mean,
    posterior_std,
    wrap,
)
from lr_lightning.assays.response import response
from lr_lightning.assays.response_graph import ResponseGraph, response_graph
from lr_lightning.assays.response_jacobian import ResponseJacobian, response_jacobian, response_jacobians
from lr_lightning.assays.response_map import ResponseMap, response_map, void_mass
from lr_lightning.assays.response_matrix import ResponseMatrix, merge_response_matrices, response_matrix
from lr_lightning.assays.response_path import PathComparison, PathProfile, compare_with_line, path_profile
from lr_lightning.assays.response_score_errors import ResponseScoreErrors, jackknife_score_errors, response_score_errors
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
from lr_lightning.assays.score_warnings import score_warnings
from lr_lightning.assays.slice_histogram import SliceHistogram, contracting_share, slice_histogram
from lr_lightning.assays.slice_path import SlicePath, slice_codes, slice_path
from lr_lightning.assays.standardized import StandardizedAutoencoder, standardized
from lr_lightning.assays.starts import starting_codes, uniform_samples
from lr_lightning.assays.structure_score import StructureScore, structure_score
from lr_lightning.assays.traversals import sample_traversals, traversals_from_codes
from lr_lightning.assays.vector_field import divergence, mean_curvature

__all__ = [
    "Attractors",
    "Autoencoder",
    "CodeGraph",
    "CodePath",
    "ConditionedResponseMatrix",
    "Consistency",
    "DecodedSamples",
    "DecodedSlice",
    "DecoderGeometry",
    "DecoderInteraction",
    "EstimatedDivergence",
    "FactorTopology",
    "IdempotenceCurve",
    "LabelPairs",
    "LatentSlice",
    "LatentStatistics",
    "LatentTraversal",
    "MeanDiscrepancy",
    "Memorization",
    "NoiseRecovery",
    "PathComparison",
    "PathProfile",
    "PermutationNull",
    "PriorGap",
    "ResponseGraph",
    "ResponseJacobian",
    "ResponseMap",
    "ResponseMatrix",
    "ResponseScoreErrors",
    "ResponseScores",
    "SliceHistogram",
    "SlicePath",
    "StandardizedAutoencoder",
    "StructureScore",
    "WrappedAutoencoder",
    "active_latents",
    "activity",
    "assay_mode",
    "bootstrap_interval",
    "causal_completeness_score",
    "causal_disentanglement_score",
    "code_graph",
    "code_path",
    "compare_with_line",
    "conditioned_response_matrix",
    "consistency",
    "contracting_share",
    "decode_codes",
    "decode_slice",
    "decoded_samples",
    "decoder_geometry",
    "decoder_interaction",
    "derangement",
    "directedness",
    "divergence",
    "donor_permutations",
    "effective_dimension",
    "encode_means",
    "epsilon_donors",
    "factor_topology",
    "find_attractors",
    "hutchinson_divergence",
    "hybrid_samples",
    "idempotence_curve",
    "independence",
    "intervene",
    "jackknife_score_errors",
    "label_response_matrix",
    "latent_statistics",
    "latent_traversal",
    "leak",
    "marginal_donors",
    "marginal_pairs",
    "matched_pairs",
    "maximum_mean_discrepancy",
    "mean_curvature",
    "memorization",
    "merge_conditioned_response_matrices",
    "merge_response_matrices",
    "noise_recovery",
    "owned_factors",
    "paired_response_matrix",
    "path_profile",
    "permutation_null",
    "posterior_mean",
    "posterior_samples",
    "posterior_std",
    "prior_gap",
    "prior_samples",
    "random_pairs",
    "reconstruct",
    "reduce_traversals",
    "resampled_donors",
    "response",
    "response_graph",
    "response_jacobian",
    "response_jacobians",
    "response_map",
    "response_matrix",
    "response_score_errors",
    "response_scores",
    "sample_traversals",
    "score_warnings",
    "slice_codes",
    "slice_histogram",
    "slice_path",
    "standardized",
    "starting_codes",
    "strongest_pairs",
    "structure_score",
    "topology_templates",
    "traversal_values",
    "traversals_from_codes",
    "uniform_samples",
    "void_mass",
    "wrap",
]
