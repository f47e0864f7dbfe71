"""Base classes of the metrics: they collect the code table, and the function of each metric does the mathematics."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat
from torchmetrics.utilities.distributed import gather_all_tensors
from typing_extensions import override

from lr_lightning.common.checks import check_at_least
from lr_lightning.metrics.core.chance_and_ceiling import fill_levels
from lr_lightning.metrics.core.chance_and_ceiling_cache import LevelCache
from lr_lightning.metrics.core.gathered_states import tables_for_all_processes
from lr_lightning.metrics.core.repeats import Draws, is_full_grid
from lr_lightning.metrics.core.result import MetricResult, Score, mean_over_repeats
from lr_lightning.metrics.core.sample import Codes, Sample, Sampling, draw

Variants: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Arguments of a metric's variants by their names."""

_TABLES = ("codes", "factors", "log_variances")


class CodeTableMetric(Metric, ABC):
    """Base class of everything computed from the codes and factors of all batches and processes.

    Rows are kept until :meth:`compute` and concatenated over processes: memory grows as ``N * (D + K)``. Random draws
    do not depend on the order of the rows, so one process and two give the same numbers. A process may have no rows as
    long as another has some.

    Args:
        sampling: Which rows to train and to test on; by default as in the study.
        num_repeats: Number of repeats, for means with standard errors and 95 % intervals: over new rows, or over new
            draws if the table contains each combination of factor values once. In repeats over a sample, groups that
            share a factor are drawn from the rows of the repeat, not from the whole table.
        kwargs: Arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If ``num_repeats < 1``, or ``num_repeats > 1`` with the first rows, which are always the same.
    """

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
        for name in _TABLES:
            self.add_state(name, default=[], dist_reduce_fx="cat")

    @override
    def _sync_dist(
        self, dist_sync_fn: Callable[..., Any] = gather_all_tensors, process_group: Any | None = None
    ) -> None:
        group = process_group or self.process_group
        if dist_sync_fn is gather_all_tensors and self.distributed_available_fn():
            batches = {name: getattr(self, name) for name in _TABLES}
            for name, table in tables_for_all_processes(batches, self.device, group).items():
                setattr(self, name, [table])
        super()._sync_dist(dist_sync_fn, process_group)

    @override
    def update(self, codes: Tensor, factors: Tensor | None = None, log_variances: Tensor | None = None) -> None:
        """Add a batch.

        Args:
            codes: Codes ``(B, D)``; posterior means for a variational model.
            factors: Factor indices ``(B, K)``; ``None`` for unsupervised scores. Either all batches or none must have
                factors; the same holds for log-variances.
            log_variances: Logarithms of the posterior variances ``(B, D)``.

        Raises:
            ValueError: If the numbers of rows differ.
        """
        batch = {"codes": codes, "factors": factors, "log_variances": log_variances}
        given = {name: rows for name, rows in batch.items() if rows is not None}
        for name, rows in given.items():
            if len(rows) != len(codes):
                raise ValueError(
                    f"codes and {name} must have the same number of rows, got {len(codes)} and {len(rows)}"
                )
        for name, rows in given.items():  # all of a batch or nothing of it
            getattr(self, name).append(_gatherable(rows))

    @abstractmethod
    def scores(self) -> Mapping[str, Score]:
        """Return the scores of all batches so far, by their names."""

    @override
    def compute(self) -> Tensor | dict[str, Tensor]:
        """Return the score, a float64 scalar, or a dictionary of scores by name if there are several."""
        scores = {
            name: torch.tensor(score.value, dtype=torch.float64, device=self.device)
            for name, score in self.scores().items()
        }
        return scores if len(scores) > 1 else next(iter(scores.values()))

    @override
    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot values of :meth:`compute`, by default the current one; see :meth:`torchmetrics.Metric.plot`."""
        return self._plot(val, ax)

    def _table(self) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return codes, factors and log-variances of all batches.

        Raises:
            ValueError: If there was no batch, or only some batches had factors or log-variances.
        """
        if not len(self.codes):
            raise ValueError(f"{type(self).__name__} has no codes yet: call update(codes, factors) first")
        codes = dim_zero_cat(self.codes)
        others = []
        for name in _TABLES[1:]:
            batches = getattr(self, name)
            rows = dim_zero_cat(batches) if len(batches) else None
            if rows is not None and len(rows) != len(codes):
                raise ValueError(f"{name} were given for {len(rows)} of {len(codes)} rows; give them always or never")
            others.append(rows)
        return codes, others[0], others[1]

    def _repeats(
        self, codes: Tensor, factors: Tensor | None, log_variances: Tensor | None, kind: Codes
    ) -> tuple[list[Sample], Draws]:
        """Return the rows of each repeat, with posterior means or samples as codes, and how they were drawn."""
        seeds = [self.sampling.seed + 1_000_003 * repeat for repeat in range(self.num_repeats)]
        samples = [draw(codes, factors, replace(self.sampling, seed=seed, codes=kind), log_variances) for seed in seeds]
        full_grid = factors is not None and is_full_grid(factors.cpu().numpy())
        draws = Draws(len(codes), len(samples[0].codes), len(samples[0].test_codes), full_grid)
        if self.num_repeats > 1 and not full_grid:
            if draws.num_train == draws.num_rows:
                warnings.warn(
                    f"each repeat uses all {draws.num_rows} rows, so standard errors over new rows are NaN; choose a "
                    "smaller num_train",
                    stacklevel=3,
                )
            samples = [sample.as_repeat() for sample in samples]
        return samples, draws


