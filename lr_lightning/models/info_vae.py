"""InfoVAE with maximum mean discrepancy."""

import math
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.losses import discrepancy_from_prior
from lr_lightning.models.base import Penalty
from lr_lightning.models.vae import VAE, Posterior
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.training.schedules import Schedule, check_weight


class InfoVAE(VAE):
    r"""VAE that reduces the KL term and instead pulls the aggregate posterior towards the prior.

    .. math:: \mathcal{L} = \text{reconstruction} + (1 - \alpha)\, \mathrm{KL}
        + \lambda'\, \widehat{\mathrm{MMD}}^2\bigl(q(z), p(z)\bigr)

    The paper writes the last weight as :math:`\lambda' = \alpha + \lambda - 1`. Here it is an independent parameter, so
    that changing :math:`\alpha` changes only one term; to use the paper's :math:`\lambda`, set ``discrepancy_weight``
    to :math:`\alpha + \lambda - 1`. With ``alpha=0`` and no discrepancy, this is the plain VAE. With ``alpha=1``, the
    MMD-VAE, no term of the loss stops single posteriors from shrinking to points.

    The discrepancy (:func:`~lr_lightning.losses.squared_discrepancy`) compares one sample from each posterior with the
    same number of prior samples. It is logged as ``maximum_mean_discrepancy`` and has no unit.

    Args:
        network: Encoder and decoder; the encoder must be variational.
        alpha: Fraction by which the KL term is reduced, at most 1, or a schedule.
        discrepancy_weight: Weight :math:`\lambda'` of the discrepancy, or a schedule.
        kwargs: Passed to :class:`VAE`.

    Raises:
        ValueError: If ``alpha`` is above 1, ``discrepancy_weight`` is negative, one of them is not finite, or the
            network is not variational.

    References:
        Zhao et al., InfoVAE: Balancing Learning and Inference in Variational Autoencoders, AAAI 2019, arXiv:1706.02262.
    """

    def __init__(
        self,
        network: AutoencoderNetwork,
        alpha: float | Schedule = 0.0,
        discrepancy_weight: float | Schedule = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, **kwargs)
        if not isinstance(alpha, Schedule) and not -math.inf < alpha <= 1:
            raise ValueError(f"alpha must be finite and at most 1, got {alpha}")
        self.alpha = alpha
        self.discrepancy_weight = check_weight("discrepancy_weight", discrepancy_weight)

    @override
    def penalty(self, posterior: Posterior, kl: Tensor, generator: torch.Generator) -> Penalty:
        """Return the reduced KL term plus the weighted discrepancy between posterior samples and prior."""
        discrepancy = discrepancy_from_prior(posterior.samples, generator)
        kl_weight = 1 - self.current_value(self.alpha)
        weight = self.current_value(self.discrepancy_weight)
        return Penalty(kl_weight * kl + weight * discrepancy, {"maximum_mean_discrepancy": discrepancy})
