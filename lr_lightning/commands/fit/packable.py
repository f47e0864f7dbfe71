"""Which runs can be trained together: those whose configs differ in numbers of the objective and the optimizer only."""

from collections.abc import Iterator, Mapping
from typing import Any

_OF_THE_RUN = frozenset({"seed_everything", "seeds", "ckpt_path", "wandb"})
"""Keys that are a run's own, whatever it is trained with."""
_ONE_FOR_ALL = frozenset({"network", "assays", "channels_last", "compile_network", "updates_per_batch"})
"""Arguments of a model that all members of an ensemble share: the architecture, and what runs on a batch."""


def shared_values(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that configs must share for their runs to be trained together.

    These are all but the numbers of the model outside its network, such as weights of the objective, capacities and
    their schedules, parameters of the likelihood and the optimizer. Classes, texts and flags must be the same, so that
    members have as many optimizers and schedules. Numbers that change the shapes of weights, such as the widths of a
    discriminator, are found out by :func:`~lr_lightning.models.architecture.check_alike`.

    Args:
        config: A complete config, plain values.

    Returns:
        Values by their keys on the command line; ``Ellipsis`` in place of numbers that may differ.

    Example:
        >>> shared_values({"model": {"class_path": "VAE", "init_args": {"beta": 4.0, "network": {"latent_dim": 6}}}})
        {'model': 'VAE', 'model.beta': Ellipsis, 'model.network.latent_dim': 6}
    """
    kept = {key: value for key, value in config.items() if key not in _OF_THE_RUN}
    if kept.get("trainer"):
        kept["trainer"] = {key: value for key, value in kept["trainer"].items() if key != "default_root_dir"}
    return {key: ... if _may_differ(key, value) else value for key, value in _flat(kept, "")}


def check_shared(first: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` if the runs of two complete configs cannot be trained together; it names the first key."""
    one, two = shared_values(first), shared_values(other)
    for key in [*one, *two]:
        if key not in one or key not in two or one[key] != two[key]:
            values = " and ".join(str(found[key]) if key in found else "not set" for found in (one, two))
            raise ValueError(
                f"runs that are trained together may differ in numbers of the model outside its network, but not in "
                f"{key}, which is {values}; train them apart"
            )


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield the values of nested mappings and lists by their keys; classes stand under the key of their object."""
    if isinstance(value, Mapping) and isinstance(value.get("class_path"), str):
        yield key, value["class_path"]
        yield from _flat(value.get("init_args") or {}, key)
        yield from _flat({name: each for name, each in value.items() if name not in ("class_path", "init_args")}, key)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(each, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        yield f"{key}.length", str(len(value))
        for number, each in enumerate(value):
            yield from _flat(each, f"{key}[{number}]")
    else:
        yield key, value


def _may_differ(key: str, value: Any) -> bool:
    part, _, rest = key.partition(".")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and part == "model" and rest.partition(".")[0].partition("[")[0] not in _ONE_FOR_ALL
