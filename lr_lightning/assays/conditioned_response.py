"""The conditioned response matrix: which latents respond to changes of each ground-truth factor."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from lr_lightning.assays.checks import (
    check_chunk_size,
    check_codes,
    check_traversals,
    checked_factor_names,
    own_generator,
)
from lr_lightning.assays.label_pairs import LabelPairs
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode
from lr_lightning.assays.response import mean_response, response
from lr_lightning.assays.response_curves import interpolated_squares
from lr_lightning.assays.response_matrix import KAPPA, Convention
from lr_lightning.assays.traversals import Codes, GridDataset, sample_traversals
from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.common.printed_result import TableFields, TabularResult

Reduction: TypeAlias = Literal["mean", "min"]
Variant: TypeAlias = Literal["diagonal", "max"]

NUM_NODES = 16
"""Values of each latent at which responses are measured for chance."""


@dataclass(frozen=True, eq=False, repr=False)
class ConditionedResponseMatrix(TabularResult):
    r"""Responses to changes of factors, as returned by :func:`conditioned_response_matrix`. All tensors on the CPU.

    Also returned by :func:`paired_response_matrix`. Scores of grids and of matched or marginal pairs are different
    quantities: do not compare them.

    Attributes:
        matrix: ``(K, D)`` float64 in latent units: entry ``[c, j]`` is the response of latent ``j`` to values donated
            along factor ``c``. The row of a factor that cannot be varied, because it has a single value or no pairs, is
            NaN, and scores ignore it.
        per_traversal: One ``(T, D)`` tensor per factor: the responses before the reduction over traversals.
        num_traversals: Number of traversals ``T`` of each factor.
        num_samples: Interventions per traversal and latent ``B``.
        convention: ``"paper"`` or ``"release"``.
        reduction: ``"mean"`` or ``"min"``.
        variant: ``"diagonal"`` or ``"max"``.
        pairs: Pairs of samples that the responses were measured on; ``None`` for traversals of a grid.
        chance_squares: ``(Q, Q, D)`` float64: interpolated squared responses, times :math:`\kappa`, of each latent for
            every base and donor among ``Q`` random samples, from which :func:`permutation_null` computes chance;
            ``None`` for traversals of a grid.
        factor_names: Names of the factors; ``None`` if they are not known.
    """

    table_fields = TableFields("factor", matrix="matrix", columns="latent", labels="factor_names")

    matrix: Tensor
    per_traversal: tuple[Tensor, ...]
    num_traversals: tuple[int, ...]
    num_samples: int
    convention: Convention
    reduction: Reduction
    variant: Variant
    pairs: LabelPairs | None = None
    chance_squares: Tensor | None = None
    factor_names: tuple[str, ...] | None = None


class _Interventions(NamedTuple):
    """Base codes and donors for all traversals of all factors, as rows of one table of codes.

    Attributes:
        table: ``(P, D)`` codes.
        bases: ``(I,)`` int64, rows of the table.
        donors: ``(I,)`` int64, rows of the table: the donor of each base.
        traversals: ``(I,)`` int64: the traversal that each intervention belongs to.
        counts: ``(I,)``: how often each was drawn.
        num_traversals: Number of traversals ``S``.
    """

    table: Tensor
    bases: Tensor
    donors: Tensor
    traversals: Tensor
    counts: Tensor
    num_traversals: int


def conditioned_response_matrix(
    autoencoder: Autoencoder,
    traversals: Sequence[Tensor] | None = None,
    *,
    dataset: GridDataset | None = None,
    num_traversals: int = 50,
    codes: Codes = "mean",
    num_samples: int = 32,
    reduction: Reduction = "mean",
    variant: Variant = "diagonal",
    convention: Convention = "paper",
    factor_names: Sequence[str] | None = None,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ConditionedResponseMatrix:
    r"""Measure how strongly each latent responds when it takes values that vary with a single ground-truth factor.

    .. math:: R_{cj} = \operatorname*{mean}_t \sqrt{\kappa \operatorname*{mean}_b
        \left(h_j(\Delta_j(z_b, z'_{bj})) - h_j(z_b)\right)^2}

    over traversals :math:`t`, in which only factor :math:`c` varies, and over pairs :math:`b` of a base :math:`z_b`
    and a different member :math:`z'_b` of the same traversal. If the factor does not change a latent, the donated value
    equals the present one, and the entry is exactly 0; such interventions are skipped. An intervention that a traversal
    drew repeatedly is evaluated once.

    The authors' code has three variants: ``reduction="mean"`` and ``"min"`` with ``variant="diagonal"``, and
    ``reduction="min"`` with ``variant="max"``. It uses :math:`\kappa = 1`, that is, ``convention="release"``. Their
    evaluation of 2021 used the last one with ``codes="sample"``.

    Cost: at most ``sum_c T * B * (D + 1)`` decoded and as many encoded samples, ``chunk_size`` per pass.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        traversals: For each factor, codes of shape ``(T, V, D)``: ``T`` traversals through its ``V`` values. From
            :func:`sample_traversals` or :func:`traversals_from_codes`.
        dataset: Instead of ``traversals``, a data set with all combinations of its factors, such as a
            :class:`~lr_lightning.data.FactorDataset`. Traversals are drawn from it with ``generator``, and encoded.
        num_traversals: Traversals per factor ``T``, only with ``dataset``.
        codes: ``"mean"`` or ``"sample"`` of the posterior of each observation, only with ``dataset``.
        num_samples: Interventions per traversal and latent ``B``. Bases are drawn without replacement if ``B <= V``,
            otherwise with replacement.
        reduction: Over traversals: ``"mean"``, or ``"min"`` for the response found in every traversal.
        variant: ``"diagonal"``: the response of the intervened latent. ``"max"``: the largest response of any latent.
        convention: ``"paper"``, :math:`\kappa = 1/2`, or ``"release"``, :math:`\kappa = 1`. Scores do not depend on it.
        factor_names: Names of the factors, one for each, for figures and tables of the result; those of the data set if
            ``None``, or none for ``traversals``.
        generator: Random generator for traversals, bases and donors, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Samples per pass; 1024, or 32 on a CPU, if ``None``, fewer for large images.
            The draws do not depend on it.
        progress: Called with the number of interventions processed and their total.

    Returns:
        The matrix, with the responses per traversal. Non-finite responses give NaN entries and one warning.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or codes are not tensors.
        ValueError: If there are no traversals, or both traversals and a data set; the data set is not a full grid;
            codes have the wrong shape, dtype or non-finite entries; there is not one name for each factor; a number is
            below 1; an option is unknown; or posteriors of a deterministic autoencoder are to be sampled.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> identity = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=2)
        >>> shape = torch.tensor([[[0.0, 7.0], [3.0, 7.0]]])  # one traversal of a factor with two values
        >>> result = conditioned_response_matrix(identity, [shape], convention="release", factor_names=["shape"])
        >>> result.matrix, result.factor_names
        (tensor([[3., 0.]], dtype=torch.float64), ('shape',))
    """
    check_choice("reduction", reduction, ("mean", "min"))
    check_choice("variant", variant, ("diagonal", "max"))
    check_choice("convention", convention, tuple(KAPPA))
    check_chunk_size(chunk_size)
    check_at_least("num_samples", num_samples, 1)
    if (traversals is None) == (dataset is None):
        raise ValueError(f"give either traversals or dataset, got {'neither' if dataset is None else 'both'}")
    generator = own_generator(generator)
    with assay_mode(autoencoder):
        dim = autoencoder.latent_dim
        if dataset is not None:
            factor_names = dataset.factor_space.names if factor_names is None else factor_names
            traversals = sample_traversals(
                autoencoder, dataset, num_traversals, generator, codes=codes, chunk_size=chunk_size
            )
        assert traversals is not None
        check_traversals(traversals, dim)
        names = checked_factor_names(factor_names, len(traversals))
        varied = [codes.detach() for codes in traversals if codes.shape[1] > 1]
        responses = torch.empty(0, dim, dtype=torch.float64)
        if varied:
            drawn = _draw(varied, num_samples, generator)
            size = samples_per_pass(chunk_size, autoencoder, drawn.table)
            means = _sums_of_squares(autoencoder, drawn, variant, size, progress) / num_samples
            responses = (KAPPA[convention] * means).sqrt()
    if not responses.isfinite().all():
        warnings.warn("the model's responses are not finite, and neither is the conditioned matrix", stacklevel=2)
    parts = iter(torch.split(responses, [len(codes) for codes in varied]))  # of the factors that vary, in order
    per_traversal = tuple(
        next(parts) if codes.shape[1] > 1 else torch.full((len(codes), dim), torch.nan, dtype=torch.float64)
        for codes in traversals
    )
    return ConditionedResponseMatrix(
        matrix=reduce_traversals(per_traversal, reduction),
        per_traversal=per_traversal,
        num_traversals=tuple(len(codes) for codes in traversals),
        num_samples=num_samples,
        convention=convention,
        reduction=reduction,
        variant=variant,
        factor_names=names,
    )


def paired_response_matrix(
    autoencoder: Autoencoder,
    codes: Tensor,
    pairs: LabelPairs,
    *,
    reduction: Reduction = "mean",
    convention: Convention = "paper",
    num_chance_codes: int = 256,
    factor_names: Sequence[str] | None = None,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ConditionedResponseMatrix:
    r"""Measure the conditioned response matrix on pairs of samples, for data that are no grid of combinations.

    As :func:`conditioned_response_matrix` with ``variant="diagonal"``, with the bases and donors of ``pairs``. What the
    matrix means depends on them:

    *Matched* pairs agree in all other factors, as on a grid, but cover only combinations that occur with two values.

    *Marginal* pairs may differ in the other factors too, so latents also respond to those. If factors are independent,
    and latent :math:`j` of an identical response map is a sum of functions :math:`f_{cj}` of one factor each, the mean
    square is that of a grid plus :math:`2 \kappa \sum_{i \ne c} \operatorname{Var} f_{ij}`: an upper bound on the
    response along the factor, and on leakage into latents of other factors. It is no bound in general. A latent that
    changes with a factor only in combination with others responds less than on a grid: for the exclusive or of two
    binary factors, the mean square is half as large. Correlated factors respond for each other.

    A pair that a traversal drew repeatedly is evaluated once. Chance needs ``16 * Q * D`` more samples, for responses
    to 16 quantiles of each latent, between which it interpolates.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        codes: Posterior means of all samples, shape ``(N, D)``.
        pairs: From :func:`matched_pairs` or :func:`marginal_pairs`, for the same samples.
        reduction: As in :func:`conditioned_response_matrix`.
        convention: As there.
        num_chance_codes: Number ``Q`` of codes for :func:`permutation_null`.
        factor_names: Names of the factors, one for each column of the labels that ``pairs`` are of.
        generator: Random generator for the choice of these codes, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: As in :func:`conditioned_response_matrix`.
        progress: As there.

    Returns:
        The matrix. Non-finite responses give NaN entries and one warning.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or ``codes`` is not a tensor.
        ValueError: If ``codes`` have the wrong shape, dtype or non-finite entries, ``pairs`` are of another number of
            samples, there is not one name for each factor, ``num_chance_codes`` is below 2, or an option is unknown.

    Example:
        >>> from lr_lightning.assays import matched_pairs, wrap
        >>> identity = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=2)
        >>> codes = torch.tensor([[0.0, 7.0], [3.0, 7.0], [3.0, 8.0]])
        >>> pairs = matched_pairs(torch.tensor([[0, 0], [1, 0], [1, 1]]))
        >>> paired_response_matrix(identity, codes, pairs, convention="release").matrix
        tensor([[3., 0.],
                [0., 1.]], dtype=torch.float64)
    """
    check_choice("reduction", reduction, ("mean", "min"))
    check_choice("convention", convention, tuple(KAPPA))
    check_chunk_size(chunk_size)
    check_at_least("num_chance_codes", num_chance_codes, 2)
    kappa, counts = KAPPA[convention], list(pairs.num_traversals)
    names = checked_factor_names(factor_names, len(counts))
    with assay_mode(autoencoder):
        codes = check_codes("codes", codes, autoencoder.latent_dim, minimum=2)
        if len(codes) != pairs.num_rows:
            raise ValueError(f"pairs must be of the {len(codes)} samples of codes, got pairs of {pairs.num_rows}")
        size = samples_per_pass(chunk_size, autoencoder, codes)
        pool = codes[torch.randperm(len(codes), generator=own_generator(generator))[:num_chance_codes].to(codes.device)]
        chance = kappa * interpolated_squares(autoencoder, pool, NUM_NODES, size, progress)
        drawn = _distinct(codes, pairs.bases, pairs.donors)
        sums = _sums_of_squares(autoencoder, drawn, "diagonal", size, progress)
    responses = (kappa * sums / pairs.num_samples).sqrt()
    if not responses.isfinite().all():
        warnings.warn("the model's responses are not finite, and neither is the conditioned matrix", stacklevel=2)
    per_traversal = torch.split(responses, counts)
    return ConditionedResponseMatrix(
        matrix=reduce_traversals(per_traversal, reduction),
        per_traversal=per_traversal,
        num_traversals=pairs.num_traversals,
        num_samples=pairs.num_samples,
        convention=convention,
        reduction=reduction,
        variant="diagonal",
        pairs=pairs,
        chance_squares=chance,
        factor_names=names,
    )


def label_response_matrix(factors: Tensor, pairs: LabelPairs) -> Tensor:
    r"""Return the conditioned response matrix of a perfect code: one latent per factor, and nothing else.

    .. math:: R_{ci} = \operatorname*{mean}_t \sqrt{\operatorname*{mean}_b [y_{bi} \ne y'_{bi}]}

    For matched pairs, this is the identity matrix. For marginal pairs, other entries are not 0, and its scores show how
    little of the range up to 1 a perfect code reaches; for independent factors with ``V`` equally frequent values each,
    its CDS is :math:`r / (r + K - 1)` with :math:`r = \sqrt{V / (V - 1)}`, up to noise.

    Args:
        factors: Factor values ``(N, K)``.
        pairs: Pairs of these samples.

    Returns:
        Shape ``(K, K)``, float64; NaN rows for factors without pairs.
    """
    differ = [
        (factors[base] != factors[donor]).double().mean(dim=1).sqrt()
        for base, donor in zip(pairs.bases, pairs.donors, strict=True)
    ]
    return reduce_traversals(differ)


def merge_conditioned_response_matrices(parts: Sequence[ConditionedResponseMatrix]) -> ConditionedResponseMatrix:
    """Merge matrices measured on different traversals of the same factors into the matrix of all traversals.

    Args:
        parts: Results for the same model and options, each measured with its own traversals and generator.

    Raises:
        ValueError: If there are no parts, they differ in options or in the number of factors, or they were measured by
            :func:`paired_response_matrix`.
    """
    if not parts:
        raise ValueError("parts must have at least one conditioned response matrix, got none")
    if any(part.pairs is not None for part in parts):
        raise ValueError("parts must be measured on traversals of a grid, got matched or marginal pairs")
    options = ("num_samples", "convention", "reduction", "variant")
    if len({(len(part.per_traversal), *(getattr(part, name) for name in options)) for part in parts}) > 1:
        raise ValueError(f"parts must agree in their factors, {', '.join(options)}")
    per_traversal = tuple(torch.cat(rows) for rows in zip(*(part.per_traversal for part in parts), strict=True))
    return replace(
        parts[0],
        matrix=reduce_traversals(per_traversal, parts[0].reduction),
        per_traversal=per_traversal,
        num_traversals=tuple(len(rows) for rows in per_traversal),
    )


def reduce_traversals(per_traversal: Sequence[Tensor], reduction: Reduction = "mean") -> Tensor:
    """Reduce responses ``(T, D)`` of each of ``K`` factors over their traversals; returns ``(K, D)``, NaN for none."""
    return torch.stack(
        [rows.mean(dim=0) if reduction == "mean" or not len(rows) else rows.amin(dim=0) for rows in per_traversal]
    )


def _draw(traversals: Sequence[Tensor], num_samples: int, generator: torch.Generator) -> _Interventions:
    """Draw ``num_samples`` bases for each traversal of each factor, and for each base another member as its donor."""
    bases, donors, start = [], [], 0
    for codes in traversals:
        num_traversals, size, _ = codes.shape
        if num_samples <= size:  # the order of random keys is a random permutation
            members = torch.rand(num_traversals, size, generator=generator).argsort(dim=1)[:, :num_samples]
        else:
            members = torch.randint(size, (num_traversals, num_samples), generator=generator)
        # 1 to size - 1 places further, cyclically: every other member is equally likely, the base itself impossible.
        steps = torch.randint(1, size, members.shape, generator=generator)
        first = start + size * torch.arange(num_traversals)[:, None]  # table row of each traversal's first member
        bases.append(first + members)
        donors.append(first + (members + steps) % size)
        start += num_traversals * size
    return _distinct(torch.cat([codes.flatten(0, 1) for codes in traversals]), bases, donors)


def _distinct(table: Tensor, base_rows: Sequence[Tensor], donor_rows: Sequence[Tensor]) -> _Interventions:
    """Return each intervention once per traversal, with the number of times it was drawn.

    A factor with few values has fewer pairs of a base and a donor than are drawn, so a quarter of the draws on dSprites
    are repetitions.

    Args:
        table: ``(P, D)`` codes.
        base_rows: Rows of the bases of each factor, ``(T, B)``.
        donor_rows: Rows of their donors, ``(T, B)``.
    """
    bases, donors = torch.cat(list(base_rows)), torch.cat(list(donor_rows))  # (S, B)
    owners = torch.arange(len(bases))[:, None].expand_as(bases)
    drawn = torch.stack([owners.flatten(), bases.flatten(), donors.flatten()])
    (traversals, used, given), counts = torch.unique(drawn, dim=1, return_counts=True)
    return _Interventions(
        table=table,
        bases=used.to(table.device),
        donors=given.to(table.device),
        traversals=traversals.to(table.device),
        counts=counts.to(table.device),
        num_traversals=len(bases),
    )


def _sums_of_squares(
    autoencoder: Autoencoder,
    drawn: _Interventions,
    variant: Variant,
    chunk_size: int,
    progress: Callable[[int, int], None] | None,
) -> Tensor:
    """Return the sum of squared responses of each traversal to each intervened latent, (S, D) float64 on the CPU."""
    table, dim = drawn.table, drawn.table.shape[1]
    if not len(drawn.bases):
        return torch.empty(0, dim, dtype=torch.float64)
    used, position = torch.unique(drawn.bases, return_inverse=True)  # evaluate a base that was drawn repeatedly once
    unmoved = response(autoencoder, table[used], chunk_size=chunk_size)
    size = (drawn.num_traversals * dim, 1 if variant == "diagonal" else dim)
    sums = torch.zeros(size, dtype=torch.float64, device=table.device)
    # Only interventions that change the code need a pass: rows (intervention, latent). The others contribute 0.
    jobs = (table[drawn.bases] != table[drawn.donors]).nonzero()
    for start, chunk in zip(range(0, len(jobs), chunk_size), torch.split(jobs, chunk_size), strict=False):
        interventions, latents = chunk.unbind(dim=1)
        codes = table[drawn.bases[interventions]]
        codes[torch.arange(len(codes)), latents] = table[drawn.donors[interventions], latents]
        moved = mean_response(autoencoder, codes).to(table.device)
        squares = (moved - unmoved[position[interventions]]).double().square()
        if variant == "diagonal":
            squares = squares.gather(1, latents[:, None])
        # Row `traversal * D + intervened latent` of the sums
        rows = drawn.traversals[interventions] * dim + latents
        sums.index_add_(0, rows, squares * drawn.counts[interventions, None])
        if progress is not None:
            progress(start + len(chunk), len(jobs))
    return sums.amax(dim=1).view(drawn.num_traversals, dim).cpu()
