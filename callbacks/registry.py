"""Assays by the short names that ``lr-lightning assay`` takes, with the sizes they have there."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NamedTuple

from lr_lightning.callbacks import (
    AssayCallback,
    ConditionedResponseAssay,
    ConsistencyAssay,
    DecoderGeometryAssay,
    DisentanglementAssay,
    DynamicsAssay,
    FactorTopologyAssay,
    LatentStatisticsAssay,
    LatentTraversalAssay,
    NoiseRecoveryAssay,
    ReconstructionAssay,
    ResponseJacobianAssay,
    ResponseMapAssay,
    ResponseMatrixAssay,
    ResponsePathAssay,
    SamplingAssay,
)


class Target(NamedTuple):
    """What assays are asked to run on.

    Attributes:
        observation_shape: Shape of one observation.
        latent_dim: Number of latents of the model.
        dataset: The data set, ``None`` if the data module has none.
    """

    observation_shape: tuple[int, ...]
    latent_dim: int
    dataset: Any


def lacks_nothing(_: Target) -> str | None:
    """Return ``None``."""
    return None


def lacks_grid(target: Target) -> str | None:
    """Return what is missing unless the data have every combination of their factors."""
    if getattr(target.dataset, "full_grid", False):
        return None
    return f"{getattr(target.dataset, 'name', 'the data set')} does not have every combination of its factors"


def lacks_factors(target: Target) -> str | None:
    """Return what is missing if the data are known to have fewer than two factors that vary."""
    space = getattr(target.dataset, "factor_space", None)
    if space is None or sum(size > 1 for size in space.sizes) > 1:
        return None
    return f"{target.dataset.name} does not have two factors that vary"


def lacks_images(target: Target) -> str | None:
    """Return what is missing unless observations are images with 1 or 3 channels."""
    shape = target.observation_shape
    drawable = len(shape) == 3 and shape[0] in (1, 3)
    return None if drawable else f"observations of shape {tuple(shape)} are no images of 1 or 3 channels"


def lacks_images_or_points(target: Target) -> str | None:
    """Return what is missing unless observations are such images or points in space."""
    return None if tuple(target.observation_shape) == (3,) else lacks_images(target)


def lacks_pairs(target: Target) -> str | None:
    """Return what is missing unless there are two latents."""
    return None if target.latent_dim > 1 else "the model has a single latent"


@dataclass(frozen=True)
class CatalogueEntry:
    """An assay of the catalogue.

    Attributes:
        assay: Its callback.
        summary: What it tells, in one line.
        options: Arguments that differ from the callback's own defaults, which are chosen for validations.
        size: The argument that says at how many codes it measures, ``None`` without one.
        lacks: Says what the assay needs and does not find in a target, ``None`` if nothing.
    """

    assay: type[AssayCallback]
    summary: str
    options: Mapping[str, Any] = field(default_factory=dict)
    size: str | None = None
    lacks: Callable[[Target], str | None] = lacks_nothing

    @property
    def default_size(self) -> int | None:
        """Number of codes at which it measures if nothing else is asked for."""
        return None if self.size is None else self.options.get(self.size, self._parameters()[self.size].default)

    def config(self, seed: int, num_samples: int | None) -> dict[str, Any]:
        """Return the entry of the assay in a config: class path and arguments.

        Args:
            seed: Seed of its random choices, if it makes any.
            num_samples: Number of codes that it measures at, if it has one; its own if ``None``.
        """
        arguments = dict(self.options)
        if "seed" in self._parameters():
            arguments["seed"] = seed
        if self.size is not None and num_samples is not None:
            arguments[self.size] = num_samples
        return {"class_path": f"{self.assay.__module__}.{self.assay.__qualname__}", "init_args": arguments}

    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.assay).parameters


CATALOGUE: Mapping[str, CatalogueEntry] = MappingProxyType(
    {
        "reconstruction": CatalogueEntry(
            ReconstructionAssay, "Observations beside their reconstructions", lacks=lacks_images_or_points
        ),
        "latent_traversal": CatalogueEntry(
            LatentTraversalAssay, "Decoded images along each latent", lacks=lacks_images
        ),
        "latent_statistics": CatalogueEntry(
            LatentStatisticsAssay, "How much each latent is used: KL, active units, polarised regime"
        ),
        "response_matrix": CatalogueEntry(
            ResponseMatrixAssay,
            "Which latents answer when one is replaced, as a matrix and a graph",
            size="num_samples",
        ),
        "conditioned_response": CatalogueEntry(
            ConditionedResponseAssay,
            "Which latents answer along which factor, with CDS, CCS and chance",
            {"num_traversals": 20, "num_samples": 16},
            lacks=lacks_grid,
        ),
        "disentanglement": CatalogueEntry(
            DisentanglementAssay,
            "Disentanglement scores of codes and factors that take seconds",
            {"metrics": ["fast", "dci", "infomec"], "final_metrics": []},
            lacks=lacks_factors,
        ),
        "factor_topology": CatalogueEntry(
            FactorTopologyAssay,
            "Whether codes along a factor lie like categories, a line or a circle",
            lacks=lacks_grid,
        ),
        "response_map": CatalogueEntry(
            ResponseMapAssay, "Where decoding and encoding moves codes, on slices of two latents", lacks=lacks_pairs
        ),
        "response_jacobian": CatalogueEntry(
            ResponseJacobianAssay, "How decoding and encoding stretches and flattens around codes", size="num_samples"
        ),
        "decoder_geometry": CatalogueEntry(
            DecoderGeometryAssay, "How evenly steps of codes change what is decoded", size="num_samples"
        ),
        "dynamics": CatalogueEntry(
            DynamicsAssay, "Where codes end when they are decoded and encoded again and again", size="num_samples"
        ),
        "noise_recovery": CatalogueEntry(
            NoiseRecoveryAssay, "How much noise of codes is left after decoding and encoding", size="num_samples"
        ),
        "response_path": CatalogueEntry(
            ResponsePathAssay, "Paths between codes where the response is small, beside lines", size="num_samples"
        ),
        "sampling": CatalogueEntry(
            SamplingAssay, "Samples, and how far the prior, the codes and the responses are apart", size="num_codes"
        ),
        "consistency": CatalogueEntry(
            ConsistencyAssay, "Invariance, equivariance and self-consistency when latents are set", size="num_samples"
        ),
    }
)
"""All assays, in the order of a report: from what the model does to data to how its latents hang together."""


def choose_assays(names: Sequence[str]) -> list[str]:
    """Return the assays that ``names`` stand for, each once and in the order of the catalogue.

    Args:
        names: Names of :data:`CATALOGUE`; ``"all"`` is each of them.

    Raises:
        ValueError: If there is no name, or one is unknown.

    Example:
        >>> choose_assays(["response_map", "response_matrix"])
        ['response_matrix', 'response_map']
    """
    if not names:
        raise ValueError("--assays is empty; name some with commas between, or say all")
    for name in names:
        if name != "all" and name not in CATALOGUE:
            close = get_close_matches(name, CATALOGUE, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(CATALOGUE)}"
            raise ValueError(f"there is no assay {name!r}; {hint}")
    return [name for name in CATALOGUE if name in names or "all" in names]
