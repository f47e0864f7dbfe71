"""Scalars of several models trained together: of each member, and their means and standard deviations."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch

_T = TypeVar("_T")


def seed_name(seed: int) -> str:
    """Return the name of a seed in keys and file names, such as ``"seed_3"``."""
    return f"seed_{seed}"


def member_label(name: str) -> str:
    """Return the name of a member as it stands in sentences, such as ``"seed 3"``."""
    return name.replace("_", " ")


def member_statistics(names: Sequence[str], scalars: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the scalars to log, given those of each member.

    Args:
        names: The names of the members, such as ``"seed_3"``.
        scalars: The scalars of each member by key.

    Returns:
        The scalar ``k`` of member ``m`` under ``m/k``. For keys that all members have, also the mean under ``k`` and,
        for two members or more, the sample standard deviation (with ``n - 1``) under ``k_sd``; both are NaN if any
        value is.
    """
    found: dict[str, float] = {}
    for name, own in zip(names, scalars, strict=True):
        found |= {f"{name}/{key}": value for key, value in own.items()}
    for key in scalars[0]:
        if all(key in own for own in scalars):
            values = torch.tensor([own[key] for own in scalars], dtype=torch.float64)
            found[key] = values.mean().item()
            if len(values) > 1:
                found[f"{key}_sd"] = values.std().item()
    return found


def scalars_of_member(scalars: Mapping[str, _T], name: str, names: Sequence[str]) -> dict[str, _T]:
    """Return the scalars that a run of one member would log, given those of all.

    Args:
        scalars: Scalars by key, as :func:`member_statistics` returns them, and others that all members share
            (``epoch``).
        name: Name of the member.
        names: The names of all members.

    Returns:
        The scalars of the member under their usual keys, and those that are shared; no means and standard deviations.
    """
    prefixes = tuple(f"{each}/" for each in names)
    of_members = {key for key in scalars if key.startswith(prefixes)}
    measured = {key.removeprefix(prefix) for key in of_members for prefix in prefixes if key.startswith(prefix)}
    left_out = of_members | measured | {f"{key}_sd" for key in measured}
    shared = {key: value for key, value in scalars.items() if key not in left_out}
    own = f"{name}/"
    return shared | {key.removeprefix(own): value for key, value in scalars.items() if key.startswith(own)}
