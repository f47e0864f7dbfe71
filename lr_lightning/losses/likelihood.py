"""Likelihoods of observations: how to interpret the decoder's output, and its negative log-likelihood in nats."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lr_lightning.common.checks import check_positive


class Likelihood(nn.Module):
    """Distribution of observations, with parameters from the decoder's raw output."""

    def mean(self, raw: Tensor) -> Tensor:
        """Return the mean observation, in data range, for the decoder's output ``raw`` of the same shape."""
        raise NotImplementedError

    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return the loss ``(B,)`` in nats, summed over pixels and channels; both arguments have the same shape."""
        raise NotImplementedError


class Bernoulli(Likelihood):
    """Binary cross-entropy of observations in ``[0, 1]``; the decoder outputs logits.

    For gray values this is a common loss but not a likelihood: its minimum is the entropy of the data, not 0.

    Args:
        subtract_entropy: Subtract this entropy, which does not depend on the model, so that a perfect reconstruction
            has loss 0.
    """

    def __init__(self, subtract_entropy: bool = False) -> None:
        super().__init__()
        self.subtract_entropy = subtract_entropy

    def mean(self, raw: Tensor) -> Tensor:
        """Return the sigmoid of the logits."""
        return raw.float().sigmoid()

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


class _LocationScale(Likelihood):
    """Distribution centered at the decoder's output, with a single scale for all pixels, fixed or learned."""

    def __init__(self, name: str, scale: float, learned: bool) -> None:
        super().__init__()
        check_positive(name, scale)
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)), requires_grad=learned)
        self.learned = learned

    def mean(self, raw: Tensor) -> Tensor:
        """Return ``raw`` in float32."""
        return raw.float()

    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return the loss ``(B,)`` in nats, up to the constant given in the class's docstring."""
        errors = (raw.float() - observations).flatten(1) * (-self.log_scale).exp()  # (B, n), in units of the scale
        total = self.cost(errors).sum(dim=1)
        return total + errors.shape[1] * self.log_scale if self.learned else total

    def cost(self, errors: Tensor) -> Tensor:
        """Return the cost of each of ``errors``, which are in units of the scale."""
        raise NotImplementedError


class Gaussian(_LocationScale):
    r"""Gaussian centered at the decoder's output, with a single standard deviation for all pixels.

    The loss is :math:`\lVert x - \hat x \rVert^2 / 2 \sigma^2`. With ``learn_std``, it includes the normalizer
    :math:`n \log \sigma` for ``n`` pixels times channels, without which :math:`\sigma` would grow without bound. The
    constant :math:`\tfrac n2 \log 2 \pi` is omitted.

    Args:
        std: Standard deviation in data units, or its initial value if it is learned.
        learn_std: Whether to train it together with the network.

    Raises:
        ValueError: If ``std`` is not positive.
    """

    def __init__(self, std: float = 1.0, learn_std: bool = False) -> None:
        super().__init__("std", std, learn_std)

    def cost(self, errors: Tensor) -> Tensor:
        """Return half the squared errors."""
        return 0.5 * errors.square()


class Laplace(_LocationScale):
    r"""Laplace distribution centered at the decoder's output, with a single scale for all pixels.

    The loss is :math:`\lVert x - \hat x \rVert_1 / b`. With ``learn_scale``, it includes the normalizer
    :math:`n \log b` for ``n`` pixels times channels, without which :math:`b` would grow without bound. The constant
    :math:`n \log 2` is omitted.

    Args:
        scale: Mean absolute error :math:`b` in data units, or its initial value if it is learned.
        learn_scale: Whether to train it together with the network.

    Raises:
        ValueError: If ``scale`` is not positive.
    """

    def __init__(self, scale: float = 1.0, learn_scale: bool = False) -> None:
        super().__init__("scale", scale, learn_scale)

    def cost(self, errors: Tensor) -> Tensor:
        """Return the absolute errors."""
        return errors.abs()
