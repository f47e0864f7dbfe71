"""Regularized autoencoder."""

from typing import Any, Literal, get_args

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.common.checks import check_choice
from lr_lightning.losses import decoder_gradient_norm, decoder_weight_norm
from lr_lightning.models.autoencoder import Autoencoder
from lr_lightning.models.base import Penalty
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.training.schedules import Schedule, check_weight

DecoderPenalty = Literal["weight", "gradient"]


class RAE(Autoencoder):
    r"""Deterministic autoencoder that penalizes large codes and a steep decoder, in place of the noise of a VAE.

    .. math:: \mathcal{L} = \text{reconstruction} + \beta\, \tfrac12 \|z\|^2 + \lambda\, R, \qquad
        R = \|\theta\|^2 \ \text{or}\ \|\partial \hat x / \partial z\|_F^2

    The decoder's weights :math:`\theta` are penalized in the loss, so unlike weight decay the penalty is logged and its
    gradient passes through the optimizer like that of any other term. Logs ``code_norm``, :math:`\tfrac12 \|z\|^2` in
    squared latent units, and either ``decoder_weight_norm`` or ``decoder_gradient_norm``. The latter, in squared data
    units per squared latent unit, is an unbiased estimate from one random direction per code, also in validation. It
    needs a second decoder pass and second derivatives, without ``torch.compile``.

    This covers the paper's RAE-L2 and RAE-GP and, with ``decoder_weight=0``, the plain RAE; RAE-SN is not supported,
    because spectral normalization is not a loss term. The gradient penalty follows the paper, the norm of the decoder's
    Jacobian; the authors' code instead squares the outputs before it differentiates their sum. The authors average over
    pixels and latents: on MNIST they use a squared error with weights of 1e-4 for the codes and 1e-7 for the decoder,
    which here, with the :class:`~lr_lightning.losses.Gaussian` likelihood, corresponds to ``beta=0.0064`` and
    ``decoder_weight=5e-5``.

    There is no prior. The paper samples from a Gaussian mixture fitted to the codes after training; here, sample from
    the codes with :func:`~lr_lightning.assays.posterior_samples`, or from each latent independently with
    :func:`~lr_lightning.assays.hybrid_samples`. Ignore the results for the prior in assays that compare it with these
    two.

    Args:
        network: Encoder and decoder; the encoder must not be variational.
        beta: Weight of the squared norm of the codes, or a schedule.
        decoder_penalty: ``"weight"`` for the squared norm of the decoder's weights and biases, ``"gradient"`` for the
            squared norm of its Jacobian.
        decoder_weight: Weight :math:`\lambda` of the decoder penalty, or a schedule.
        kwargs: Passed to :class:`Autoencoder`.

    Raises:
        ValueError: If ``decoder_penalty`` is unknown, a weight is negative or not finite, or the network is
            variational.

    References:
        Ghosh et al., From Variational to Deterministic Autoencoders, ICLR 2020, arXiv:1903.12436, and its code.
    """

    def __init__(
        self,
        network: AutoencoderNetwork,
        beta: float | Schedule = 0.01,
        decoder_penalty: DecoderPenalty = "weight",
        decoder_weight: float | Schedule = 1e-4,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, **kwargs)
        check_choice("decoder_penalty", decoder_penalty, get_args(DecoderPenalty))
        self.decoder_penalty = decoder_penalty
        self.beta = check_weight("beta", beta)
        self.decoder_weight = check_weight("decoder_weight", decoder_weight)

    @override
    def penalty(self, codes: Tensor, generator: torch.Generator) -> Penalty:
        """Return the weighted penalties on codes and decoder."""
        code_norm = 0.5 * codes.square().sum(dim=1).mean()
        if self.decoder_penalty == "weight":
            decoder_norm = decoder_weight_norm(self.network.decoder)
        else:
            decoder_norm = decoder_gradient_norm(self.decode, codes, generator)
        beta, weight = (self.current_value(w) for w in (self.beta, self.decoder_weight))
        terms = {"code_norm": code_norm, f"decoder_{self.decoder_penalty}_norm": decoder_norm}
        return Penalty(beta * code_norm + weight * decoder_norm, terms)
