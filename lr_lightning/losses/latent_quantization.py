"""Codes that take one of a few learned values in each latent."""

from torch import Tensor


def nearest_values(codes: Tensor, codebook: Tensor) -> Tensor:
    """Replace each latent by the nearest of its values; gradients reach the values that were chosen, not the codes.

    Args:
        codes: Shape ``(B, D)``.
        codebook: Values of each latent, shape ``(D, V)``.

    Returns:
        Shape ``(B, D)``, exactly the values of the codebook; of two that are equally near, the first.
    """
    chosen = (codes.detach()[:, :, None] - codebook.detach()).abs().argmin(dim=2, keepdim=True)  # (B, D, 1)
    return codebook.expand(len(codes), -1, -1).gather(2, chosen).squeeze(2)


def straight_through(codes: Tensor, values: Tensor) -> Tensor:
    """Return ``values``, to the bit, with the gradient of ``codes`` as if they had not been replaced.

    Args:
        codes: Codes before they were quantized, shape ``(B, D)``.
        values: What they were replaced by, shape ``(B, D)``; no gradient reaches it.

    References:
        Bengio et al., Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation,
        2013, arXiv:1308.3432.
    """
    return values.detach() + (codes - codes.detach())  # the bracket is 0; the usual order of the terms rounds


def squared_gap(codes: Tensor, values: Tensor) -> Tensor:
    """Return the squared distance of codes from what they were replaced by, averaged over the batch, a scalar.

    Args:
        codes: Shape ``(B, D)``.
        values: Shape ``(B, D)``.
    """
    return (codes - values).square().sum(dim=1).mean()
