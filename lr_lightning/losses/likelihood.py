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

    On gray values it is the field's customary loss, not a likelihood: its least value is the entropy of the
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
        """Return the cross-entropy ``(B,)`` in nats, computed in float32 whatever the precision of either."""
        observations = observations.float()  # in bfloat16, as under bf16-true, sums would be off by some 30 nats
        cross_entropy = F.binary_cross_entropy_with_logits(raw.float(), observations, reduction="none")
        total = cross_entropy.flatten(1).sum(dim=1)
        if self.subtract_entropy:
            total = total + (
                torch.special.xlogy(observations, observations)
                + torch.special.xlogy(1 - observations, 1 - observations)
            ).flatten(1).sum(dim=1)
        return total


class _LocationScale(Likelihood):
    """Distribution around the decoder's output, with one scale for all pixels, fixed or learned."""

    def __init__(self, name: str, scale: float, learned: bool) -> None:
        super().__init__()
        if not scale > 0:
            raise ValueError(f"{name} must be positive, got {scale}")
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)), requires_grad=learned)
        self.learned = learned

    def mean(self, raw: Tensor) -> Tensor:
        """Return ``raw`` as it is, in float32."""
        return raw.float()

    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return the loss ``(B,)`` in nats, up to the constant that the class names."""
        errors = (raw.float() - observations).flatten(1) * (-self.log_scale).exp()  # (B, n), in units of the scale
        total = self.cost(errors).sum(dim=1)
        return total + errors.shape[1] * self.log_scale if self.learned else total

    def cost(self, errors: Tensor) -> Tensor:
        """Return what each of ``errors``, in units of the scale, costs."""
        raise NotImplementedError


class Gaussian(_LocationScale):
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
        super().__init__("std", std, learn_std)

    def cost(self, errors: Tensor) -> Tensor:
        """Return half the squares."""
        return 0.5 * errors.square()


class Laplace(_LocationScale):
    r"""Laplace distribution around the decoder's output, with one scale for all pixels.

    The loss is :math:`\lVert x - \hat x \rVert_1 / b`; with ``learn_scale`` also the normaliser :math:`n \log b`, ``n``
    the pixels times channels, without which :math:`b` would grow without bound. The constant :math:`n \log 2` is left
    out.

    Args:
        scale: Mean absolute error :math:`b` in units of the data, or its initial value.
        learn_scale: Train it together with the network.

    Raises:
        ValueError: If ``scale`` is not positive.
    """

    def __init__(self, scale: float = 1.0, learn_scale: bool = False) -> None:
        super().__init__("scale", scale, learn_scale)

    def cost(self, errors: Tensor) -> Tensor:
        """Return the magnitudes."""
        return errors.abs()
