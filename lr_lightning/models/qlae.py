"""Quantized-latent autoencoder."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT
from typing_extensions import override

from lr_lightning.common.checks import check_at_least
from lr_lightning.losses import nearest_values, squared_gap, straight_through
from lr_lightning.models.autoencoder import Autoencoder
from lr_lightning.models.base import Objective
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.training.schedules import Schedule, check_weight


class QLAE(Autoencoder):
    r"""Autoencoder in which each latent takes one of a few learned values.

    .. math:: \mathcal{L} = \text{reconstruction} + \lambda_q \|\mathrm{sg}(z_e) - z_q\|^2
        + \lambda_c \|z_e - \mathrm{sg}(z_q)\|^2

    where :math:`z_e` is the encoder's output, :math:`z_q` the nearest values, and sg stops gradients. Only the first
    penalty, logged as ``quantization``, moves the values. The second, ``commitment``, moves the encoder, together with
    the gradient of the reconstruction loss, which skips the quantization (straight-through). Both are in squared latent
    units and differ only in their gradients.

    :meth:`encode` returns quantized codes, which scores and assays use; its Jacobian is that of the encoder before
    quantization, because gradients pass straight through. :meth:`~.AutoencoderModule.decode` does not quantize: codes
    between the values show how the decoder interpolates, and in :meth:`~.AutoencoderModule.response` only the encoder
    quantizes. There is no prior: sample with :func:`~lr_lightning.assays.posterior_samples` or
    :func:`~lr_lightning.assays.hybrid_samples`. The scale differs too: codes span a range of about 1, so no response
    exceeds 0.5, the activity threshold for latents of variance 1.

    The method relies on strong weight decay: use ``torch.optim.AdamW`` with the paper's ``weight_decay`` of 0.1. As in
    the authors' code, it does not apply to biases and the codebook. That code averages over the ``n`` pixels and
    channels and over the ``D`` latents, whereas this project sums: its weights of 0.01 correspond to ``0.01 * n / D``
    here, i.e. 4.1 for dSprites with 10 latents and 10 for 64 x 64 color images with 12. With a weight of 0.01 here, the
    encoder drifts away from the values: on dSprites its codes spread over hundreds of units within 250 steps.

    Args:
        network: Encoder and decoder; the encoder must not be variational.
        num_values: Number of values per latent, at least 2; initialized evenly spaced in ``[-0.5, 0.5]``.
        quantization_weight: Weight :math:`\lambda_q`, or a schedule.
        commitment_weight: Weight :math:`\lambda_c`, or a schedule.
        kwargs: Passed to :class:`Autoencoder`.

    Raises:
        ValueError: If ``num_values`` is below 2, a weight is negative or not finite, or the network is variational.

    References:
        Hsu et al., Disentanglement via Latent Quantization, NeurIPS 2023, arXiv:2305.18378, and its code.
    """

    def __init__(
        self,
        network: AutoencoderNetwork,
        num_values: int = 10,
        quantization_weight: float | Schedule = 4.0,
        commitment_weight: float | Schedule = 4.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, **kwargs)
        check_at_least("num_values", num_values, 2)
        self.quantization_weight = check_weight("quantization_weight", quantization_weight)
        self.commitment_weight = check_weight("commitment_weight", commitment_weight)
        self.codebook = nn.Parameter(torch.linspace(-0.5, 0.5, num_values).repeat(self.latent_dim, 1))  # (D, V)

    @override
    def encode(self, observations: Tensor) -> Tensor:
        """Return the quantized codes ``(B, D)`` of ``observations``, float32."""
        codes = super().encode(observations)
        return straight_through(codes, nearest_values(codes, self.codebook.float()))

    @override
    def objective(self, observations: Tensor, generator: torch.Generator) -> Objective:
        """Return the reconstruction from quantized codes and the two penalties; ``codes`` are quantized."""
        codes = super().encode(observations)
        values = nearest_values(codes, self.codebook.float())
        reconstruction = self.reconstruction(straight_through(codes, values), observations)
        quantization = squared_gap(codes.detach(), values)
        commitment = squared_gap(codes, values.detach())
        loss = reconstruction + self.current_value(self.quantization_weight) * quantization
        loss = loss + self.current_value(self.commitment_weight) * commitment
        terms = {"reconstruction": reconstruction, "quantization": quantization, "commitment": commitment}
        return Objective.of(loss, terms, values)

    @override
    def optimized_parameters(self) -> ParamsT:
        """Return two parameter groups, so that weight decay skips biases, codebook and likelihood."""
        decayed: list[Tensor] = []
        spared: list[Tensor] = []
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                decays = name.startswith("network.") and not name.endswith("bias")
                (decayed if decays else spared).append(parameter)
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": spared, "weight_decay": 0.0}]
        return groups
