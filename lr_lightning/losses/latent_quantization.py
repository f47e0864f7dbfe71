"""Quantization of codes to a few learned values per latent."""

from torch import Tensor


def nearest_values(codes: Tensor, codebook: Tensor) -> Tensor:
    """Replace each latent with the nearest of its values; gradients flow to the chosen values, not to the codes.

    Args:
        codes: Shape ``(B, D)``.
        codebook: Values of each latent, shape ``(D, V)``.

    Returns:
        Shape ``(B, D)``, exact codebook values. In a tie, the first one is chosen.
    """
    chosen = (codes.detach()[:, :, None] - codebook.detach()).abs().argmin(dim=2, keepdim=True)  # (B, D, 1)
    # shape[0] instead of len, which would fix the batch size of an exported model
    return codebook.expand(codes.shape[0], -1, -1).gather(2, chosen).squeeze(2)


def straight_through(codes: Tensor, values: Tensor) -> Tensor:
    """Return ``values``, bit for bit, but pass gradients to ``codes`` as if they had not been replaced.

    Args:
        codes: Codes before quantization, shape ``(B, D)``.
        values: Codes after quantization, shape ``(B, D)``; no gradient flows to them.

    References:
        Bengio et al., Estimating or Propagating Gradients Through Stochastic Neurons for Conditional Computation,
        2013, arXiv:1308.3432.
    """
    # The bracket is exactly 0, so this is exact, unlike the usual codes + (values - codes).detach(), which rounds.
    return values.detach() + (codes - codes.detach())


def squared_gap(codes: Tensor, values: Tensor) -> Tensor:
    """Return the squared distance between codes and their quantized values, averaged over the batch, a scalar.

    Args:
        codes: Codes before quantization, shape ``(B, D)``.
        values: Codes after quantization, shape ``(B, D)``.
    """
    return (codes - values).square().sum(dim=1).mean()
