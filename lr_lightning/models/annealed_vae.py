"""VAE with an annealed KL capacity."""

from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from lr_lightning.common.checks import check_at_least
from lr_lightning.models.base import Penalty
from lr_lightning.models.vae import VAE, Posterior
from lr_lightning.networks import AutoencoderNetwork
from lr_lightning.training.schedules import LinearSchedule, Schedule, check_weight


class AnnealedVAE(VAE):
    r"""VAE whose KL term is kept close to a target capacity, which grows during training.

    .. math:: \mathrm{reconstruction} + \gamma \left| \mathrm{KL} - C \right|, \quad
        C = c_{\max} \min(\mathrm{step} / \mathrm{threshold}, 1)

    The absolute value is taken after averaging over the batch, so single observations may use more or less than the
    capacity. Checkpoints store the step, which counts updates: a resumed run continues at the same capacity, and an
    evaluation uses the capacity at its checkpoint. Logs ``capacity_gap``, the absolute value in nats, and during
    training ``capacity``.

    Args:
        network: Encoder and decoder; the encoder must be variational.
        c_max: Capacity from ``threshold`` on, in nats.
        threshold: Number of steps over which the capacity grows from 0 to ``c_max``.
        gamma: Weight of the gap between KL term and capacity.
        kwargs: Passed to :class:`VAE`.

    Raises:
        ValueError: If ``c_max`` or ``gamma`` is negative or not finite, or ``threshold`` below 1.

    References:
        Burgess et al., Understanding disentangling in beta-VAE, 2018, arXiv:1804.03599.
    """

    def __init__(
        self,
        network: AutoencoderNetwork,
        c_max: float = 25.0,
        threshold: int = 100_000,
        gamma: float | Schedule = 1000.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, **kwargs)
        check_weight("c_max", c_max)
        check_at_least("threshold", threshold, 1)
        self.capacity = LinearSchedule(0.0, c_max, threshold)
        self.gamma = check_weight("gamma", gamma)

    @override
    def penalty(self, posterior: Posterior, kl: Tensor, generator: torch.Generator) -> Penalty:
        """Return ``gamma`` times the gap between KL term and capacity."""
        gap = (kl - self.current_value(self.capacity)).abs()
        return Penalty(self.current_value(self.gamma) * gap, {"capacity_gap": gap})
