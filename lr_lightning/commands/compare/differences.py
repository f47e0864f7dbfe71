"""Differences of two runs: of their configs, of their weights, and of their scalars."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
import yaml
from torch import Tensor

MISSING = "-"
"""Shown in place of a value that one of the runs does not have."""
_PLACE = "trainer.default_root_dir"


class Row(NamedTuple):
    """A key with its values in two runs.

    Attributes:
        key: The key.
        first: Value in the first run, as text.
        second: Value in the second run, as text.
        change: Second minus first, as text; empty if there is none.
    """

    key: str
    first: str
    second: str
    change: str = ""

    @property
    def is_equal(self) -> bool:
        """Whether the values are equal, and not only their texts, which are rounded; undefined ones are equal."""
        return self.change == "0" or (self.first == self.second and not self.change)


def config_rows(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Row]:
    """Return the keys whose values differ in two configs, with the names of the command line.

    Where an object has another class, its arguments are compared by their names. A missing key is equal to ``null``.
    The place of the run is left out.

    Args:
        first: A resolved config, plain values.
        second: Another.
    """
    flat = [dict(_leaves(config, "")) for config in (first, second)]
    keys = [key for key in dict.fromkeys([*flat[0], *flat[1]]) if key != _PLACE]
    rows = [Row(key, flat[0].get(key, MISSING), flat[1].get(key, MISSING)) for key in keys]
    unset = {MISSING, "null"}
    return [row for row in rows if row.first != row.second and {row.first, row.second} != unset]


def scalar_rows(first: Mapping[str, float], second: Mapping[str, float]) -> list[Row]:
    """Return all scalars of two runs except times; those that only one run has are last.

    Args:
        first: Scalars by their keys, NaN where undefined.
        second: Those of the other run.
    """
    keys = sorted(
        (key for key in first.keys() | second.keys() if not key.endswith("/seconds")),
        key=lambda key: (key not in first or key not in second, key),
    )
    pairs = {key: (first.get(key), second.get(key)) for key in keys}
    return [Row(key, _number(one), _number(two), _change(one, two)) for key, (one, two) in pairs.items()]


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:.6g}"


def _change(first: float | None, second: float | None) -> str:
    if first is None or second is None or not math.isfinite(first) or not math.isfinite(second):
        return ""
    return "0" if first == second else f"{second - first:+.4g}"


def weights_sentence(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> str:
    """Return whether two state dicts are equal to the bit, and otherwise where they differ most."""
    forms = [{name: f"{tuple(v.shape)} {v.dtype}" for name, v in weights.items()} for weights in (first, second)]
    others = sorted(name for name in forms[0] | forms[1] if forms[0].get(name) != forms[1].get(name))
    if others:
        one, two = (form.get(others[0], "missing") for form in forms)
        return f"of different networks: {len(others)} differ in shape or type, first {others[0]}, {one} and {two}"
    changes = {name: _largest_change(first[name], second[name]) for name in first}
    changed = [name for name, change in changes.items() if change is not None]
    if not changed:
        return f"equal to the bit, all {len(first)} tensors"
    name = max(changed, key=lambda name: changes[name] or 0.0)
    return f"different in {len(changed)} of {len(first)} tensors, by at most {changes[name]:.2g} ({name})"


def _largest_change(first: Tensor, second: Tensor) -> float | None:
    """Return the largest difference of two tensors of one shape and type; ``None`` if all their bits are equal."""
    bits = [value.contiguous().reshape(-1).view(torch.uint8) for value in (first, second)]
    if torch.equal(*bits):
        return None
    # NaN in one of them is the largest difference there is
    return float((second.double() - first.double()).abs().nan_to_num(nan=math.inf).max())


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the keys of a config, at any depth, and their values as text; an object is named by its class."""
    if isinstance(value, Mapping) and value:
        if "class_path" in value:
            yield path, str(value["class_path"])
        inner = {key: each for key, each in value.items() if key not in ("class_path", "init_args")}
        for key, each in (inner | (value.get("init_args") or {})).items():
            yield from _leaves(each, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        for number, each in enumerate(value):
            yield from _leaves(each, f"{path}[{number}]")
    else:
        line: str = yaml.safe_dump(value, default_flow_style=True, width=10**9)
        yield path, line.removesuffix("...\n").strip()
