"""Scores of any matrix of how informative each latent is about each factor.

The matrix ``(D, K)`` may hold importances, mutual information, accuracies or responses, as long as it is not negative.
A conditioned response matrix is ``(K, D)``: transpose it first. Undefined scores are NaN, with one warning.
"""

import warnings

import torch
from torch import Tensor

from lr_lightning.common.checks import check_at_least
from lr_lightning.metrics.core.checks import check_entropies, check_matrix


def dci_disentanglement(matrix: Tensor, smoothing: float = 1e-11) -> Tensor:
    r"""Score how far each latent is informative about one factor only.

    .. math:: D = \sum_j \frac{\sum_k R_{jk}}{\sum_{jk} R_{jk}}
        \left(1 + \sum_k P_{jk} \log_K P_{jk}\right), \qquad P_{jk} = \frac{R_{jk}}{\sum_k R_{jk}}

    Args:
        matrix: Importances, shape ``(D, K)``, not negative.
        smoothing: Added to each share :math:`P_{jk}` within the entropy; disentanglement_lib adds it to importances,
            which is the same to nine digits unless they are tiny.

    Returns:
        Scalar float64 in ``[0, 1]``; higher is better. It is blind to duplicated latents and to factors that no latent
        carries. NaN with a warning if ``K = 1`` or all entries are 0.

    Raises:
        ValueError: If ``matrix`` is not two-dimensional or has a negative entry.

    References:
        Eastwood and Williams, A Framework for the Quantitative Evaluation of Disentangled Representations, ICLR 2018.

    Example:
        >>> round(dci_disentanglement(torch.eye(3)).item(), 6)
        1.0
    """
    matrix = check_matrix(matrix)
    return _weighted(disentanglement_per_latent(matrix, smoothing), matrix.sum(dim=1), "disentanglement")


def dci_completeness(matrix: Tensor, smoothing: float = 1e-11) -> Tensor:
    r"""Score how far one latent alone is informative about each factor.

    .. math:: C = \sum_k \frac{\sum_j R_{jk}}{\sum_{jk} R_{jk}}
        \left(1 + \sum_j \tilde P_{jk} \log_D \tilde P_{jk}\right), \qquad \tilde P_{jk} = \frac{R_{jk}}{\sum_j R_{jk}}

    Args:
        matrix: Importances, shape ``(D, K)``, not negative.
        smoothing: Added to each share :math:`\tilde P_{jk}` within the entropy; disentanglement_lib adds it to
            importances, which is the same to nine digits unless they are tiny.

    Returns:
        Scalar float64 in ``[0, 1]``; higher is better. NaN with a warning if ``D = 1`` or all entries are 0.

    Raises:
        ValueError: If ``matrix`` is not two-dimensional or has a negative entry.
    """
    matrix = check_matrix(matrix)
    return _weighted(completeness_per_factor(matrix, smoothing), matrix.sum(dim=0), "completeness")


def disentanglement_per_latent(matrix: Tensor, smoothing: float = 1e-11) -> Tensor:
    """Return the disentanglement ``(D,)`` of each latent; about 0 for one without importance, NaN if ``K = 1``."""
    return 1 - _normalized_entropy(check_matrix(matrix), smoothing)


def completeness_per_factor(matrix: Tensor, smoothing: float = 1e-11) -> Tensor:
    """Return the completeness ``(K,)`` of each factor; about 0 for one without importance, NaN if ``D = 1``."""
    return 1 - _normalized_entropy(check_matrix(matrix).T, smoothing)


def gap_per_factor(matrix: Tensor) -> Tensor:
    """Return the largest entry of each column less the second largest, ``(K,)``; NaN if ``D = 1``."""
    matrix = check_matrix(matrix)
    if len(matrix) < 2:
        return torch.full((matrix.shape[1],), torch.nan, dtype=torch.float64)
    largest = matrix.topk(2, dim=0).values
    return largest[0] - largest[1]


def gap_per_latent(matrix: Tensor) -> Tensor:
    """Return the largest entry of each row less the second largest, ``(D,)``; NaN if ``K = 1``."""
    return gap_per_factor(check_matrix(matrix).T)


def mig_gap(matrix: Tensor, factor_entropies: Tensor | None = None) -> Tensor:
    r"""Score how far one latent alone is informative about each factor, by the gap to the second.

    .. math:: \frac{1}{K} \sum_k \frac{R_{(1)k} - R_{(2)k}}{H_k}

    Args:
        matrix: For the mutual information gap, mutual information ``(D, K)`` in nats.
        factor_entropies: ``(K,)`` in nats, to divide by; ``None``: the gaps are averaged as they are. Factors with an
            entropy of 0 are left out.

    Returns:
        Scalar float64; higher is better. 0 for any code with duplicated latents. NaN with a warning if ``D = 1`` or
        no factor varies.

    Raises:
        ValueError: If ``matrix`` is not two-dimensional or has a negative entry, or ``factor_entropies`` is not of
            shape ``(K,)``.

    References:
        Chen et al., Isolating Sources of Disentanglement in VAEs, NeurIPS 2018, arXiv:1802.04942.

    Example:
        >>> round(mig_gap(torch.tensor([[0.9, 0.1], [0.2, 0.8]])).item(), 6)
        0.7
    """
    gaps = gap_per_factor(matrix)
    if factor_entropies is not None:
        entropies = check_entropies(factor_entropies, matrix)
        gaps = (gaps / entropies)[entropies > 0]
    return _plain_mean(gaps, "gap")


