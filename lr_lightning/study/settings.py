"""Reads the parts of a study file about evaluation and resources."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Literal, cast

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.key_hint import key_hint
from lr_lightning.study.manifest import Evaluation, Resources, Value

_CODES = ("mean", "sample")
_CHECKPOINTS = ("last", "best")
_UDR_INPUTS = 1000
"""How many observations Duan et al. (2020) find enough."""


def parse_evaluation(given: Any) -> Evaluation:
    """Return what is measured on each run.

    Names of metrics and assays are not looked up: see :func:`~lr_lightning.study.evaluation_check.check_evaluation`.

    Args:
        given: The value of ``test`` in a study file.

    Raises:
        UsageError: If a key is unknown or a value has the wrong type.
    """
    values = _mapping("test", given, ("metrics", "assays", "codes", "checkpoint", "udr"))
    found = Evaluation()
    codes = values.get("codes", found.codes)
    if codes not in _CODES:
        raise UsageError(f"test.codes must be one of {', '.join(_CODES)}, got {codes!r}")
    checkpoint = values.get("checkpoint", found.checkpoint)
    if checkpoint not in _CHECKPOINTS:
        raise UsageError(f"test.checkpoint must be one of {', '.join(_CHECKPOINTS)}, got {checkpoint!r}")
    return Evaluation(
        metrics=tuple(_names("test.metrics", values.get("metrics", list(found.metrics)))),
        assays=_assays(values.get("assays")),
        codes=cast(Literal["mean", "sample"], codes),
        checkpoint=cast(Literal["last", "best"], checkpoint),
        udr_inputs=_udr_inputs(values.get("udr")),
    )


def parse_resources(given: Any) -> Resources:
    """Return what one job occupies.

    Args:
        given: The value of ``resources`` in a study file.

    Raises:
        UsageError: If a key is unknown, ``cpus`` is not a positive number, or ``gpus`` is neither a share below 1 nor a
            whole number.
    """
    values = _mapping("resources", given, ("cpus", "gpus"))
    cpus, gpus = values.get("cpus"), values.get("gpus", 0)
    if cpus is not None and not (_is_number(cpus) and cpus > 0):
        raise UsageError(f"resources.cpus must be a positive number of cores, got {cpus!r}")
    if not (_is_number(gpus) and gpus >= 0):
        raise UsageError(f"resources.gpus must be a number of devices, or the share of one device, got {gpus!r}")
    if gpus > 1 and gpus != int(gpus):
        raise UsageError(f"resources.gpus must be a whole number if it is above 1, got {gpus!r}")
    return Resources(None if cpus is None else float(cpus), float(gpus))


def _mapping(name: str, given: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise UsageError(f"{name} must be a mapping with the keys {', '.join(keys)}, got {given!r}")
    for key in given:
        if key not in keys:
            raise UsageError(f"{name} has no key {key!r}; {key_hint(key, keys)}")
    return given


def _udr_inputs(given: Any) -> int | None:
    if given is None or isinstance(given, bool):
        return _UDR_INPUTS if given else None
    num_inputs = _mapping("test.udr", given, ("num_inputs",)).get("num_inputs", _UDR_INPUTS)
    if not isinstance(num_inputs, int) or isinstance(num_inputs, bool) or num_inputs < 2:
        raise UsageError(f"test.udr.num_inputs must be a whole number, 2 or more, got {num_inputs!r}")
    return num_inputs


def _names(name: str, given: Any) -> list[str]:
    """Return the names in a list, or a single one."""
    names = [] if given is None else [given] if isinstance(given, str) else given
    if not isinstance(names, list) or not all(isinstance(each, str) and each for each in names):
        raise UsageError(f"{name} must be a name or a list of names, got {given!r}")
    if len(set(names)) < len(names):
        raise UsageError(f"{name} has a name twice: {', '.join(names)}")
    return names


def _assays(given: Any) -> Mapping[str, Mapping[str, Value]]:
    """Return the arguments of each assay, from a list of names or a mapping of names to arguments."""
    if not isinstance(given, dict):
        return {name: {} for name in _names("test.assays", given)}
    for name, arguments in given.items():
        if not isinstance(name, str) or not isinstance(arguments, dict | None):
            raise UsageError(f"test.assays.{name} must be a mapping of arguments to values, got {arguments!r}")
    return {name: dict(arguments or {}) for name, arguments in given.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
