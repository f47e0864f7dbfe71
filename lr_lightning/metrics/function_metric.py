"""The base of metric classes whose scores a function computes."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NoReturn

from typing_extensions import override

from lr_lightning.metrics.base import DisentanglementMetric
from lr_lightning.metrics.core.result import MetricResult
from lr_lightning.metrics.core.sample import Sample, Sampling

_TABLE = ("codes", "factors", "log_variances", "sampling")  # what a class has from its batches


class FunctionMetric(DisentanglementMetric):
    """A metric whose scores a function computes; its parameters are the function's.

    A subclass names the function: ``class Mine(FunctionMetric, function=mine)``. The function takes the parameters of
    the metric by keyword, after ``codes`` and ``factors``, and checks them before it reads the sample.

    Attributes:
        function: Function that computes the scores of a :class:`.Sample`.
        arguments: Values of its parameters, defaults included.

    Args:
        sampling: Which rows to train and to test on; the study's by default.
        num_repeats: How often to draw rows and repeat; see :class:`CodeTableMetric`.
        arguments: Parameters of the function, and arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: As the function for wrong parameters, or if a parameter is unknown.
        TypeError: If a parameter without a default is missing.

    Example:
        >>> from lr_lightning.metrics.med import MED
        >>> MED(topk=5).arguments["topk"]
        5
        >>> MED(topk=0)
        Traceback (most recent call last):
        ValueError: topk must be at least 1, got 0
    """

    function: ClassVar[Callable[..., MetricResult]]

    def __init_subclass__(cls, function: Callable[..., MetricResult] | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if function is not None:
            cls.function = staticmethod(function)
            _give_signature(cls, function)

    def __init__(self, *, sampling: Sampling | None = None, num_repeats: int = 1, **arguments: Any) -> None:
        parameters = _parameters(self.function)
        given = {name: value for name, value in arguments.items() if name in parameters}
        super().__init__(sampling, num_repeats, **{name: arguments[name] for name in arguments if name not in given})
        self.arguments: Mapping[str, Any] = {name: each.default for name, each in parameters.items()} | given
        missing = [name for name, value in self.arguments.items() if value is inspect.Parameter.empty]
        if missing:
            raise TypeError(f"{type(self).__name__} needs the argument {missing[0]}")
        _check_arguments(self.function, self.arguments)

    @override
    def score(self, sample: Sample) -> MetricResult:
        return self.function(sample, **self.arguments)

    @override
    def extra_repr(self) -> str:
        """Return the parameters that differ from their defaults."""
        parameters = _parameters(self.function)
        given = {name: value for name, value in self.arguments.items() if value != parameters[name].default}
        return ", ".join(f"{name}={value!r}" for name, value in given.items())


def _parameters(function: Callable[..., MetricResult]) -> dict[str, inspect.Parameter]:
    """Return the parameters of ``function`` by name, but for the code table and ``**kwargs``."""
    parameters = inspect.signature(function).parameters.items()
    return {name: each for name, each in parameters if name not in _TABLE and each.kind is not each.VAR_KEYWORD}


def _give_signature(cls: type[FunctionMetric], function: Callable[..., MetricResult]) -> None:
    """Give the constructor of ``cls`` the signature and the documentation of ``function``.

    Help pages, notebooks and jsonargparse read both from ``__init__``. A type checker sees ``**arguments: Any``: a
    ``ParamSpec`` cannot be joined with further keywords such as ``num_repeats``.
    """

    def __init__(self: FunctionMetric, **arguments: Any) -> None:  # noqa: N807
        super(cls, self).__init__(**arguments)

    constructor = cls.__dict__.get("__init__", __init__)
    own = inspect.signature(FunctionMetric.__init__).parameters
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in _parameters(function).values()]
    torchmetrics_arguments = own["arguments"].replace(name="kwargs")
    constructor.__signature__ = inspect.Signature(
        [own["self"], *parameters, own["sampling"], own["num_repeats"], torchmetrics_arguments]
    )
    constructor.__doc__ = function.__doc__
    constructor.__qualname__, constructor.__module__ = f"{cls.__qualname__}.__init__", cls.__module__
    type.__setattr__(cls, "__init__", constructor)


class _SampleWasReadError(Exception):
    """A function has checked its arguments and begins to compute."""


class _UnreadableSample(Sample):
    """A sample that no function can compute anything of."""

    def __init__(self) -> None: ...

    def __getattribute__(self, name: str) -> NoReturn:
        raise _SampleWasReadError(name)


def _check_arguments(function: Callable[..., MetricResult], arguments: Mapping[str, Any]) -> None:
    """Raise what ``function`` raises for its ``arguments``, without computing anything.

    Wrong parameters are then refused when a metric is made, not after hours of training, and no check is written twice.
    """
    try:
        function(_UnreadableSample(), **arguments)
    except _SampleWasReadError:
        return
