"""Distributions centered at the decoder's output, with a single scale for all values."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from typing_extensions import override

from lr_lightning.common.checks import check_positive
from lr_lightning.losses.likelihoods.base import Likelihood
from lr_lightning.losses.likelihoods.eight_bit import MAX_LEVEL, levels

_MIN_RUNNING_WEIGHT = 0.1
"""Weight of the last batch in the running variance; before the tenth batch, the variance is a plain average."""


class LocationScale(Likelihood, ABC):
    """Distribution centered at the decoder's output, with a single scale for all values.

    Attributes:
        log_scale: Logarithm of the scale, a scalar; a parameter, or a buffer if it is estimated from the data.
        normalized: Whether the loss includes the logarithm of the scale, which matters only if the scale changes.
    """

    log_scale: Tensor

    def __init__(self, name: str, scale: float, normalized: bool) -> None:
        super().__init__()
        check_positive(name, scale)
        self.normalized = normalized

    @override
    def mean(self, raw: Tensor) -> Tensor:
        """Return ``raw`` in float32."""
        return raw.float()

    @override
    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return the loss ``(B,)`` in nats, up to the constant given in the class's docstring."""
        return self._loss(raw.float() - observations, self.log_scale)

    @override
    def negative_log_probability(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return the negative logarithm ``(B,)`` of the probability of the bins around 8-bit values, in nats.

        Bins are 1/255 wide; the bins of 0 and 1 also contain everything below and above.
        """
        scale = self.log_scale.double().exp()  # float64, because bins of a tiny scale are decided at their edges
        level = levels(observations)
        half = 0.5 / MAX_LEVEL / scale
        center = (level.double() / MAX_LEVEL - raw.double()) / scale
        log_masses = self.log_interval(center.abs(), half)
        first, last = level == 0, level == MAX_LEVEL
        log_masses[first] = self.log_cdf(center[first] + half).to(log_masses.dtype)
        log_masses[last] = self.log_cdf(half - center[last]).to(log_masses.dtype)
        return -log_masses.flatten(1).sum(dim=1)

    def _loss(self, errors: Tensor, log_scale: Tensor) -> Tensor:
        errors = errors.flatten(1) * (-log_scale).exp()  # (B, n), in units of the scale
        total = self.cost(errors).sum(dim=1)
        return total + errors.shape[1] * log_scale if self.normalized else total

    @abstractmethod
    def cost(self, errors: Tensor) -> Tensor:
        """Return the cost of each of ``errors``, which are in units of the scale."""

    @abstractmethod
    def log_interval(self, center: Tensor, half: Tensor) -> Tensor:
        """Return the logarithm of the probability of intervals, in units of the scale and relative to the mean.

        Args:
            center: Centers of the intervals, not negative, float64.
            half: Half their width, a scalar.

        Returns:
            A new tensor, of the shape of ``center``.
        """

    @abstractmethod
    def log_cdf(self, edge: Tensor) -> Tensor:
        """Return the logarithm of the probability below ``edge``, in units of the scale and relative to the mean."""


class Gaussian(LocationScale):
    r"""Gaussian centered at the decoder's output, with a single standard deviation for all pixels.

    The loss is :math:`\lVert x - \hat x \rVert^2 / 2 \sigma^2`. With ``learn_std`` or ``optimal_std``, it includes the
    normalizer :math:`n \log \sigma` for ``n`` pixels times channels, without which :math:`\sigma` would grow without
    bound. The constant :math:`\tfrac n2 \log 2 \pi` is omitted.

    With ``optimal_std``, each training batch uses the variance that minimizes its loss, which is its mean squared error
    over observations, pixels and channels; as a minimum, it needs no gradient. The loss of a batch is then
    :math:`n \log \sigma + \tfrac n2` per observation. Validation, testing and checkpoints use the variance of training:
    a running average over about ten batches, as in batch normalization. So they never use the variance of the data
    being evaluated, as the authors' code does, and the loss of an observation does not depend on the rest of its batch.
    With several processes, each uses the variance of its own part of the batch.

    A learned or optimal variance is calibrated for a KL term of weight 1. A fixed one is equivalent to another weight:
    :math:`\sigma^2` times the loss of a beta-VAE is its loss for :math:`\sigma = 1` and :math:`\beta \sigma^2`.

    Args:
        std: Standard deviation in data units, or its initial value if it is learned. With ``optimal_std`` it matters
            only for an evaluation before the first training step.
        learn_std: Whether to train it together with the network.
        optimal_std: Whether to set it to the optimum for each training batch.
        min_std: Smallest ``optimal_std`` in data units. The default is about :math:`e^{-6}`, the authors' limit, and
            below the distance of 8-bit values, 1/255. Unlike theirs, the limit is hard: above it, the optimum is exact.

    Raises:
        ValueError: If ``std`` or ``min_std`` is not positive, or ``learn_std`` and ``optimal_std`` are both set.

    References:
        The optimal variance: Rybkin et al., Simple and Effective VAE Training with Calibrated Decoders, ICML 2021,
        arXiv:2006.13202.
    """

    num_batches: Tensor

    def __init__(
        self, std: float = 1.0, learn_std: bool = False, optimal_std: bool = False, min_std: float = 0.0025
    ) -> None:
        super().__init__("std", std, normalized=learn_std or optimal_std)
        check_positive("min_std", min_std)
        if learn_std and optimal_std:
            raise ValueError("learn_std=True and optimal_std=True exclude each other; set one of them")
        self.optimal_std = optimal_std
        self.min_std = min_std
        log_scale = torch.tensor(math.log(std))
        if optimal_std:
            self.register_buffer("log_scale", log_scale)
            self.register_buffer("num_batches", torch.zeros((), dtype=torch.int64))
        else:
            self.log_scale = nn.Parameter(log_scale, requires_grad=learn_std)

    @override
    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return the loss ``(B,)`` in nats; in training mode, update the running variance if it is optimal."""
        if not (self.optimal_std and self.training):
            return super().negative_log_likelihood(raw, observations)
        errors = raw.float() - observations.float()
        variance = errors.detach().square().mean().clamp(min=self.min_std**2)
        self._average(variance)
        return self._loss(errors, 0.5 * variance.log())

    @torch.no_grad()
    def _average(self, variance: Tensor) -> None:
        """Include the variance of a training batch in the running one; in place, so that CUDA graphs repeat it."""
        self.num_batches += 1
        running = (2 * self.log_scale).exp()
        running = running.lerp(variance, (1 / self.num_batches).clamp(min=_MIN_RUNNING_WEIGHT))
        self.log_scale.copy_(0.5 * running.log())

    @override
    def cost(self, errors: Tensor) -> Tensor:
        """Return half the squared errors."""
        return 0.5 * errors.square()

    @override
    def log_interval(self, center: Tensor, half: Tensor) -> Tensor:
        """Return the logarithm of the difference of the normal distribution function."""
        if half > 0.05:
            log_high, log_low = torch.special.log_ndtr(half - center), torch.special.log_ndtr(-half - center)
            exact: Tensor = log_high + (-(log_low - log_high).expm1()).log()
            return exact
        # Width times density in the center, times the mean of exp(-center t - t^2 / 2) over the interval: sinh(u) / u
        # - half^2 / 6 with u = half * center, up to order half^4. Faster, and does not lose digits for large scales.
        square = (half * center).float().square()
        mean = (square * (1 + square * (1 + square / 42) / 20) / 6 - half.square() / 6).log1p()
        return mean - 0.5 * center.float().square() + (2 * half).log() - 0.5 * math.log(2 * math.pi)

    @override
    def log_cdf(self, edge: Tensor) -> Tensor:
        """Return the logarithm of the normal distribution function."""
        log_probability: Tensor = torch.special.log_ndtr(edge)
        return log_probability


class Laplace(LocationScale):
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
        super().__init__("scale", scale, normalized=learn_scale)
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)), requires_grad=learn_scale)

    @override
    def cost(self, errors: Tensor) -> Tensor:
        """Return the absolute errors."""
        return errors.abs()

    @override
    def log_interval(self, center: Tensor, half: Tensor) -> Tensor:
        """Return the logarithm of the difference of the distribution function."""
        outside = half - center + (-(-2 * half).expm1()).log()  # e^(half - center) - e^(-half - center)
        around = (-((center - half).expm1() + (-half - center).expm1())).log()  # of an interval that contains the mean
        return torch.where(center < half, around, outside) - math.log(2)

    @override
    def log_cdf(self, edge: Tensor) -> Tensor:
        """Return the logarithm of the distribution function."""
        return torch.where(edge < 0, edge - math.log(2), (-0.5 * (-edge).exp()).log1p())
