"""Scalars of several seeds: of each seed, and their means and standard deviations."""

from collections.abc import Mapping, Sequence

import torch


def seed_name(seed: int) -> str:
    """Return the name of a seed in keys and file names, such as ``"seed_3"``."""
    return f"seed_{seed}"


def seed_statistics(seeds: Sequence[int], scalars: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the scalars to log, given those of each seed.

    Args:
        seeds: The seeds.
        scalars: The scalars of each seed by key.

    Returns:
        The scalar ``k`` of seed ``s`` under ``seed_<s>/k``. For keys that all seeds have, also the mean under ``k``
        and, for two seeds or more, the sample standard deviation (with ``n - 1``) under ``k_sd``; both are NaN if any
        value is.
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
