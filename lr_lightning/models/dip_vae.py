"""DIP-VAE, types I and II."""

from typing import Any, Literal

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.common.checks import check_choice
from lr_lightning.losses import covariance_of_means, covariance_of_samples, covariance_penalties
from lr_lightning.models.base import Penalty
from lr_lightning.models.vae import VAE, Posterior
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.training.schedules import Schedule, check_weight

# Default lambda_d in multiples of lambda_od
_DIAGONAL_FACTORS = {"i": 10.0, "ii": 1.0}


class DIPVAE(VAE):
    r"""VAE that pulls the covariance of the codes towards the identity.

    .. math:: \mathrm{reconstruction} + \mathrm{KL} + \lambda_{od} \sum_{i \neq j} C_{ij}^2
        + \lambda_d \sum_i (C_{ii} - 1)^2

    where, over the batch, :math:`C = \mathrm{Cov}[\mu]` is the covariance of the posterior means in type I, and
    :math:`C = \mathrm{Cov}[\mu] + \mathbb{E}[\mathrm{diag}\, \sigma^2]` that of the aggregate posterior in type II.
    Logs the unweighted sums as ``covariance_off_diagonal`` and ``covariance_diagonal``, in latent units to the fourth
    power.

    Args:
        network: Encoder and decoder; the encoder must be variational.
        dip_type: ``"i"`` or ``"ii"``.
        lambda_od: Weight of the off-diagonal entries.
        lambda_d: Weight of the diagonal entries; if ``None``, ten times ``lambda_od`` in type I and ``lambda_od`` in
            type II, as in the 12,600-model study (Locatello et al., arXiv:1811.12359).
        kwargs: Passed to :class:`VAE`.

    Raises:
        ValueError: If ``dip_type`` is unknown, or a weight is negative or not finite.

    References:
        Kumar et al., Variational Inference of Disentangled Latent Concepts from Unlabeled Observations, ICLR 2018,
        arXiv:1711.00848.
    """

    def __init__(
        self,
        network: AutoencoderNetwork,
        dip_type: Literal["i", "ii"] = "i",
        lambda_od: float | Schedule = 10.0,
        lambda_d: float | Schedule | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, **kwargs)
        check_choice("dip_type", dip_type, tuple(_DIAGONAL_FACTORS))
        self.dip_type = dip_type
        self.lambda_od = check_weight("lambda_od", lambda_od)
        self.lambda_d = None if lambda_d is None else check_weight("lambda_d", lambda_d)

    @override
    def penalty(self, posterior: Posterior, kl: Tensor, generator: torch.Generator) -> Penalty:
        """Return the KL term plus the weighted distances of the covariance from the identity."""
        if self.dip_type == "i":
            covariance = covariance_of_means(posterior.means)
        else:
            covariance = covariance_of_samples(posterior.means, posterior.log_variances)
        off_diagonal, diagonal = covariance_penalties(covariance)
        lambda_od = self.current_value(self.lambda_od)
        customary = _DIAGONAL_FACTORS[self.dip_type] * lambda_od
        lambda_d = customary if self.lambda_d is None else self.current_value(self.lambda_d)
        return Penalty(
            kl + lambda_od * off_diagonal + lambda_d * diagonal,
            {"covariance_off_diagonal": off_diagonal, "covariance_diagonal": diagonal},
        )
