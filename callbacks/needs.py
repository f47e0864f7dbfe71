"""Requirements of assays on the model and its data."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias


class Target(NamedTuple):
    """The model and the data that assays would run on.

    Attributes:
        observation_shape: Shape of one observation.
        latent_dim: Number of latents of the model.
        dataset: The data set; ``None`` if the data module has none.
    """

    observation_shape: tuple[int, ...]
    latent_dim: int
    dataset: Any


Need: TypeAlias = Callable[[Target], str | None]
"""Returns a description of what a target is missing, or ``None`` if it meets the need."""


def first_missing(needs: Iterable[Need], target: Target) -> str | None:
    """Return what ``target`` is missing for the first unmet need, or ``None`` if it meets all ``needs``."""
    return next((missing for need in needs if (missing := need(target)) is not None), None)


def full_factor_grid(target: Target) -> str | None:
    """Need a data set with every combination of its factors."""
    if getattr(target.dataset, "full_grid", False):
        return None
    name = getattr(target.dataset, "name", "the data set")
    if is_unlabeled(target.dataset):
        return f"{name} has no factors"
    return f"{name} does not have every combination of its factors"


def labels(target: Target) -> str | None:
    """Need a factor with at least two values."""
    space = getattr(target.dataset, "factor_space", None)
    if space is not None and any(size > 1 for size in space.sizes):
        return None
    name = getattr(target.dataset, "name", "the data set")
    return f"{name} has no factors" if is_unlabeled(target.dataset) else f"{name} has no factor with two values"


def varying_factors(target: Target) -> str | None:
    """Need two factors that vary; data without factors, or with unknown ones, pass."""
    space = getattr(target.dataset, "factor_space", None)
    if space is None or not space.sizes or sum(size > 1 for size in space.sizes) > 1:
        return None
    return f"{target.dataset.name} does not have two factors that vary"


def is_unlabeled(dataset: Any) -> bool:
    """Return whether a data set is known to have no factors."""
    space = getattr(dataset, "factor_space", None)
    return space is not None and not space.names


def images(target: Target) -> str | None:
    """Need images with 1 or 3 channels."""
    shape = tuple(target.observation_shape)
    drawable = len(shape) == 3 and shape[0] in (1, 3)
    return None if drawable else f"observations of shape {shape} are not images with 1 or 3 channels"


def images_or_points(target: Target) -> str | None:
    """Need images with 1 or 3 channels, or points in three dimensions."""
    return None if tuple(target.observation_shape) == (3,) else images(target)


def two_latents(target: Target) -> str | None:
    """Need a model with at least two latents."""
    return None if target.latent_dim > 1 else "the model has a single latent"
