"""The parts that objectives are made of: likelihoods of observations and divergences of posteriors."""

from lr_lightning.losses.kl import KL_FORMS, KLForm, gaussian_kl, leeb2022_kl
from lr_lightning.losses.likelihood import Bernoulli, Gaussian, Likelihood

__all__ = ["KL_FORMS", "Bernoulli", "Gaussian", "KLForm", "Likelihood", "gaussian_kl", "leeb2022_kl"]
