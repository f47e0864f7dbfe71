r"""Total correlation, estimated by a discriminator between codes and codes whose latents were permuted.

The discriminator returns two logits per code, ``(N, 2)``: :math:`D_0` for an original code, a sample from the joint
distribution of the latents, and :math:`D_1` for a permuted code, a sample from the product of their marginals. If both
are equally frequent, the optimal discriminator satisfies

.. math:: D_0(z) - D_1(z) = \log \frac{q(z)}{\prod_j q(z_j)}

and the mean of this difference over original codes is the total correlation.

References:
    Kim and Mnih, Disentangling by Factorising, ICML 2018, arXiv:1802.05983.
"""

import torch
from torch import Tensor


def permute_latents(codes: Tensor, generator: torch.Generator) -> Tensor:
    """Shuffle each latent over the codes with its own permutation, ``(N, D)``.

    Permutations are drawn uniformly, so some codes may keep some of their latents.

    Args:
        codes: Latent codes, shape ``(N, D)``.
        generator: Random generator for the permutations, on the device of ``codes``.
    """
    keys = torch.rand(codes.shape, generator=generator, device=codes.device)
    return codes.gather(0, keys.argsort(dim=0))


def density_ratio_total_correlation(logits: Tensor) -> Tensor:
    """Return the mean of ``D_0 - D_1``, a scalar in nats; as an estimate, it can be negative.

    Args:
        logits: Logits of original codes, shape ``(N, 2)``.
    """
    logits = logits.float()
    return (logits[:, 0] - logits[:, 1]).mean()


def discriminator_loss(logits: Tensor, permuted_logits: Tensor) -> Tensor:
    """Return the cross-entropy of the discriminator, a scalar in nats; log 2 for an uninformative one.

    Original and permuted codes each have total weight 1/2, regardless of their numbers.

    Args:
        logits: Logits of original codes, shape ``(N, 2)``.
        permuted_logits: Logits of permuted codes, shape ``(M, 2)``.
    """
    joint, product = logits.float().log_softmax(dim=1), permuted_logits.float().log_softmax(dim=1)
    return -(joint[:, 0].mean() + product[:, 1].mean()) / 2


def discriminator_accuracy(logits: Tensor, permuted_logits: Tensor) -> Tensor:
    """Return the accuracy of the discriminator, a scalar in ``[0, 1]``; about 1/2 for an uninformative one.

    Original and permuted codes each have total weight 1/2, regardless of their numbers.

    Args:
        logits: Logits of original codes, shape ``(N, 2)``.
        permuted_logits: Logits of permuted codes, shape ``(M, 2)``.
    """
    joint, product = logits[:, 0] > logits[:, 1], permuted_logits[:, 1] > permuted_logits[:, 0]
    return (joint.float().mean() + product.float().mean()) / 2
