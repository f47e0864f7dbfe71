"""Bernoulli likelihood, and the cross-entropy of gray values."""

import torch
from torch import Tensor
from torch.nn import functional as F
from typing_extensions import override

from lr_lightning.losses.likelihoods.base import Likelihood, check_unit_interval


class Bernoulli(Likelihood):
    """Binary cross-entropy of observations in ``[0, 1]``; the decoder outputs logits.

    For gray values this is a common loss but not a likelihood: its minimum is the entropy of the data, not 0, and there
    are no bits per dimension.

    Args:
        subtract_entropy: Subtract this entropy, which does not depend on the model, so that a perfect reconstruction
            has loss 0.
    """

    def __init__(self, subtract_entropy: bool = False) -> None:
        super().__init__()
        self.subtract_entropy = subtract_entropy

    @override
    def check(self, observations: Tensor) -> None:
        """Raise ``ValueError`` if an observation is outside ``[0, 1]``, where the loss has no lower bound."""
        check_unit_interval(self, observations)

    @override
    def mean(self, raw: Tensor) -> Tensor:
        """Return the sigmoid of the logits."""
        return raw.float().sigmoid()

    @override
    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return the cross-entropy ``(B,)`` in nats, computed in float32 regardless of the inputs' precision."""
        observations = observations.float()  # in bfloat16 (bf16-true), sums would be off by about 30 nats
        cross_entropy = F.binary_cross_entropy_with_logits(raw.float(), observations, reduction="none")
        total = cross_entropy.flatten(1).sum(dim=1)
        if self.subtract_entropy:
            total = total + (
                torch.special.xlogy(observations, observations)
                + torch.special.xlogy(1 - observations, 1 - observations)
            ).flatten(1).sum(dim=1)
        return total
