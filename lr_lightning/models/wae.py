"""Wasserstein autoencoder with maximum mean discrepancy."""

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.losses import discrepancy_from_prior
from lr_lightning.models.autoencoder import Autoencoder
from lr_lightning.models.base import Penalty
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.training.schedules import Schedule, check_weight


class WAE(Autoencoder):
    r"""Autoencoder that pulls the distribution of its codes towards a standard normal prior.

    .. math:: \mathcal{L} = \text{reconstruction} + \lambda\, \widehat{\mathrm{MMD}}^2\bigl(q(z), p(z)\bigr)

    The discrepancy is estimated by :func:`~lr_lightning.losses.squared_discrepancy` and logged as
    ``maximum_mean_discrepancy``; it has no unit. The encoder is deterministic, as in the paper's experiments. The
    authors' code uses a weight of 10 with 0.05 times the squared error. This corresponds to a weight of 100 with the
    :class:`~lr_lightning.losses.Gaussian` likelihood, which is half the squared error.

    Args:
        network: Encoder and decoder; the encoder must not be variational.
        discrepancy_weight: Weight :math:`\lambda` of the discrepancy, or a schedule.
        kwargs: Passed to :class:`Autoencoder`.

    Raises:
        ValueError: If ``discrepancy_weight`` is negative or not finite, or the network is variational.

    References:
        Tolstikhin et al., Wasserstein Auto-Encoders, ICLR 2018, arXiv:1711.01558.
    """

    def __init__(self, network: AutoencoderNetwork, discrepancy_weight: float | Schedule = 10.0, **kwargs: Any) -> None:
        super().__init__(network, **kwargs)
        self.discrepancy_weight = check_weight("discrepancy_weight", discrepancy_weight)

    @override
    def penalty(self, codes: Tensor, generator: torch.Generator) -> Penalty:
        """Return the weighted discrepancy between the codes and the same number of prior samples."""
        discrepancy = discrepancy_from_prior(codes, generator)
        weight = self.current_value(self.discrepancy_weight)
        return Penalty(weight * discrepancy, {"maximum_mean_discrepancy": discrepancy})
