"""Shared base of the weakly supervised adaptive VAEs: finds the latents that a pair of images has in common."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.models.base import Objective
from lr_lightning.models.beta_vae import BetaVAE
from lr_lightning.models.vae import Posterior
from lr_lightning.training.noise import reparameterize


class AdaVAE(BetaVAE, ABC):
    r"""Beta-VAE trained on pairs of images that share factors, without knowing which.

    Pairs come from ``groups`` of the data module: :class:`~lr_lightning.data.FactorPairs`, or
    :class:`~lr_lightning.data.AugmentedPairs` where there are no factors.

    Latent :math:`i` counts as shared if the divergence between the two posteriors,
    :math:`\delta_i = \mathrm{KL}(q(z_i | x_1) \| q(z_i | x_2))`, is below the midpoint between the smallest and the
    largest :math:`\delta_i` of the pair. Both posteriors of a shared latent are replaced by their average, which
    subclasses define in :meth:`average`. No gradients flow through this selection. As in the paper and its released
    code, only this direction of the KL divergence is used.

    The loss averages reconstruction and KL term over the two images, so its values and ``beta`` are comparable to those
    of :class:`BetaVAE`. Training also logs ``shared_latents``, the number of shared latents averaged over pairs.
    Validation and testing use single images and log the same terms as :class:`BetaVAE`.

    Args:
        network: Encoder and decoder; the encoder must be variational.
        beta: Weight of the KL term.
        kwargs: Passed to :class:`BetaVAE`.

    References:
        Locatello et al., Weakly-Supervised Disentanglement Without Compromises, ICML 2020, arXiv:2002.02886.
    """

    @abstractmethod
    def average(self, means: Tensor, log_variances: Tensor) -> tuple[Tensor, Tensor]:
        """Average the two posteriors of each pair: from ``(2, B, D)`` to mean and log-variance, each ``(B, D)``."""

    @override
    def training_objective(self, batch: Any, generator: torch.Generator) -> Objective:
        """Return the objective of a batch of pairs; its first two entries are images of equal shape.

        Raises:
            ValueError: If the batch has no pairs.
        """
        first, second = batch[0], batch[1]
        if first.shape != second.shape or first.dtype != second.dtype:
            raise ValueError(
                f"{type(self).__name__} trains on pairs of images; set groups: FactorPairs on the data module, or "
                "AugmentedPairs without factors"
            )
        images = torch.cat([first, second])
        parameters = self.network.posterior_parameters(images)
        means, log_variances = (x.float().view(2, len(first), -1) for x in parameters)  # (2, B, D)
        shared = shared_latents(means, log_variances)
        average = self.average(means, log_variances)
        means, log_variances = (
            torch.where(shared, common, own).flatten(0, 1)  # (2 * B, D)
            for common, own in zip(average, (means, log_variances), strict=True)
        )
        posterior = Posterior(means, log_variances, reparameterize(means, log_variances, generator))
        objective = self.objective_of(posterior, images, generator)
        return objective._replace(terms=objective.terms | {"shared_latents": shared.sum(dim=1).float().mean()})


def shared_latents(means: Tensor, log_variances: Tensor) -> Tensor:
    """Return which latents two posteriors share, ``(B, D)`` bool; none if all latents diverge equally.

    Args:
        means: Posterior means of the first and the second images, shape ``(2, B, D)``.
        log_variances: Logarithms of the posterior variances, shape ``(2, B, D)``.
    """
    log_ratio = log_variances[0] - log_variances[1]
    distance = (means[0] - means[1]).square() * (-log_variances[1]).exp()
    divergence = 0.5 * (log_ratio.exp() + distance - log_ratio - 1)
    least, greatest = divergence.aminmax(dim=1, keepdim=True)
    return divergence < (least + greatest) / 2
