"""The base of all metric classes: they hold the code table, the functions beside them do the mathematics."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat
from typing_extensions import override

from lr_lightning.metrics.functional.checks import check_at_least
from lr_lightning.metrics.functional.result import MetricResult, mean_over_repeats
from lr_lightning.metrics.functional.sample import Sample, Sampling, draw


class DisentanglementMetric(Metric, ABC):
    """A score of codes against factors, over all batches and processes.

    Rows are kept until :meth:`compute` and concatenated over processes: memory grows as ``N * (D + K)``. Which rows a
    random draw takes does not depend on their order, so that one process and two give the same numbers.

    Attributes:
        metric: Name of the metric, which its scores begin with.

    Args:
        sampling: Which rows to train and to test on; the study's by default.
        num_repeats: How often to draw rows and repeat, for a mean and its standard error.
        kwargs: Arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``num_repeats < 1``, or above 1 with the first rows, which do not change.
    """

    metric: ClassVar[str]
    is_differentiable = False
    full_state_update = False
    codes: list[Tensor]
    factors: list[Tensor]
    log_variances: list[Tensor]

    def __init__(self, sampling: Sampling | None = None, num_repeats: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_at_least("num_repeats", num_repeats, 1)
        self.sampling = sampling or Sampling()
        self.num_repeats = num_repeats
        if num_repeats > 1 and self.sampling.order == "first":
            raise ValueError("repeats draw new rows: num_repeats > 1 needs Sampling(order='random')")
        for name in ("codes", "factors", "log_variances"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    @abstractmethod
    def score(self, sample: Sample) -> MetricResult:
        """Return the result on ``sample``."""

    @override
    def update(self, codes: Tensor, factors: Tensor, log_variances: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            codes: Codes ``(B, D)``; posterior means for a variational model.
            factors: Factor indices ``(B, K)``.
            log_variances: Logarithms of the posterior variances ``(B, D)``; in all batches or in none.

        Raises:
            ValueError: If the number of rows differs.
        """
        if len(codes) != len(factors):
            raise ValueError(f"codes and factors must have as many rows, got {len(codes)} and {len(factors)}")
        self.codes.append(codes.detach())
        self.factors.append(factors.detach())
        if log_variances is not None:
            self.log_variances.append(log_variances.detach())

    def result(self) -> MetricResult:
        """Return scores, matrix and parts over all batches so far, of this process only.

        Raises:
            ValueError: If there was no batch, or as the metric's function.
        """
        if not len(self.codes):
            raise ValueError(f"{type(self).__name__} has no codes yet: call update(codes, factors) first")
        variances = dim_zero_cat(self.log_variances) if len(self.log_variances) else None
        codes, factors = dim_zero_cat(self.codes), dim_zero_cat(self.factors)
        return mean_over_repeats(
            [self.score(draw(codes, factors, each, variances)) for each in repeats(self.sampling, self.num_repeats)]
        )

    @override
    def compute(self) -> Tensor | dict[str, Tensor]:
        """Return the score, a float64 scalar, or a dictionary of them by name if there are several."""
        scores = {
            name: torch.tensor(score.value, dtype=torch.float64, device=self.device)
            for name, score in self.result().scores.items()
        }
        return scores if len(scores) > 1 else next(iter(scores.values()))

    @override
    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot values of :meth:`compute`, the present one by default; see :meth:`torchmetrics.Metric.plot`."""
        return self._plot(val, ax)


def repeats(sampling: Sampling, num_repeats: int) -> Sequence[Sampling]:
    """Return ``sampling`` with as many seeds; the first is its own."""
    return [replace(sampling, seed=sampling.seed + 1_000_003 * r) for r in range(num_repeats)]
