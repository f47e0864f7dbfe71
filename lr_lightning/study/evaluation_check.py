"""Checks the metrics and assays that a study evaluates."""

from typing import Any

from lr_lightning.callbacks.registry import ASSAYS
from lr_lightning.commands.messages import UsageError
from lr_lightning.metrics.registry import make_metrics
from lr_lightning.study.manifest import Evaluation


def check_evaluation(evaluation: Evaluation) -> None:
    """Construct all metrics and assays once.

    Raises:
        UsageError: If one does not exist, or does not accept an argument.
    """
    try:
        make_metrics(evaluation.metrics)
    except ValueError as error:
        raise UsageError(f"test.metrics: {error}") from error
    for name, given in evaluation.assays.items():
        arguments: dict[str, Any] = dict(given)
        try:
            ASSAYS[name](**arguments)
        except (TypeError, ValueError) as error:
            raise UsageError(f"test.assays.{name}: {error}") from error
