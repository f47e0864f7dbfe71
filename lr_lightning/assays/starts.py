"""Starting codes for iterations of the response map."""

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes, own_generator
from lr_lightning.assays.interventions import prior_samples
from lr_lightning.common.checks import check_at_least, check_choice

Starts: TypeAlias = Literal["posterior", "prior", "box"]


def uniform_samples(num_samples: int, low: Tensor, high: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw samples uniformly from a box.

    Args:
        num_samples: Number of samples ``N``, at least 1.
        low: Lower bounds of the box, shape ``(D,)`` in latent units.
        high: Upper bounds, shape ``(D,)``, none below ``low``.
        generator: Random generator for the draw, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Shape ``(N, D)``, in the dtype and on the device of ``low``.

    Raises:
        ValueError: If ``num_samples < 1``, the bounds are not two finite vectors of the same length, an upper bound is
            below its lower bound, or ``generator`` is not on the CPU.

    Example:
        >>> uniform_samples(100, torch.tensor([0.0, 5.0]), torch.tensor([1.0, 5.0]))[:, 1].unique()
        tensor([5.])
    """
    check_at_least("num_samples", num_samples, 1)
    if low.ndim != 1 or low.shape != high.shape:
        raise ValueError(f"low and high must both have shape (D,), got {tuple(low.shape)} and {tuple(high.shape)}")
    if not (low.isfinite().all() and high.isfinite().all() and (low <= high).all()):
        raise ValueError(f"low and high must be finite with low <= high, got {low.tolist()} and {high.tolist()}")
    unit = torch.rand(num_samples, len(low), generator=own_generator(generator))
    return low + (high - low) * unit.to(low)


def starting_codes(kind: Starts, codes: Tensor, num_samples: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw starts from one of three regions.

    For a plain autoencoder, whose codes can have any scale, the standard normal prior may miss the aggregate posterior;
    use ``"posterior"`` or ``"box"`` instead.

    Args:
        kind: ``"posterior"``, rows of ``codes`` without replacement, at most all of them; ``"prior"``, the standard
            normal; ``"box"``, uniform between the minimum and maximum of each latent over ``codes``.
        codes: Codes of the aggregate posterior, shape ``(M, D)``; not modified.
        num_samples: Number of starts ``N``, at least 1.
        generator: Random generator for the draw, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Shape ``(N, D)``, ``(min(N, M), D)`` for ``"posterior"``, in the dtype and on the device of ``codes``.

    Raises:
        TypeError: If ``codes`` is not a tensor.
        ValueError: If ``kind`` is unknown, ``codes`` is not a finite floating-point matrix, ``num_samples < 1`` or
            ``generator`` is not on the CPU.
    """
    check_choice("kind", kind, ("posterior", "prior", "box"))
    codes = check_codes("codes", codes, None)
    check_at_least("num_samples", num_samples, 1)
    generator = own_generator(generator)
    if kind == "prior":
        return prior_samples(num_samples, codes.shape[1], generator).to(codes)
    if kind == "box":
        low, high = codes.aminmax(dim=0)
        return uniform_samples(num_samples, low, high, generator)
    return codes[torch.randperm(len(codes), generator=generator)[:num_samples].to(codes.device)]