def _gatherable(rows: Tensor) -> Tensor:
    """Return ``rows`` detached, in a dtype that processes can exchange: some backends do not support short types."""
    if rows.is_floating_point():
        return rows.detach() if rows.dtype in (torch.float32, torch.float64) else rows.detach().float()
    return rows.detach().long()


class DisentanglementMetric(CodeTableMetric):
    """One metric over all batches and processes.

    Attributes:
        metric: Name of the metric, a prefix of the names of its scores.
        variants: Names of its variants on the command line and in suites, with their arguments, the usual one first;
            if empty, only ``metric`` with the defaults.
        aliases: Other names of the first variant.
        needs_factors: Whether it compares codes with factors.
        needs_log_variances: Whether it is undefined for deterministic codes.
        needs_means: Whether it is defined by posterior means, and possibly by log-variances, so that it gets them even
            where samples from the posteriors are scored.
        refits: Whether it fits predictors or draws many batches, so that computing chance or ceiling is as expensive as
            the score. Chance is then the score of noise, measured once for all codes of a data set.
        num_chance_draws: Number of draws averaged for chance.
    """

    metric: ClassVar[str]
    variants: ClassVar[Variants] = {}
    aliases: ClassVar[tuple[str, ...]] = ()
    needs_factors: ClassVar[bool] = True
    needs_log_variances: ClassVar[bool] = False
    needs_means: ClassVar[bool] = False
    refits: bool = False
    num_chance_draws: int = 5

    def __init__(self, sampling: Sampling | None = None, num_repeats: int = 1, **kwargs: Any) -> None:
        super().__init__(sampling, num_repeats, **kwargs)
        self._level_cache = LevelCache()

    @abstractmethod
    def score(self, sample: Sample) -> MetricResult:
        """Return the result on ``sample``."""

    def kind_of_codes(self, wanted: Codes) -> Codes:
        """Return whether the metric gets posterior means or samples where ``wanted`` is to be scored."""
        return "mean" if self.needs_means or self.needs_log_variances else wanted

    def result(self) -> MetricResult:
        """Return scores with chance and ceiling, matrix and parts, over all batches and processes so far.

        Raises:
            ValueError: If there was no batch, or if the metric's function raises one.
        """
        self.compute()
        if not self.needs_factors:
            return self._result
        return fill_levels(self._result, *self._level_cache.levels(self, self._result, self._first_sample))

    @override
    def scores(self) -> Mapping[str, Score]:
        """Return the scores of all batches so far, by their names."""
        samples, draws = self._repeats(*self._table(), self.kind_of_codes(self.sampling.codes))
        self._first_sample = samples[0]
        result = mean_over_repeats([self.score(sample) for sample in samples], draws)
        self._result = replace(result, codes=samples[0].kind)
        return self._result.scores
