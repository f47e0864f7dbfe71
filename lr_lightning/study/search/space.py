"""What a search draws values from."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias

from lr_lightning.commands.messages import UsageError
from lr_lightning.study.blocks import with_numbers
from lr_lightning.study.key_hint import key_hint

Plain: TypeAlias = "bool | int | float | str | None"
KINDS = ("uniform", "log_uniform", "int", "log_int", "choice")
"""Kinds of distributions: numbers between two bounds, evenly or by their logarithms, or any of several values."""


@dataclass(frozen=True)
class Distribution:
    """The values that a search tries for one key.

    Attributes:
        kind: One of :data:`KINDS`.
        values: The two bounds, both included, or the values to choose from.
    """

    kind: str
    values: tuple[Plain, ...]

    def for_optuna(self) -> Any:
        """Return it as Optuna knows it."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.kind == "choice":
            return CategoricalDistribution(self.values)
        make = IntDistribution if self.kind.endswith("int") else FloatDistribution
        return make(*self.values, log=self.kind.startswith("log"))


def read_space(given: Any) -> dict[str, Distribution]:
    """Return the distribution of each key.

    Args:
        given: The value of ``space`` in a search file, such as ``{model.beta: {log_uniform: [1, 16]}}``.

    Raises:
        UsageError: If a distribution is unknown or has no values, or bounds are not increasing numbers.
    """
    if not isinstance(given, dict) or not given:
        raise UsageError(
            f"space must be a mapping of keys to distributions, such as {{model.beta: {{log_uniform: [1, 16]}}}}, "
            f"got {given!r}"
        )
    return {key: _distribution(f"space: {key}", value) for key, value in given.items()}


def _distribution(place: str, given: Any) -> Distribution:
    if not isinstance(given, Mapping) or len(given) != 1:
        raise UsageError(f"{place} must have one distribution, such as {{choice: [6, 10]}}, got {given!r}")
    [(kind, values)] = given.items()
    if kind not in KINDS:
        raise UsageError(f"{place} has no distribution {kind!r}; {key_hint(kind, KINDS)}")
    if isinstance(values, list):
        values = [with_numbers(value) for value in values]
    else:
        raise UsageError(f"{place}.{kind} must be a list, got {values!r}")
    if kind == "choice":
        _check_choices(f"{place}.choice", values)
    else:
        _check_bounds(f"{place}.{kind}", kind, values)
    return Distribution(kind, tuple(values))


def _check_choices(place: str, values: list[Any]) -> None:
    if not values or not all(isinstance(value, bool | int | float | str | None) for value in values):
        raise UsageError(f"{place} must be a list of numbers and words, got {values}")
    if len({repr(value) for value in values}) < len(values):
        raise UsageError(f"{place} has a value twice: {values}")


def _check_bounds(place: str, kind: str, values: list[Any]) -> None:
    wanted = int if kind.endswith("int") else int | float
    numbers = [value for value in values if isinstance(value, wanted) and not isinstance(value, bool)]
    if len(values) != 2 or len(numbers) != 2 or not all(map(isfinite, numbers)) or not numbers[0] < numbers[1]:
        what = "whole numbers" if kind.endswith("int") else "numbers"
        raise UsageError(f"{place} must be two increasing {what}, its bounds, got {values}")
    if kind.startswith("log") and numbers[0] <= 0:
        raise UsageError(f"{place} must have positive bounds, got {values}")
