"""Likelihoods of observations: what the decoder's output means, and its negative logarithm in nats."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Likelihood(nn.Module):
    """How the decoder's raw output describes an observation."""

    def mean(self, raw: Tensor) -> Tensor:
        """Return the mean observation, in data range, for the decoder's output ``raw``, same shape."""
        raise NotImplementedError

    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return ``(B,)`` nats, summed over pixels and channels, for ``raw`` and ``observations`` of equal shape."""
        raise NotImplementedError


class Bernoulli(Likelihood):
    """Binary cross-entropy of observations in ``[0, 1]``; the decoder gives logits.

    On grey values it is the field's customary loss, not a likelihood: its least value is the entropy of the
    data, not 0.

    Args:
        subtract_entropy: Subtract that entropy, which does not depend on the model, so that a perfect
            reconstruction costs 0.
    """

    def __init__(self, subtract_entropy: bool = False) -> None:
        super().__init__()
        self.subtract_entropy = subtract_entropy

    def mean(self, raw: Tensor) -> Tensor:
        """Return the sigmoid of the logits."""
        return raw.float().sigmoid()

    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return the cross-entropy ``(B,)`` in nats, computed in float32 whatever the precision of ``raw``."""
        cross_entropy = F.binary_cross_entropy_with_logits(raw.float(), observations, reduction="none")
        total = cross_entropy.flatten(1).sum(dim=1)
        if self.subtract_entropy:
            total = total + (
                torch.special.xlogy(observations, observations)
                + torch.special.xlogy(1 - observations, 1 - observations)
            ).flatten(1).sum(dim=1)
        return total


class Gaussian(Likelihood):
    r"""Gaussian around the decoder's output, with one standard deviation for all pixels.

    The loss is :math:`\lVert x - \hat x \rVert^2 / 2 \sigma^2`; with ``learn_std`` also the normaliser
    :math:`n \log \sigma`, ``n`` the pixels times channels, without which :math:`\sigma` would grow without bound.
    The constant :math:`\tfrac n2 \log 2 \pi` is left out.

    Args:
        std: Standard deviation in units of the data, or its initial value.
        learn_std: Train it together with the network.

    Raises:
        ValueError: If ``std`` is not positive.
    """

    def __init__(self, std: float = 1.0, learn_std: bool = False) -> None:
        super().__init__()
        if not std > 0:
            raise ValueError(f"std must be positive, got {std}")
        log_std = torch.tensor(math.log(std))
        self.log_std = nn.Parameter(log_std, requires_grad=learn_std)
        self.learn_std = learn_std

    def mean(self, raw: Tensor) -> Tensor:
        """Return ``raw`` as it is, in float32."""
        return raw.float()

    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return the loss ``(B,)`` in nats, up to the constant named above."""
        errors = (raw.float() - observations).square().flatten(1)  # (B, n)
        total = 0.5 * errors.sum(dim=1) * (-2 * self.log_std).exp()
        return total + errors.shape[1] * self.log_std if self.learn_std else total
