"""Metrics that take their parameters from a function."""

from typing import Any

import pytest

from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sample, Sampling
from lr_lightning.metrics.function_metric import FunctionMetric


def quantile(
    codes: Sample, factors: None = None, *, level: float, sampling: Sampling | None = None, **options: Any
) -> MetricResult:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    raise AssertionError(codes.codes)


class Quantile(FunctionMetric, function=quantile):
    metric = "quantile"


def test_arguments_are_checked_and_nothing_is_computed() -> None:
    assert Quantile(level=0.5).arguments == {"level": 0.5}
    with pytest.raises(ValueError, match=r"level .*got 2"):
        Quantile(level=2)


def test_a_parameter_without_default_must_be_given() -> None:
    with pytest.raises(TypeError, match=r"Quantile.*level"):
        Quantile()


def test_keyword_arguments_of_the_function_are_none_of_the_metric() -> None:
    with pytest.raises(ValueError, match="options"):
        Quantile(level=0.5, options=1)
