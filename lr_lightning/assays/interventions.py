"""Elementary interventions on codes, and the values they set latents to."""

import torch
from torch import Tensor

from lr_lightning.assays.checks import check_codes, own_generator
from lr_lightning.common.checks import check_at_least


def intervene(codes: Tensor, latent: int, values: Tensor | float) -> Tensor:
    r"""Replace one latent of each code and keep the others.

    .. math:: \Delta_j(z, v)_k = v \text{ if } k = j \text{ else } z_k

    Args:
        codes: Codes, shape ``(N, D)``; not modified.
        latent: The latent ``j``, in ``[-D, D)``.
        values: New values, shape ``(N,)``, or one value for all codes (a hard intervention).

    Returns:
        New codes, shape ``(N, D)``.

    Raises:
        IndexError: If there is no such latent.

    Example:
        >>> intervene(torch.zeros(2, 3), 1, torch.tensor([5.0, 6.0]))
        tensor([[0., 5., 0.],
                [0., 6., 0.]])
    """
    intervened = codes.clone()
    intervened[:, latent] = torch.as_tensor(values, dtype=codes.dtype, device=codes.device)
    return intervened


def derangement(num_items: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw a permutation without fixed points, uniformly among the single cycles through all items.

    The donor of an item is any other item, each with equal probability.

    Args:
        num_items: Number of items ``N``, at least 2.
        generator: Random generator for the draw, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Donor of each item, shape ``(N,)``, int64, on the CPU.

    Raises:
        ValueError: If there are fewer than 2 items, or ``generator`` is not on the CPU.
    """
    check_at_least("num_items", num_items, 2)
    order = torch.randperm(num_items, generator=own_generator(generator))
    donors = torch.empty_like(order)
    donors[order] = order.roll(1)  # arranged in a random circle, each item receives from the one before it
    return donors


def prior_samples(num_samples: int, latent_dim: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw samples from the standard normal prior; float32 ``(N, D)`` on the CPU.

    Args:
        num_samples: Number of samples ``N``.
        latent_dim: Number of latents ``D``.
        generator: Random generator for the draw, on the CPU; a new one with seed 0 if ``None``.

    Raises:
        ValueError: If ``generator`` is not on the CPU.
    """
    return torch.randn(num_samples, latent_dim, generator=own_generator(generator))


def donor_permutations(num_codes: int, latent_dim: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw a :func:`derangement` for each latent, which determines the code that donates this latent's value.

    Args:
        num_codes: Number of codes ``N``, at least 2.
        latent_dim: Number of latents ``D``.
        generator: Random generator for the permutations, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Donor of latent ``j`` of code ``i`` at ``[i, j]``, shape ``(N, D)``, int64, on the CPU.

    Raises:
        ValueError: If there are fewer than 2 codes, or ``generator`` is not on the CPU.
    """
    generator = own_generator(generator)
    return torch.stack([derangement(num_codes, generator) for _ in range(latent_dim)], dim=1)


def marginal_donors(codes: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Shuffle each latent over the codes with its own permutation without fixed points.

    Entry ``[i, j]`` is latent ``j`` of a code other than ``i``: a draw from the marginal of the aggregate posterior.
    Rows are draws from the product of the marginals. Use :func:`donor_permutations` if you need the donors' rows.

    Args:
        codes: Codes of the aggregate posterior, shape ``(N, D)`` with ``N >= 2``.
        generator: Random generator for the permutations, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Shape ``(N, D)``, on the device of ``codes``.

    Raises:
        ValueError: If there are fewer than 2 codes, or ``generator`` is not on the CPU.
    """
    return codes.gather(0, donor_permutations(len(codes), codes.shape[1], generator).to(codes.device))


def resampled_rows(
    num_donors: int, num_samples: int, latent_dim: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw a donor for each entry of a batch of codes, with replacement.

    Args:
        num_donors: Number of donors to draw from.
        num_samples: Number of rows ``N`` to return.
        latent_dim: Number of latents ``D``.
        generator: Random generator for the draw, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Donor row for each entry, shape ``(N, D)``, int64, on the CPU.

    Raises:
        ValueError: If ``generator`` is not on the CPU.
    """
    return torch.randint(num_donors, (num_samples, latent_dim), generator=own_generator(generator))


def resampled_donors(donors: Tensor, num_samples: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw each entry from its column of ``donors``, with replacement.

    Args:
        donors: Values to draw from, shape ``(M, D)``.
        num_samples: Number of rows ``N`` to return.
        generator: Random generator for the draw, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Shape ``(N, D)``, on the device of ``donors``.

    Raises:
        ValueError: If ``generator`` is not on the CPU.
    """
    return donors.gather(0, resampled_rows(len(donors), num_samples, donors.shape[1], generator).to(donors.device))


def epsilon_donors(codes: Tensor, multiple: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    r"""Shift each entry by a multiple of its latent's standard deviation, up or down at random.

    .. math:: v_{ij} = z_{ij} \pm m \, \mathrm{std}_i(z_{ij})

    Args:
        codes: Codes, shape ``(N, D)`` with ``N >= 2``; not modified.
        multiple: The multiple ``m``.
        generator: Random generator for the signs, on the CPU; a new one with seed 0 if ``None``.

    Returns:
        Shape ``(N, D)``, on the device of ``codes``; row ``i`` belongs to row ``i`` of ``codes``.

    Raises:
        ValueError: If ``codes`` is not a finite floating-point matrix with at least 2 rows, or ``generator`` is not on
            the CPU.
    """
    codes = check_codes("codes", codes, codes.shape[-1], minimum=2)
    signs = torch.randint(2, codes.shape, generator=own_generator(generator)).mul_(2).sub_(1)
    return codes + multiple * codes.std(dim=0, correction=0) * signs.to(codes)
