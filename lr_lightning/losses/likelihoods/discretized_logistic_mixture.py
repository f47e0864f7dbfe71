"""Mixture of discretized logistic distributions."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F
from typing_extensions import override

from lr_lightning.common.checks import check_at_least
from lr_lightning.losses.likelihoods.base import Likelihood, check_unit_interval
from lr_lightning.losses.likelihoods.eight_bit import MAX_LEVEL, levels

_MAX_LOG_SCALE = 7.0
"""Log-scales are clamped to this range: from an eighth of an 8-bit level to a distribution that is flat over them."""


class DiscretizedLogisticMixture(Likelihood):
    r"""Mixture of logistic distributions, integrated over bins around the 256 values of 8-bit images in ``[0, 1]``.

    .. math:: P(x) = \sum_k \pi_k \left[\sigma\!\left(\frac{x + h - \mu_k}{s_k}\right)
        - \sigma\!\left(\frac{x - h - \mu_k}{s_k}\right)\right]

    Bins extend half a level, :math:`h`, to each side; those of 0 and 1 also contain everything below and above. The
    probabilities of the 256 values sum to 1, and the loss is their negative logarithm, without constants left out.
    Observations between two levels count as the nearest. Bins are differences of close sigmoids, which are factorized
    so that no precision is lost for any scale, whereas PixelCNN++ switches to an approximation.

    The decoder outputs, for each value, logits of the :math:`\pi_k`, the means and the logarithms of the scales
    :math:`s_k`, in this order along the channels: ``(B, 3 * num_components * C, H, W)``. As in PixelCNN++, means and
    scales are those of images scaled to ``[-1, 1]``, and log-scales are at least -7. Unlike there, outputs of 0 stand
    for components in the middle of ``K`` equal parts of this range, with scales of half their width: training starts
    from an almost uniform distribution with components that differ, instead of ``K`` wide ones on middle gray.

    **Unlike in PixelCNN++, the channels of a pixel are independent given the codes**, each with its own mixture. There,
    green is predicted from the observed red, and blue from both. An autoencoder would then not need its codes to know
    the color, and the mean of a decoded image would not be determined by the codes alone. Bits per dimension are
    therefore higher than those of models with coupled channels.

    Args:
        num_components: Number of components ``K``; 10 in the paper.

    Raises:
        ValueError: If ``num_components`` is below 1.

    References:
        Salimans et al., PixelCNN++, ICLR 2017, arXiv:1701.05517.
    """

    discretized = True

    def __init__(self, num_components: int = 10) -> None:
        super().__init__()
        check_at_least("num_components", num_components, 1)
        self.num_components = num_components
        self.parameters_per_value = 3 * num_components

    @override
    def check(self, observations: Tensor) -> None:
        """Raise ``ValueError`` if an observation is outside ``[0, 1]``."""
        check_unit_interval(self, observations)

    @override
    def mean(self, raw: Tensor) -> Tensor:
        r"""Return the mean of the mixture after clipping to ``[0, 1]``, as open bins do: it never leaves data range.

        It is exact for the continuous mixture, :math:`\int_0^1 P(X > t)\, dt` in closed form, and differs from the
        expectation over the 256 values by less than half a level.
        """
        log_weights, means, log_scales = self._components(raw)
        scales, inverse_scales = log_scales.exp(), (-log_scales).exp()
        above = F.softplus((means + 1) * inverse_scales) - F.softplus((means - 1) * inverse_scales)
        return (log_weights.exp() * scales * above).sum(dim=1) / 2

    @override
    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return the negative log-probability ``(B,)`` in nats, computed in float32."""
        log_weights, means, log_scales = self._components(raw)
        level = levels(observations).unsqueeze(1)  # (B, 1, C, ...)
        inverse_scales = (-log_scales).exp()
        center = (level * (2 / MAX_LEVEL) - 1 - means) * inverse_scales
        half = inverse_scales / MAX_LEVEL
        # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b - a)), and an open bin lacks two of the factors
        below_upper, above_lower = F.logsigmoid(center + half), F.logsigmoid(half - center)
        inside = (-(-2 * half).expm1()).log()
        first, last = level == 0, level == MAX_LEVEL
        log_bins = torch.where(first, below_upper, torch.where(last, above_lower, below_upper + above_lower + inside))
        return -(log_weights + log_bins).logsumexp(dim=1).flatten(1).sum(dim=1)

    def _components(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log-weights, means and log-scales of all components, each ``(B, K, C, ...)``, float32."""
        # Contiguous, because the operations below take twice as long on parts of channels-last output on a CPU;
        # shape[0] instead of len, which would fix the batch size of an exported model
        parts = raw.float().contiguous().view(raw.shape[0], 3, self.num_components, -1, *raw.shape[2:])
        logits, means, log_scales = parts.unbind(dim=1)
        middles = (2 * torch.arange(self.num_components, device=raw.device) + 1) / self.num_components - 1
        means = means + middles.view(-1, *[1] * (means.ndim - 2))
        log_scales = (log_scales - math.log(self.num_components)).clamp(-_MAX_LOG_SCALE, _MAX_LOG_SCALE)
        return logits.log_softmax(dim=1), means, log_scales
