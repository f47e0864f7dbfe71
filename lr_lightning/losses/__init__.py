"""Building blocks of objectives: likelihoods of observations and divergences of posteriors."""

from lr_lightning.common.registry import Registry
from lr_lightning.losses.decoder_norms import decoder_gradient_norm, decoder_weight_norm
from lr_lightning.losses.density_ratio import (
    density_ratio_total_correlation,
    discriminator_accuracy,
    discriminator_loss,
    permute_latents,
)
from lr_lightning.losses.dip import (
    CovariancePenalties,
    covariance_of_means,
    covariance_of_samples,
    covariance_penalties,
)
from lr_lightning.losses.kl import KL_FORMS, KLForm, gaussian_kl, leeb2022_kl
from lr_lightning.losses.latent_quantization import nearest_values, squared_gap, straight_through
from lr_lightning.losses.likelihoods.base import Likelihood
from lr_lightning.losses.likelihoods.bernoulli import Bernoulli
from lr_lightning.losses.likelihoods.discretized_logistic_mixture import DiscretizedLogisticMixture
from lr_lightning.losses.likelihoods.eight_bit import is_eight_bit
from lr_lightning.losses.likelihoods.location_scale import Gaussian, Laplace
from lr_lightning.losses.maximum_mean_discrepancy import discrepancy_from_prior, squared_discrepancy
from lr_lightning.losses.total_correlation import (
    ESTIMATORS,
    Estimator,
    KLParts,
    decompose_kl,
    stratified_log_weights,
    weighted_log_weights,
)

__all__ = [
    "ESTIMATORS",
    "KL_FORMS",
    "LIKELIHOODS",
    "Bernoulli",
    "CovariancePenalties",
    "DiscretizedLogisticMixture",
    "Estimator",
    "Gaussian",
    "KLForm",
    "KLParts",
    "Laplace",
    "Likelihood",
    "covariance_of_means",
    "covariance_of_samples",
    "covariance_penalties",
    "decoder_gradient_norm",
    "decoder_weight_norm",
    "decompose_kl",
    "density_ratio_total_correlation",
    "discrepancy_from_prior",
    "discriminator_accuracy",
    "discriminator_loss",
    "gaussian_kl",
    "is_eight_bit",
    "leeb2022_kl",
    "nearest_values",
    "permute_latents",
    "squared_discrepancy",
    "squared_gap",
    "straight_through",
    "stratified_log_weights",
    "weighted_log_weights",
]

LIKELIHOODS = Registry.of_exports("likelihood", Likelihood, globals(), group="lr_lightning.likelihoods")
"""The likelihoods that this package exports, and those of installed packages, by the names of their classes."""
