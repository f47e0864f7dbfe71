"""What models must have in common to be trained together."""

from collections.abc import Sequence
from typing import NamedTuple

from lr_lightning.models.base import AutoencoderModule


class Architecture(NamedTuple):
    """The class of a model, its weights without their values, and how it takes batches.

    Attributes:
        kind: Import path of its class.
        updates_per_batch: Number of updates per Trainer batch.
        weights: Name, shape and data type of each entry of its state, in order.
    """

    kind: str
    updates_per_batch: int
    weights: tuple[tuple[str, tuple[int, ...], str], ...]

    @classmethod
    def of(cls, model: AutoencoderModule) -> "Architecture":
        """Return the architecture of a model."""
        weights = [(name, tuple(value.shape), str(value.dtype)) for name, value in model.state_dict().items()]
        path = f"{type(model).__module__}.{type(model).__qualname__}"
        return cls(path, model.updates_per_batch, tuple(weights))


def check_alike(models: Sequence[AutoencoderModule], names: Sequence[str]) -> None:
    """Raise ``ValueError`` if models have different architectures; the message names the first that differs."""
    first = Architecture.of(models[0])
    for name, model in zip(names[1:], models[1:], strict=True):
        found = Architecture.of(model)
        if found != first:
            raise ValueError(
                f"{names[0]} and {name} cannot be trained together: they differ in {_difference(first, found)}; "
                "train them apart"
            )


def _difference(first: Architecture, other: Architecture) -> str:
    if first.kind != other.kind:
        return f"their class, {first.kind} and {other.kind}"
    if first.updates_per_batch != other.updates_per_batch:
        return f"updates_per_batch, {first.updates_per_batch} and {other.updates_per_batch}"
    pairs = zip(first.weights, other.weights, strict=False)
    one, two = next(((a, b) for a, b in pairs if a != b), (len(first.weights), len(other.weights)))
    return f"their weights, {one} and {two}"
