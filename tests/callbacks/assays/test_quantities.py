"""Logged keys, which must not change between versions."""

import pytest

from lr_lightning.callbacks import ASSAYS

QUANTITIES = {
    "reconstruction": {"mean_squared_error"},
    "latent_traversal": set(),
    "latent_statistics": {"active_units", "kl", "kl_latent_*", "regime_active", "regime_mixed", "regime_passive"},
    "response_matrix": {"active_latents", "independence", "directedness", "effective_dimension"}
    | {"bidirectional_edges", "directed_edges", "latent_groups"},
    "conditioned_response": {"cds", "cds_norm", "cds_low", "cds_high", "cds_chance", "ccs", "ccs_norm"}
    | {"owned_factors"},
    "factor_topology": {"*_categorical", "*_sequential", "*_periodic", "*_margin"},
    "response_map": {"void_mass", "contracting_share"},
    "response_jacobian": {"spectral_radius", "operator_norm", "divergence", "rank", "antisymmetric_share"},
    "decoder_geometry": {"log_magnification", "condition_number", "off_diagonal_share", "num_latents"},
    "dynamics": {"first_step", "last_step", "attractors", "effective_attractors", "largest_basin"}
    | {"not_converged", "diverged", "nearest_code", "code_spacing"},
    "noise_recovery": {"ratio_*", "median_*", "num_latents"},
    "response_path": {f"{way}_{name}" for way in ("path", "line") for name in ("cost", "length", "observation_error")},
    "sampling": {"mmd_prior_response*", "mmd_prior_posterior*", "mmd_posterior_response*"}
    | {"wasserstein_mean", "wasserstein_max", "kolmogorov_smirnov_max"},
    "explorer": set(),
    "consistency": {"invariance", "equivariance", "self_consistency_first", "self_consistency_last"},
}


@pytest.mark.parametrize("name", QUANTITIES)
def test_quantities_stay(name: str) -> None:
    """That the scalars are these, all of them, is a test of each assay."""
    assert set(ASSAYS[name].quantities or ()) == QUANTITIES[name]
