"""The parts that objectives are made of: likelihoods of observations and divergences of posteriors."""

from lr_lightning.losses.dip import (
    CovariancePenalties,
    covariance_of_means,
    covariance_of_samples,
    covariance_penalties,
)
from lr_lightning.losses.kl import KL_FORMS, KLForm, gaussian_kl, leeb2022_kl
from lr_lightning.losses.likelihood import Bernoulli, Gaussian, Laplace, Likelihood
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
    "Bernoulli",
    "CovariancePenalties",
    "Estimator",
    "Gaussian",
    "KLForm",
    "KLParts",
    "Laplace",
    "Likelihood",
    "covariance_of_means",
    "covariance_of_samples",
    "covariance_penalties",
    "decompose_kl",
    "gaussian_kl",
    "leeb2022_kl",
    "stratified_log_weights",
    "weighted_log_weights",
]
