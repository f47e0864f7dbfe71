"""Variational autoencoder."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Normal
from typing_extensions import override

from lr_lightning.common.checks import check_choice
from lr_lightning.losses import KL_FORMS, KLForm, gaussian_kl, is_eight_bit
from lr_lightning.models.base import AutoencoderModule, Objective, Penalty
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.training.noise import reparameterize

_BITS = "bits_per_dimension"


class Posterior(NamedTuple):
    """The posterior of each observation in a batch, with one sample per observation.

    Attributes:
        means: ``(B, D)``, float32.
        log_variances: ``(B, D)``, float32.
        samples: ``(B, D)``, float32; gradients flow through them.
    """

    means: Tensor
    log_variances: Tensor
    samples: Tensor


class VAE(AutoencoderModule):
    """Autoencoder with a diagonal Gaussian posterior and a standard normal prior, trained on the negative ELBO.

    Other VAE objectives add a different penalty to the reconstruction loss by overriding :meth:`penalty`.

    In evaluation, 8-bit images have a further term, ``bits_per_dimension``, if the likelihood defines a probability of
    their values: the negative ELBO divided by the number of pixels times channels, in bits. It estimates, from one
    sample per image, an upper bound of their negative log-probability, also for subclasses: it uses the exact KL
    divergence with weight 1, whatever the penalty.

    Args:
        network: Encoder and decoder; the encoder must be variational.
        kl: Form of the KL term: ``"gaussian"`` for the exact KL, or ``"leeb2022"`` for the one in the released code of
            Leeb et al. 2022, to reproduce their runs.
        kwargs: Passed to :class:`AutoencoderModule`.

    Raises:
        ValueError: If the network is not variational or ``kl`` is unknown.

    References:
        Kingma and Welling, Auto-Encoding Variational Bayes, 2013, arXiv:1312.6114.
    """

    needs_variational = True

    def __init__(self, network: AutoencoderNetwork, kl: KLForm = "gaussian", **kwargs: Any) -> None:
        super().__init__(network, **kwargs)
        if not network.variational:
            raise ValueError(f"{type(self).__name__} needs a variational network, got variational=False")
        check_choice("kl", kl, tuple(KL_FORMS))
        self.kl = KL_FORMS[kl]

    @override
    def encode(self, observations: Tensor) -> Normal:
        """Return the posterior of ``observations``, with mean and standard deviation ``(B, D)``, float32."""
        means, log_variances = self.network.posterior_parameters(observations)
        return Normal(means.float(), (0.5 * log_variances.float()).exp(), validate_args=False)

    @override
    def objective(self, observations: Tensor, generator: torch.Generator) -> Objective:
        """Return reconstruction and penalty from one posterior sample per observation."""
        return self.objective_of(self.sample_posterior(observations, generator), observations, generator)

    def objective_of(self, posterior: Posterior, observations: Tensor, generator: torch.Generator) -> Objective:
        """Return reconstruction and penalty of ``observations``, given their ``posterior`` and its samples."""
        raw = self.network.decode(posterior.samples)
        losses = self.likelihood.negative_log_likelihood(raw, observations)
        reconstruction = losses.mean()
        kl = self.kl(posterior.means, posterior.log_variances).sum(dim=1).mean()
        penalty = self.penalty(posterior, kl, generator)
        terms = {"reconstruction": reconstruction, "kl": kl} | penalty.terms
        if not self.training:
            discretized = self.likelihood.discretized  # then the loss need not be computed twice
            nats = losses if discretized else self.likelihood.negative_log_probability(raw, observations)
            if nats is not None:
                terms[_BITS] = _bits_per_dimension(nats, observations, posterior)
        return Objective.of(
            reconstruction + penalty.value, terms, posterior.means, log_variances=posterior.log_variances
        )

    @override
    def evaluation_means(self) -> dict[str, Tensor]:
        """Return loss and terms by name, averaged over the last validation or test set.

        There are no bits per dimension if any of its observations is not an 8-bit image.
        """
        means = super().evaluation_means()
        if _BITS in means and means[_BITS].isnan():
            del means[_BITS]
        return means

    def sample_posterior(self, observations: Tensor, generator: torch.Generator) -> Posterior:
        """Return the posterior of ``observations``, ``(B, *observation_shape)``, with one sample per observation."""
        means, log_variances = (x.float() for x in self.network.posterior_parameters(observations))
        return Posterior(means, log_variances, reparameterize(means, log_variances, generator))

    def penalty(self, posterior: Posterior, kl: Tensor, generator: torch.Generator) -> Penalty:
        """Return the penalty added to the reconstruction loss: here the KL term.

        Args:
            posterior: Posterior of the batch, with one sample per observation.
            kl: KL term of the batch, a scalar in nats per observation.
            generator: Source of any further noise; the samples have been drawn from it already.
        """
        return Penalty(kl, {})


def _bits_per_dimension(nats: Tensor, observations: Tensor, posterior: Posterior) -> Tensor:
    """Return the negative ELBO in bits per value, NaN if ``observations`` are no 8-bit images.

    Args:
        nats: Negative log-probabilities ``(B,)`` of the observations given their codes.
        observations: Shape ``(B, *observation_shape)``.
        posterior: Their posterior.
    """
    kl = gaussian_kl(posterior.means, posterior.log_variances).sum(dim=1)
    bits = (nats + kl).mean() / (observations[0].numel() * math.log(2))
    return bits.where(is_eight_bit(observations), torch.nan)
