r"""Total correlation from a discriminator between codes and codes whose latents were permuted.

The discriminator gives two logits a code, ``(N, 2)``: :math:`D_0` for a code as it is, a draw of the joint distribution
of the latents, and :math:`D_1` for a permuted one, a draw of the product of their marginals. The best discriminator of
two equally frequent kinds has

.. math:: D_0(z) - D_1(z) = \log \frac{q(z)}{\prod_j q(z_j)}

whose mean over codes as they are is the total correlation.

References:
    Kim and Mnih, Disentangling by Factorising, ICML 2018, arXiv:1802.05983.
"""

import torch
from torch import Tensor


def permute_latents(codes: Tensor, generator: torch.Generator) -> Tensor:
    """Shuffle each latent over the codes by a permutation of its own, ``(N, D)``.

    The permutations are uniform among all, so some codes may keep some of their latents.

    Args:
        codes: Latent codes, shape ``(N, D)``.
        generator: Source of the permutations, on the device of ``codes``.
    """
    keys = torch.rand(codes.shape, generator=generator, device=codes.device)
    return codes.gather(0, keys.argsort(dim=0))


def density_ratio_total_correlation(logits: Tensor) -> Tensor:
    """Return the mean of ``D_0 - D_1``, a scalar in nats; an estimate, which may lie below 0.

    Args:
        logits: Of codes as they are, shape ``(N, 2)``.
    """
    logits = logits.float()
    return (logits[:, 0] - logits[:, 1]).mean()


def discriminator_loss(logits: Tensor, permuted_logits: Tensor) -> Tensor:
    """Return the cross-entropy of the discriminator, a scalar in nats; log 2 for one that cannot tell.

    Either kind of codes weighs one half, however many there are.

    Args:
        logits: Of codes as they are, shape ``(N, 2)``.
        permuted_logits: Of permuted codes, shape ``(M, 2)``.
    """
    joint, product = logits.float().log_softmax(dim=1), permuted_logits.float().log_softmax(dim=1)
    return -(joint[:, 0].mean() + product[:, 1].mean()) / 2


def discriminator_accuracy(logits: Tensor, permuted_logits: Tensor) -> Tensor:
    """Return how often the discriminator is right, a scalar in ``[0, 1]``; about 1/2 for one that cannot tell.

    Either kind of codes weighs one half, however many there are.

    Args:
        logits: Of codes as they are, shape ``(N, 2)``.
        permuted_logits: Of permuted codes, shape ``(M, 2)``.
    """
    joint, product = logits[:, 0] > logits[:, 1], permuted_logits[:, 1] > permuted_logits[:, 0]
    return (joint.float().mean() + product.float().mean()) / 2