def mig_sup_gap(matrix: Tensor, factor_entropies: Tensor | None = None) -> Tensor:
    r"""Score how far each latent is informative about one factor only, by the gap to the second.

    .. math:: \frac{1}{D} \sum_j \left(N_{j(1)} - N_{j(2)}\right), \qquad N_{jk} = \frac{R_{jk}}{H_k}

    Args:
        matrix: For MIG-sup, mutual information ``(D, K)`` in nats of the latents that count.
        factor_entropies: As for :func:`mig_gap`.

    Returns:
        Scalar float64; higher is better. Each uninformative latent adds a 0 to the mean. NaN with a warning if
        less than two factors vary.

    Raises:
        ValueError: As :func:`mig_gap`.

    References:
        Li et al., Progressive Learning and Disentanglement of Hierarchical Representations, ICLR 2020,
        arXiv:2002.10549.
    """
    matrix = check_matrix(matrix)
    if factor_entropies is not None:
        entropies = check_entropies(factor_entropies, matrix)
        matrix = (matrix / entropies)[:, entropies > 0]
    return _plain_mean(gap_per_latent(matrix) if matrix.numel() else torch.empty(0), "gap")


def dcimig_share(matrix: Tensor, factor_entropies: Tensor) -> Tensor:
    r"""Score how much of all factors is carried by latents dedicated to one factor each.

    .. math:: \frac{\sum_k \max_{j : k^*(j) = k} \left(R_{j(1)} - R_{j(2)}\right)}{\sum_k H_k}

    Args:
        matrix: Mutual information ``(D, K)`` in nats.
        factor_entropies: ``(K,)`` in nats. Factors with an entropy of 0 are left out.

    Returns:
        Scalar float64; higher is better. NaN with a warning if fewer than two factors vary.

    Raises:
        ValueError: As :func:`mig_gap`.

    References:
        Sepliarskaia et al., How to Not Measure Disentanglement, 2019, arXiv:1910.05587.
    """
    entropies = check_entropies(factor_entropies, matrix)
    varying = entropies > 0
    if int(varying.sum()) < 2:
        return _plain_mean(torch.empty(0), "share")
    return (
        largest_gap_per_factor(torch.as_tensor(matrix)[:, varying.to(matrix.device)]).sum() / entropies[varying].sum()
    )


def largest_gap_per_factor(matrix: Tensor) -> Tensor:
    """Return the largest gap ``(K,)`` among the latents most informative about each factor; 0 if there is none."""
    gaps, owned = gap_per_latent(matrix), check_matrix(matrix).argmax(dim=1)
    largest = torch.zeros(matrix.shape[1], dtype=torch.float64)
    return largest.scatter_reduce(0, owned, gaps, "amax")


def sap_gap(matrix: Tensor) -> Tensor:
    """Return the mean over factors of the largest score less the second largest; see :func:`mig_gap`.

    References:
        Kumar et al., Variational Inference of Disentangled Latent Concepts, ICLR 2018, arXiv:1711.00848.
    """
    return mig_gap(matrix)


def modularity(matrix: Tensor) -> Tensor:
    r"""Score how far each latent is informative about one factor only, by squares.

    .. math:: \frac{1}{D} \sum_j \left(1 - \frac{\sum_{k \ne k^*} R_{jk}^2}{(K - 1)\, R_{jk^*}^2}\right)

    Args:
        matrix: For modularity, mutual information ``(D, K)`` in nats.

    Returns:
        Scalar float64 in ``[0, 1]``; higher is better. Latents of noise score about a third through the bias of their
        information, those without any 0. NaN with a warning if ``K = 1``.

    Raises:
        ValueError: If ``matrix`` is not two-dimensional or has a negative entry.

    References:
        Ridgeway and Mozer, Learning Deep Disentangled Embeddings with the F-Statistic Loss, NeurIPS 2018,
        arXiv:1802.05312.
    """
    return _plain_mean(modularity_per_latent(matrix), "modularity")


def modularity_per_latent(matrix: Tensor) -> Tensor:
    """Return the modularity ``(D,)`` of each latent: 0 for one without any information, NaN if ``K = 1``."""
    matrix = check_matrix(matrix)
    num_factors = matrix.shape[1]
    if num_factors < 2:
        return torch.full((len(matrix),), torch.nan, dtype=torch.float64)
    largest = matrix.amax(dim=1)
    squares = (matrix / largest[:, None]) ** 2  # the largest is 1
    return torch.where(largest == 0, 0.0, 1 - (squares.sum(dim=1) - 1) / (num_factors - 1))


def _normalized_entropy(rows: Tensor, smoothing: float) -> Tensor:
    """Return the entropy of each row over that of a uniform one, NaN if a row has one entry only."""
    check_at_least("smoothing", smoothing, 0)
    if rows.shape[1] < 2:
        return torch.full((len(rows),), torch.nan, dtype=torch.float64)
    total = rows.sum(dim=1, keepdim=True)
    uniform = torch.full_like(rows, 1 / rows.shape[1])
    shares = torch.where(total == 0, uniform, rows / total) + smoothing
    shares = shares / shares.sum(dim=1, keepdim=True)
    entropy = -torch.xlogy(shares, shares).sum(dim=1)
    return entropy / torch.tensor(rows.shape[1], dtype=torch.float64).log()


def _weighted(parts: Tensor, weights: Tensor, name: str) -> Tensor:
    if not weights.sum() > 0 or parts.isnan().any():
        warnings.warn(f"{name} is undefined: the matrix is 0, has NaN, or one row or column only", stacklevel=3)
        return torch.tensor(torch.nan, dtype=torch.float64)
    return (parts * weights).sum() / weights.sum()


def _plain_mean(parts: Tensor, name: str) -> Tensor:
    if not len(parts) or parts.isnan().any():
        warnings.warn(f"{name} is undefined: the matrix has NaN, or no two rows or columns to compare", stacklevel=3)
        return torch.tensor(torch.nan, dtype=torch.float64)
    return parts.mean()
