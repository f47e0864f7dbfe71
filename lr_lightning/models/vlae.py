"""Variational ladder autoencoder."""

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.models.base import Penalty
from lr_lightning.models.beta_vae import BetaVAE
from lr_lightning.models.vae import Posterior
from lr_lightning.networks import GroupedNetwork, check_grouped_network
from lr_lightning.training.schedules import Schedule


class VLAE(BetaVAE):
    """Variational ladder autoencoder: a beta-VAE with a ladder network, which arranges the latents in a hierarchy.

    The groups are independent under the prior and under each posterior, so the hierarchy is in the network alone and
    the ELBO is that of a VAE. The KL term of each group is logged, from ``kl_0`` for the coarsest to ``kl_<G - 1>``;
    they add up to ``kl``.

    Args:
        network: Encoder and decoder with latents in groups, such as :class:`~lr_lightning.networks.LadderConv64`; the
            encoder must be variational.
        beta: Weight of the KL term, a number or a schedule; 1 in the paper.
        kwargs: Passed to :class:`BetaVAE`.

    Raises:
        TypeError: If the latents of the network are not in groups.
        ValueError: If ``beta`` is negative or not finite, or the network is not variational.

    References:
        Zhao et al., Learning Hierarchical Features from Generative Models, ICML 2017, arXiv:1702.08396.
    """

    def __init__(self, network: GroupedNetwork, beta: float | Schedule = 1.0, **kwargs: Any) -> None:
        check_grouped_network(type(self).__name__, network)
        super().__init__(network, beta, **kwargs)
        self.num_groups = network.num_groups

    @override
    def penalty(self, posterior: Posterior, kl: Tensor, generator: torch.Generator) -> Penalty:
        """Return ``beta`` times the KL term, with the KL term of each group for logging."""
        latents = self.kl(posterior.means, posterior.log_variances).mean(dim=0)  # (D,)
        groups = latents.view(self.num_groups, -1).sum(dim=1)
        weighted = super().penalty(posterior, kl, generator).value
        return Penalty(weighted, {f"kl_{group}": value for group, value in enumerate(groups)})
