"""Disentanglement scores as functions of codes and factors; each returns a :class:`MetricResult`."""

from lr_lightning.metrics.active_units import active_units
from lr_lightning.metrics.beta_vae_score import beta_vae_score
from lr_lightning.metrics.core.aggregations import (
    completeness_per_factor,
    dci_completeness,
    dci_disentanglement,
    dcimig_share,
    disentanglement_per_latent,
    gap_per_factor,
    gap_per_latent,
    mig_gap,
    mig_sup_gap,
    modularity,
    modularity_per_latent,
    sap_gap,
)
from lr_lightning.metrics.core.binning import bin_codes
from lr_lightning.metrics.core.information import mutual_information_matrix
from lr_lightning.metrics.core.levels import with_levels
from lr_lightning.metrics.core.permutation_null import permutation_null
from lr_lightning.metrics.core.result import MetricResult, Score, mean_over_repeats
from lr_lightning.metrics.core.sample import Sample, Sampling, draw
from lr_lightning.metrics.core.truncated import on_active_latents
from lr_lightning.metrics.dci import dci
from lr_lightning.metrics.dci_es import dci_es
from lr_lightning.metrics.dcimig import dcimig
from lr_lightning.metrics.elbo_decomposition import elbo_decomposition
from lr_lightning.metrics.explicitness import explicitness
from lr_lightning.metrics.factor_vae_score import factor_vae_score
from lr_lightning.metrics.fairness import fairness
from lr_lightning.metrics.gaussian_total_correlation import gaussian_total_correlation
from lr_lightning.metrics.gaussian_wasserstein_correlation import gaussian_wasserstein_correlation
from lr_lightning.metrics.infomec import infomec
from lr_lightning.metrics.interventional_robustness_score import interventional_robustness_score
from lr_lightning.metrics.joint_entropy_gap import joint_entropy_minus_mutual_information_gap
from lr_lightning.metrics.kl_per_latent import kl_per_latent
from lr_lightning.metrics.mean_correlation_coefficient import mean_correlation_coefficient
from lr_lightning.metrics.med import mutual_information_based_entropy_disentanglement
from lr_lightning.metrics.mig_sup import mig_sup
from lr_lightning.metrics.modularity import modularity_score
from lr_lightning.metrics.mutual_information_gap import mutual_information_gap
from lr_lightning.metrics.pairwise_mutual_information import pairwise_mutual_information
from lr_lightning.metrics.robust_mutual_information_gap import robust_mutual_information_gap
from lr_lightning.metrics.sample_efficiency import sample_efficiency
from lr_lightning.metrics.separated_attribute_predictability import separated_attribute_predictability
from lr_lightning.metrics.strong_generalization import strong_generalization
from lr_lightning.metrics.udr import unsupervised_disentanglement_ranking

__all__ = [
    "MetricResult",
    "Sample",
    "Sampling",
    "Score",
    "active_units",
    "beta_vae_score",
    "bin_codes",
    "completeness_per_factor",
    "dci",
    "dci_completeness",
    "dci_disentanglement",
    "dci_es",
    "dcimig",
    "dcimig_share",
    "disentanglement_per_latent",
    "draw",
    "elbo_decomposition",
    "explicitness",
    "factor_vae_score",
    "fairness",
    "gap_per_factor",
    "gap_per_latent",
    "gaussian_total_correlation",
    "gaussian_wasserstein_correlation",
    "infomec",
    "interventional_robustness_score",
    "joint_entropy_minus_mutual_information_gap",
    "kl_per_latent",
    "mean_correlation_coefficient",
    "mean_over_repeats",
    "mig_gap",
    "mig_sup",
    "mig_sup_gap",
    "modularity",
    "modularity_per_latent",
    "modularity_score",
    "mutual_information_based_entropy_disentanglement",
    "mutual_information_gap",
    "mutual_information_matrix",
    "on_active_latents",
    "pairwise_mutual_information",
    "permutation_null",
    "robust_mutual_information_gap",
    "sample_efficiency",
    "sap_gap",
    "separated_attribute_predictability",
    "strong_generalization",
    "unsupervised_disentanglement_ranking",
    "with_levels",
]
