"""The conditioned response matrix: which latents respond to changes of each ground-truth factor."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_chunk_size, check_traversals, own_generator
from lr_lightning.assays.passes import samples_per_pass
from lr_lightning.assays.protocol import Autoencoder, assay_mode, device_of
from lr_lightning.assays.response import mean_response, response
from lr_lightning.assays.response_matrix import KAPPA, Convention
from lr_lightning.common.checks import check_at_least, check_choice

Reduction: TypeAlias = Literal["mean", "min"]
Variant: TypeAlias = Literal["diagonal", "max"]


@dataclass(frozen=True, eq=False)
class ConditionedResponseMatrix:
    """Responses to changes of factors, as returned by :func:`conditioned_response_matrix`. All tensors on the CPU.

    Attributes:
        matrix: ``(K, D)`` float64 in latent units: entry ``[c, j]`` is the response of latent ``j`` to values donated
            along factor ``c``. The row of a factor with a single value is NaN: it cannot vary, and scores ignore it.
        per_traversal: One ``(T, D)`` tensor per factor: the responses before the reduction over traversals.
        num_traversals: Number of traversals ``T`` of each factor.
        num_samples: Interventions per traversal and latent ``B``.
        convention: ``"paper"`` or ``"release"``.
        reduction: ``"mean"`` or ``"min"``.
        variant: ``"diagonal"`` or ``"max"``.
    """

    matrix: Tensor
    per_traversal: tuple[Tensor, ...]
    num_traversals: tuple[int, ...]
    num_samples: int
    convention: Convention
    reduction: Reduction
    variant: Variant


class _Interventions(NamedTuple):
    """Base codes and donors for all traversals of all factors, as rows of one table of codes.

    Attributes:
        table: ``(P, D)``, the codes of all traversals.
        bases: ``(S, B)`` int64, rows of the table: the base codes of each of the ``S`` traversals in total.
        donors: ``(S, B)`` int64, rows of the table: the donor of each base.
    """

    table: Tensor
    bases: Tensor
    donors: Tensor


def conditioned_response_matrix(
    autoencoder: Autoencoder,
    traversals: Sequence[Tensor],
    *,
    num_samples: int = 32,
    reduction: Reduction = "mean",
    variant: Variant = "diagonal",
    convention: Convention = "paper",
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ConditionedResponseMatrix:
    r"""Measure how strongly each latent responds when it takes values that vary with a single ground-truth factor.

    .. math:: R_{cj} = \operatorname*{mean}_t \sqrt{\kappa \operatorname*{mean}_b
        \left(h_j(\Delta_j(z_b, z'_{bj})) - h_j(z_b)\right)^2}

    over traversals :math:`t`, in which only factor :math:`c` varies, and over pairs :math:`b` of a base :math:`z_b`
    and a different member :math:`z'_b` of the same traversal. If the factor does not change a latent, the donated value
    equals the present one, and the entry is exactly 0; such interventions are skipped.

    The authors' code has three variants: ``reduction="mean"`` and ``"min"`` with ``variant="diagonal"``, and
    ``reduction="min"`` with ``variant="max"``. It uses :math:`\kappa = 1`, that is, ``convention="release"``.

    Cost: at most ``sum_c T * B * (D + 1)`` decoded and as many encoded samples, ``chunk_size`` per pass.

    Args:
        autoencoder: Model to probe; left unchanged, see :func:`assay_mode`.
        traversals: For each factor, codes of shape ``(T, V, D)``: ``T`` traversals through its ``V`` values. From
            :func:`sample_traversals` or :func:`traversals_from_codes`.
        num_samples: Interventions per traversal and latent ``B``. Bases are drawn without replacement if ``B <= V``,
            otherwise with replacement.
        reduction: Over traversals: ``"mean"``, or ``"min"`` for the response found in every traversal.
        variant: ``"diagonal"``: the response of the intervened latent. ``"max"``: the largest response of any latent.
        convention: ``"paper"``, :math:`\kappa = 1/2`, or ``"release"``, :math:`\kappa = 1`. Scores do not depend on it.
        generator: Random generator for bases and donors, on the CPU; a new one with seed 0 if ``None``.
        chunk_size: Samples per pass; 1024, or 32 on a CPU, if ``None``. The draws do not depend on it.
        progress: Called with the number of interventions processed and their total.

    Returns:
        The matrix, with the responses per traversal. Non-finite responses give NaN entries and one warning.

    Raises:
        TypeError: If ``autoencoder`` is not an :class:`Autoencoder` or codes are not tensors.
        ValueError: If there are no traversals, codes have the wrong shape, dtype or non-finite entries, ``num_samples``
            is below 1, or an option is unknown.

    References:
        Leeb et al., Exploring the Latent Space of Autoencoders with Interventional Assays, NeurIPS 2022,
        arXiv:2106.16091.

    Example:
        >>> from lr_lightning.assays import wrap
        >>> identity = wrap(encode=lambda x: x, decode=lambda z: z, latent_dim=2)
        >>> shape = torch.tensor([[[0.0, 7.0], [3.0, 7.0]]])  # one traversal of a factor with two values
        >>> conditioned_response_matrix(identity, [shape], convention="release").matrix
        tensor([[3., 0.]], dtype=torch.float64)
    """
    check_choice("reduction", reduction, ("mean", "min"))
    check_choice("variant", variant, ("diagonal", "max"))
    check_choice("convention", convention, tuple(KAPPA))
    check_chunk_size(chunk_size)
    check_at_least("num_samples", num_samples, 1)
    with assay_mode(autoencoder):
        dim = autoencoder.latent_dim
        check_traversals(traversals, dim)
        varied = [codes.detach() for codes in traversals if codes.shape[1] > 1]
        responses = torch.empty(0, dim, dtype=torch.float64)
        if varied:
            drawn = _draw(varied, num_samples, own_generator(generator))
            size = samples_per_pass(chunk_size, device_of(autoencoder, drawn.table))
            responses = (KAPPA[convention] * _mean_squares(autoencoder, drawn, variant, size, progress)).sqrt()
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
    )


def merge_conditioned_response_matrices(parts: Sequence[ConditionedResponseMatrix]) -> ConditionedResponseMatrix:
    """Merge matrices measured on different traversals of the same factors into the matrix of all traversals.

    Args:
        parts: Results for the same model and options, each measured with its own traversals and generator.

    Raises:
        ValueError: If there are no parts, or they differ in options or in the number of factors.
    """
    if not parts:
        raise ValueError("parts must have at least one conditioned response matrix, got none")
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
    """Reduce responses ``(T, D)`` of each of ``K`` factors over their traversals; returns ``(K, D)``."""
    return torch.stack([rows.mean(dim=0) if reduction == "mean" else rows.amin(dim=0) for rows in per_traversal])


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
    table = torch.cat([codes.flatten(0, 1) for codes in traversals])
    return _Interventions(table, torch.cat(bases).to(table.device), torch.cat(donors).to(table.device))


def _mean_squares(
    autoencoder: Autoencoder,
    drawn: _Interventions,
    variant: Variant,
    chunk_size: int,
    progress: Callable[[int, int], None] | None,
) -> Tensor:
    """Return the mean square response of each traversal to each intervened latent, (S, D) float64 on the CPU."""
    table, (num_traversals, num_samples), dim = drawn.table, drawn.bases.shape, drawn.table.shape[1]
    bases, donors = drawn.bases.flatten(), drawn.donors.flatten()  # (S * B,)
    used, position = torch.unique(bases, return_inverse=True)  # evaluate a base that was drawn repeatedly only once
    unmoved = response(autoencoder, table[used], chunk_size=chunk_size)
    sums = torch.zeros(num_traversals * dim, dim, dtype=torch.float64, device=table.device)
    # Only interventions that change the code need a pass: rows (intervention, latent). The others contribute 0.
    jobs = (table[bases] != table[donors]).nonzero()
    for start, chunk in zip(range(0, len(jobs), chunk_size), torch.split(jobs, chunk_size), strict=False):
        interventions, latents = chunk.unbind(dim=1)
        codes = table[bases[interventions]]
        codes[torch.arange(len(codes)), latents] = table[donors[interventions], latents]
        moved = mean_response(autoencoder, codes).to(table.device)
        squares = (moved - unmoved[position[interventions]]).double().square()
        # Row `traversal * D + intervened latent` of the sums; intervention i belongs to traversal i // num_samples.
        sums.index_add_(0, interventions // num_samples * dim + latents, squares)
        if progress is not None:
            progress(start + len(chunk), len(jobs))
    means = sums.view(num_traversals, dim, dim).cpu() / num_samples  # (traversal, intervened, responding)
    return means.diagonal(dim1=1, dim2=2) if variant == "diagonal" else means.amax(dim=2)
