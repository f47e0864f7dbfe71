"""Variational autoencoder."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.distributions import Normal
from typing_extensions import override

from lr_lightning.common.checks import check_choice
from lr_lightning.losses import KL_FORMS, KLForm
from lr_lightning.models.base import AutoencoderModule, Objective, Penalty
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.training.noise import reparameterize


class Posterior(NamedTuple):
    """The posterior of each observation of a batch, and one sample of it.

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

    The objectives of the field differ from it in what they add to the reconstruction; they override :meth:`penalty`.

    Args:
        network: Encoder and decoder; the encoder must be variational.
        kl: Form of the KL term: ``"gaussian"``, the true one, or ``"leeb2022"``, that of the released code of
            Leeb et al. 2022, to reproduce their runs.
        kwargs: Passed to :class:`AutoencoderModule`.

    Raises:
        ValueError: If the network is not variational or ``kl`` is not one of the forms.

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
        """Return the posterior of ``observations``; mean and standard deviation ``(B, D)``, float32."""
        means, log_variances = self.network.posterior_parameters(observations)
        return Normal(means.float(), (0.5 * log_variances.float()).exp(), validate_args=False)

    @override
    def objective(self, observations: Tensor, generator: torch.Generator) -> Objective:
        """Return reconstruction and penalty from one posterior sample per observation."""
        return self.objective_of(self.sample_posterior(observations, generator), observations, generator)

    def objective_of(self, posterior: Posterior, observations: Tensor, generator: torch.Generator) -> Objective:
        """Return reconstruction and penalty for a given ``posterior`` of ``observations``, sampled already."""
        reconstruction = self.reconstruction(posterior.samples, observations)
        kl = self.kl(posterior.means, posterior.log_variances).sum(dim=1).mean()
        penalty = self.penalty(posterior, kl, generator)
        terms = {"reconstruction": reconstruction, "kl": kl} | penalty.terms
        return Objective.of(
            reconstruction + penalty.value, terms, posterior.means, log_variances=posterior.log_variances
        )

    def sample_posterior(self, observations: Tensor, generator: torch.Generator) -> Posterior:
        """Return the posterior of ``observations`` (B, *observation_shape) and one sample of each."""
        means, log_variances = (x.float() for x in self.network.posterior_parameters(observations))
        return Posterior(means, log_variances, reparameterize(means, log_variances, generator))

    def penalty(self, posterior: Posterior, kl: Tensor, generator: torch.Generator) -> Penalty:
        """Return what is added to the reconstruction: here the KL term.

        Args:
            posterior: Posterior of the batch and one sample of each.
            kl: Its KL term, a scalar in nats per observation.
            generator: Source of further noise, after that of the samples.
        """
        return Penalty(kl, {})
