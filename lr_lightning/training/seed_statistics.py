"""Scalars of several seeds: of each seed, and their means and standard deviations."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch

_T = TypeVar("_T")
_KEY_OF_SEED = re.compile(r"seed_\d+/(.*)")


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


def scalars_of_seed(scalars: Mapping[str, _T], seed: int) -> dict[str, _T]:
    """Return the scalars that a run of one seed would log, given those of several seeds.

    Args:
        scalars: Scalars by key, as :func:`seed_statistics` returns them, and others that all seeds share (``epoch``).
        seed: The seed.

    Returns:
        The scalars of the seed under their usual keys, and those that are shared; no means and standard deviations.
    """
    measured = {match[1] for match in map(_KEY_OF_SEED.fullmatch, scalars) if match is not None}
    statistics = measured | {f"{key}_sd" for key in measured}
    shared = {k: value for k, value in scalars.items() if k not in statistics and not _KEY_OF_SEED.fullmatch(k)}
    prefix = f"{seed_name(seed)}/"
    return shared | {key.removeprefix(prefix): value for key, value in scalars.items() if key.startswith(prefix)}
