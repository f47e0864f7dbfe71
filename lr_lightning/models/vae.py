"""Variational autoencoder."""

from typing import Any

import torch
from torch import Tensor
from torch.distributions import Normal
from typing_extensions import override

from lr_lightning.losses import KL_FORMS, KLForm
from lr_lightning.models.base import AutoencoderModule, Objective
from lr_lightning.models.noise import reparameterize
from lr_lightning.networks import AutoencoderNetwork


class VAE(AutoencoderModule):
    """Autoencoder with a diagonal Gaussian posterior and a standard normal prior, trained on the negative ELBO.

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

    def __init__(self, network: AutoencoderNetwork, kl: KLForm = "gaussian", **kwargs: Any) -> None:
        super().__init__(network, **kwargs)
        if not network.variational:
            raise ValueError(f"{type(self).__name__} needs a variational network, got variational=False")
        if kl not in KL_FORMS:
            raise ValueError(f"kl must be one of {', '.join(KL_FORMS)}, got {kl!r}")
        self.kl = KL_FORMS[kl]

    @override
    def encode(self, observations: Tensor) -> Normal:
        """Return the posterior of ``observations``; mean and standard deviation ``(B, D)``, float32."""
        means, log_variances = self.network.posterior_parameters(observations)
        return Normal(means.float(), (0.5 * log_variances.float()).exp(), validate_args=False)

    @override
    def objective(self, observations: Tensor, generator: torch.Generator) -> Objective:
        """Return the negative ELBO from one posterior sample per observation."""
        means, log_variances = (x.float() for x in self.network.posterior_parameters(observations))
        codes = reparameterize(means, log_variances, generator)
        raw = self.network.decode(codes)
        reconstruction = self.likelihood.negative_log_likelihood(raw, observations).mean()
        kl = self.kl(means, log_variances).sum(dim=1).mean()
        terms = {"reconstruction": reconstruction.detach(), "kl": kl.detach()}
        return Objective(self.combine(reconstruction, kl), terms, means.detach(), log_variances.detach())

    def combine(self, reconstruction: Tensor, kl: Tensor) -> Tensor:
        """Return the loss for the two terms of the ELBO, scalars in nats per observation."""
        return reconstruction + kl
