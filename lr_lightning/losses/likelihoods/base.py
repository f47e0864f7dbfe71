"""The interface of likelihoods."""

from torch import Tensor, nn


class Likelihood(nn.Module):
    """Distribution of observations given codes, independent for each value; the decoder's output parameterizes it.

    A value is one channel of one pixel, or one coordinate of a point. Shapes are those of a batch of observations
    ``(B, C, ...)``; the decoder's output, ``raw``, has shape ``(B, parameters_per_value * C, ...)``.

    Attributes:
        parameters_per_value: Number of parameters for each value.
        discretized: Whether the loss is the negative log-probability of 8-bit images, without constants left out.
    """

    parameters_per_value: int = 1
    discretized: bool = False

    def check(self, observations: Tensor) -> None:
        """Raise ``ValueError`` if ``observations`` have values that the likelihood does not cover; here, all are.

        It is called on the first batch of each epoch and may synchronize with the device.
        """

    def mean(self, raw: Tensor) -> Tensor:
        """Return the mean observation ``(B, C, ...)``, in data range, for the decoder's output ``raw``."""
        raise NotImplementedError

    def negative_log_likelihood(self, raw: Tensor, observations: Tensor) -> Tensor:
        """Return the loss ``(B,)`` in nats, summed over all values, up to a constant that does not change training."""
        raise NotImplementedError

    def negative_log_probability(self, raw: Tensor, observations: Tensor) -> Tensor | None:
        """Return the negative log-probability ``(B,)`` of 8-bit images in nats, with all constants, for evaluation.

        The probabilities of the 256 values of a pixel sum to 1. Unless the likelihood is ``discretized``, it overrides
        this method, or the result is ``None``: it does not define such probabilities.

        Args:
            raw: Output of the decoder.
            observations: Images with values ``0, 1/255, ..., 1``.
        """
        return self.negative_log_likelihood(raw, observations) if self.discretized else None


def check_unit_interval(likelihood: Likelihood, observations: Tensor) -> None:
    """Raise ``ValueError``, naming the ``likelihood``, if any of ``observations`` is below 0 or above 1."""
    low, high = (bound.item() for bound in observations.detach().aminmax())
    if low < 0 or high > 1:
        raise ValueError(
            f"{type(likelihood).__name__} is a likelihood of values between 0 and 1, but the observations range from "
            f"{low:.4g} to {high:.4g}; set likelihood: Gaussian for data without such bounds"
        )
