"""Unsupervised disentanglement ranking of several models."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lr_lightning.common.checks import check_at_least, check_choice, check_positive
from lr_lightning.common.printed_result import TableFields, TabularResult
from lr_lightning.metrics.core.checks import check_codes
from lr_lightning.metrics.core.quiet_fit import fit_quietly
from lr_lightning.metrics.core.sample import Floats

Similarity: TypeAlias = Literal["lasso", "spearman"]


@dataclass(frozen=True, eq=False, repr=False)
class DisentanglementRanking(TabularResult):
    """Agreement of each model with the others.

    Attributes:
        scores: Scores ``(M,)`` float64 of the models; NaN where undefined.
        pairwise: Agreement ``(M, M)`` float64: of each row's model with each column's. Its diagonal is NaN.
        kept: Latents ``(D,)`` bool of each model that were compared.
        parameters: All parameters that the scores depend on.
    """

    table_fields = TableFields("model", ("scores",))

    scores: Tensor
    pairwise: Tensor
    kept: tuple[Tensor, ...]
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def best(self) -> int | None:
        """Number of the model with the highest score, ``None`` if all are undefined."""
        return None if self.scores.isnan().all() else int(self.scores.nan_to_num(-1.0).argmax())

    @property
    def value(self) -> float:
        """The highest score; NaN if all are undefined."""
        return float("nan") if self.best is None else self.scores[self.best].item()


def unsupervised_disentanglement_ranking(
    codes_of_models: Sequence[Tensor],
    *,
    kl_of_models: Sequence[Tensor] | None = None,
    similarity: Similarity = "lasso",
    alpha: float = 0.1,
    kl_threshold: float = 0.01,
) -> DisentanglementRanking:
    r"""Rank models without labels by how far their latents match those of other models one to one (UDR).

    .. math:: \mathrm{UDR}_{ab} = \frac{1}{2} \left(
        \frac{1}{D_b} \sum_k \frac{\max_j R_{jk}^2}{\sum_j R_{jk}} +
        \frac{1}{D_a} \sum_j \frac{\max_k R_{jk}^2}{\sum_k R_{jk}} \right)

    where :math:`R_{jk}` measures how similar latent ``j`` of model ``a`` and latent ``k`` of model ``b`` are. The score
    of a model ``b`` is the median over its partners ``a``. Disentangled models are thought to be alike, and entangled
    ones each entangled in its own way.

    Args:
        codes_of_models: Codes of each model on the same inputs in the same order, shapes ``(N, D_m)``. Train the
            models with the same parameters from different seeds, five at least; a thousand inputs are enough.
        kl_of_models: Mean divergence from the prior of each model's latents in nats, shapes ``(D_m,)``; latents above
            ``kl_threshold`` are compared. ``None``: latents whose codes have a variance above .01.
        similarity: ``"lasso"``: absolute coefficients of a regression of each latent of ``b`` on all of ``a``,
            penalised, on standardized codes; ``"spearman"``: absolute rank correlations.
        alpha: Penalty of the regression.
        kl_threshold: Divergence above which a latent is compared, in nats.

    Returns:
        Scores in ``[0, 1]``, no unit; higher is better. Chance is near 0 with ``"lasso"``, which gives unlike latents
        exactly 0, and grows with latents and falls with inputs for ``"spearman"``. The most that ``"lasso"`` can give
        is ``1 - alpha``, for its penalty shrinks the coefficients; with ``"spearman"`` it is 1 for an infinite number
        of inputs, and below by ``D - 1`` mean spurious correlations of about :math:`0.8 / \sqrt{N}` each.

        Sign and scale of latents do not matter, nor does their order, but that it decides which of several copies
        within ``a`` takes the coefficient of ``"lasso"``. Copies lower both scores. A latent without any match counts
        as 0. Blind to what all models share: models that all entangle in one way, or all lose the same factor, agree.
        NaN with a warning for a model without latents to compare, which is also left out of the medians of the others,
        and for a single model. Cost: ``M (M - 1)`` regressions with ``D`` targets, a millisecond or two each at
        ``D = 10``, or as many matrix products of ranks.

    Raises:
        ValueError: If there is no model, codes are invalid (see :func:`draw`), numbers of rows or of divergences do not
            match, ``similarity`` is unknown, ``alpha`` is not positive, or ``kl_threshold`` is negative.

    References:
        Duan et al., Unsupervised Model Selection for Variational Disentangled Representation Learning, ICLR 2020,
        arXiv:1905.12614. As disentanglement_lib does, each of the two means is over the latents compared on its side;
        both then weigh the same also if models differ in their number of latents.

    Example:
        >>> grid = torch.cartesian_prod(*[torch.arange(4.0)] * 3)
        >>> ranking = unsupervised_disentanglement_ranking([grid, -grid[:, [2, 0, 1]]], similarity="spearman")
        >>> [round(score, 6) for score in ranking.scores.tolist()]
        [1.0, 1.0]
    """
    check_choice("similarity", similarity, ("lasso", "spearman"))
    check_positive("alpha", alpha)
    check_at_least("kl_threshold", kl_threshold, 0)
    tables: list[Floats] = [check_codes(codes).astype(np.float64) for codes in codes_of_models]
    if not tables or len({len(table) for table in tables}) > 1:
        raise ValueError(f"codes_of_models must all have the same rows, got {[len(table) for table in tables]}")
    kept = _kept(tables, kl_of_models, kl_threshold)
    columns = [_standardized(table[:, keep], similarity) for table, keep in zip(tables, kept, strict=True)]
    pairwise = np.full((len(tables), len(tables)), np.nan)
    for a, of_a in enumerate(columns):
        for b, of_b in enumerate(columns):
            if a != b and of_a.shape[1] and of_b.shape[1]:
                alike = _coefficients(of_a, of_b, alpha) if similarity == "lasso" else _correlations(of_a, of_b)
                pairwise[a, b] = (_relative_strength(alike) + _relative_strength(alike.T)) / 2
    return DisentanglementRanking(
        scores=torch.from_numpy(_medians(pairwise)),
        pairwise=torch.from_numpy(pairwise),
        kept=tuple(torch.from_numpy(keep) for keep in kept),
        parameters={
            "similarity": similarity,
            "alpha": alpha if similarity == "lasso" else None,
            "kl_threshold": None if kl_of_models is None else kl_threshold,
            "num_samples": len(tables[0]),
        },
    )


def _kept(tables: list[Floats], kl_of_models: Sequence[Tensor] | None, threshold: float) -> list[NDArray[np.bool_]]:
    """Return the latents of each model to compare."""
    if kl_of_models is None:
        return [table.var(axis=0) > 0.01 for table in tables]
    divergences = [torch.as_tensor(kl).detach().double().cpu().numpy() for kl in kl_of_models]
    shapes = [kl.shape for kl in divergences]
    if shapes != [table.shape[1:] for table in tables]:
        raise ValueError(f"kl_of_models must have shapes {[table.shape[1:] for table in tables]}, got {shapes}")
    return [kl > threshold for kl in divergences]


def _standardized(table: Floats, similarity: Similarity) -> Floats:
    """Return the latents, or their ranks, with mean 0 and variance 1; constant ones as 0."""
    if similarity == "spearman" and table.shape[1]:
        from scipy.stats import rankdata

        table = rankdata(table, axis=0)
    centered = table - table[0]  # exactly 0 for constant latents
    centered -= centered.mean(axis=0)
    deviation = centered.std(axis=0)
    standardized: Floats = centered / np.where(deviation > 0, deviation, 1)
    return standardized


def _coefficients(of_a: Floats, of_b: Floats, alpha: float) -> Floats:
    """Return the absolute coefficients ``(D_a, D_b)`` of a lasso of each latent of ``b`` on those of ``a``."""
    from sklearn.linear_model import Lasso

    lasso = Lasso(alpha=alpha, fit_intercept=False, precompute=True, random_state=0)  # centered: no intercept
    # only copies of latents converge slowly, and how to share out a coefficient among copies is arbitrary
    fit_quietly(lasso, of_a, of_b)
    coefficients: Floats = np.abs(lasso.coef_).reshape(of_b.shape[1], of_a.shape[1]).T
    return coefficients


def _correlations(of_a: Floats, of_b: Floats) -> Floats:
    """Return the absolute correlations ``(D_a, D_b)`` of standardized ranks."""
    correlations: Floats = np.abs(of_a.T @ of_b) / len(of_a)
    return correlations


def _relative_strength(alike: Floats) -> float:
    """Return the mean over columns of the largest entry, times its share of the column; 0 for a column of zeros."""
    total = alike.sum(axis=0)
    return float((alike.max(axis=0) ** 2 / np.where(total > 0, total, 1)).mean())


def _medians(pairwise: Floats) -> Floats:
    """Return the median of each column ``(M,)`` over the pairs that are defined, NaN with a warning if none is."""
    partners = [column[~np.isnan(column)] for column in pairwise.T]
    lonely = [str(model) for model, column in enumerate(partners) if not len(column)]
    if lonely:
        warnings.warn(
            f"udr is undefined for models {', '.join(lonely)}: it needs two models with latents to compare",
            stacklevel=3,
        )
    return np.array([np.median(column) if len(column) else np.nan for column in partners])
