"""Regularised autoencoder."""

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
    r"""Autoencoder with small codes and a smooth decoder in place of a VAE's noise.

    .. math:: \mathcal{L} = \text{reconstruction} + \beta\, \tfrac12 \|z\|^2 + \lambda\, R, \qquad
        R = \|\theta\|^2 \ \text{or}\ \|\partial \hat x / \partial z\|_F^2

    The decoder's weights :math:`\theta` are penalised in the loss, hence logged and scaled by the optimizer like any
    other term, which weight decay is not. Logged are ``code_norm``, :math:`\tfrac12 \|z\|^2` in squared latent units,
    and ``decoder_weight_norm``, or ``decoder_gradient_norm`` in squared data units per squared latent unit, an unbiased
    estimate from one random direction per code, in validation as well. That one costs a second decoding and its second
    derivatives, without ``torch.compile``.

    Of the paper's variants this is RAE-L2 and RAE-GP, and the plain RAE with ``decoder_weight=0``; RAE-SN is none of a
    loss. The paper's gradient penalty is the norm of the decoder's Jacobian; its authors' code squares the outputs
    before it differentiates their sum. Their weights belong to means over pixels and latents: on MNIST a squared
    error with 1e-4 for the codes and 1e-7 for the weights, which with the :class:`~lr_lightning.losses.Gaussian`
    likelihood is ``beta=0.0064`` and ``decoder_weight=5e-5``.

    The codes follow no prior. The paper draws from a Gaussian mixture that is fitted to the codes after training; draw
    from the codes themselves with :func:`~lr_lightning.assays.posterior_samples` or, each latent by itself, with
    :func:`~lr_lightning.assays.hybrid_samples`, and disregard the prior's part of assays that compare the three.

    Args:
        network: Encoder and decoder; the encoder must not be variational.
        beta: Weight of the codes' norm, or a schedule of it.
        decoder_penalty: ``"weight"`` for the squared norm of the decoder's weights and biases, ``"gradient"`` for that
            of its Jacobian.
        decoder_weight: Weight :math:`\lambda` of the decoder's penalty, or a schedule of it.
        kwargs: Passed to :class:`Autoencoder`.

    Raises:
        ValueError: If ``decoder_penalty`` is neither of the two, a weight is negative or not finite, or the network is
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
        """Return the weighted norms of the codes and of the decoder."""
        code_norm = 0.5 * codes.square().sum(dim=1).mean()
        if self.decoder_penalty == "weight":
            decoder_norm = decoder_weight_norm(self.network.decoder)
        else:
            decoder_norm = decoder_gradient_norm(self.decode, codes, generator)
        beta, weight = (self.current_value(w) for w in (self.beta, self.decoder_weight))
        terms = {"code_norm": code_norm, f"decoder_{self.decoder_penalty}_norm": decoder_norm}
        return Penalty(beta * code_norm + weight * decoder_norm, terms)
