"""Scalars of several seeds: each seed's own, their means and standard deviations."""

from collections.abc import Mapping, Sequence

import torch


def seed_name(seed: int) -> str:
    """Return what keys and files of one seed are named by, such as ``"seed_3"``."""
    return f"seed_{seed}"


def seed_statistics(seeds: Sequence[int], scalars: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return what is logged of scalars that each seed has of its own.

    Args:
        seeds: The seeds.
        scalars: The scalars of each seed by key.

    Returns:
        For a key ``k`` of seed ``s`` its own as ``seed_<s>/k``; for a key that all have, the mean as ``k`` and, of two
        seeds or more, the sample standard deviation (over ``n - 1``) as ``k_sd``. Both are NaN if one is.
    """
    found: dict[str, float] = {}
    for seed, own in zip(seeds, scalars, strict=True):
        found |= {f"{seed_name(seed)}/{key}": value for key, value in own.items()}
    for key in scalars[0]:
        if all(key in own for own in scalars):
            values = torch.tensor([own[key] for own in scalars], dtype=torch.float64)
            found[key] = values.mean().item()
            if len(values) > 1:
                found[f"{key}_sd"] = values.std().item()
    return found
