"""Several metrics on one code table, with shared intermediate results."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor
from typing_extensions import override

from lr_lightning.common.checks import check_choice
from lr_lightning.metrics.base import CodeTableMetric, DisentanglementMetric
from lr_lightning.metrics.core.chance_and_ceiling import fill_levels
from lr_lightning.metrics.core.chance_and_ceiling_cache import LEVEL_CHOICES, LevelCache, LevelChoice
from lr_lightning.metrics.core.result import MetricResult, Score, mean_over_repeats
from lr_lightning.metrics.core.sample import Sample, Sampling
from lr_lightning.metrics.core.truncated import active_latents_only, on_active_latents
from lr_lightning.metrics.registry import make_metrics
from lr_lightning.metrics.score_table import ScoreRow, ScoreTable, rows_of

Progress = Callable[[str, int, int], None]
"""Called before each metric with its name, the number done and the total."""


class DisentanglementSuite(CodeTableMetric):
    """Runs chosen metrics on one code table; splits, bins, information and fits that metrics share are made once.

    A score depends on the codes, its own parameters and the seed, never on which other metrics run.

    Args:
        metrics: Names of metrics or groups of them (see :data:`lr_lightning.metrics.METRICS` and
            :data:`lr_lightning.metrics.GROUPS`) and import paths such as ``"mypackage.MyMetric"``; or metric objects by
            names of your choice, which their scores then begin with. Sampling and repeats of the objects are not used.
        sampling: Which rows to train and to test on; the study's by default.
        num_repeats: How often to draw rows and repeat, for means with standard errors and 95 % intervals; see
            :class:`CodeTableMetric`.
        truncated: Also score active latents only, under the same names with ``_active`` added.
        levels: Which metrics get chance and ceiling: ``"all"``; ``"cheap"``, those that fit no predictors; ``"none"``.
            They are measured on the rows of the first repeat, and timed separately from the scores.
        level_cache: Where levels are looked up and kept; a new one if ``None``.
        kwargs: Arguments of :class:`torchmetrics.Metric`.

    Raises:
        ValueError: If a name is unknown or there is no metric, ``num_repeats < 1``, or above 1 with the first rows.

    Example:
        >>> import torch
        >>> factors = torch.cartesian_prod(torch.arange(4), torch.arange(5), torch.arange(6))
        >>> table = DisentanglementSuite(["mig", "modularity"]).run(factors.float(), factors)
        >>> table["mig"] > 0.9
        True
    """

    def __init__(
        self,
        metrics: Iterable[str] | Mapping[str, DisentanglementMetric] = ("default",),
        sampling: Sampling | None = None,
        num_repeats: int = 1,
        truncated: bool = False,
        levels: LevelChoice = "all",
        level_cache: LevelCache | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(sampling, num_repeats, **kwargs)
        self.metrics = dict(metrics) if isinstance(metrics, Mapping) else make_metrics(metrics)
        if not self.metrics:
            raise ValueError("metrics is empty; name one at least, such as 'mig' or the group 'fast'")
        check_choice("levels", levels, LEVEL_CHOICES)
        self.truncated = truncated
        self.levels = levels
        self.level_cache = level_cache or LevelCache()

    def run(
        self,
        codes: Tensor,
        factors: Tensor | None,
        log_variances: Tensor | None = None,
        progress: Progress | None = None,
    ) -> ScoreTable:
        """Return the scores of a given code table, independent of the batches passed to ``update``.

        Args:
            codes: Codes, shape ``(N, D)``; posterior means for a variational model.
            factors: Factor indices, shape ``(N, K)``; ``None`` if all metrics do without.
            log_variances: Logarithms of the posterior variances, shape ``(N, D)``; needed to score samples.
            progress: Called before each metric with its name, the number done and the total.

        Raises:
            ValueError: If a shape or type is wrong, codes are not finite, there are too few rows, or factors are
                missing that a metric needs.
        """
        if factors is None:
            needing = [name for name, metric in self.metrics.items() if metric.needs_factors]
            if needing:
                raise ValueError(f"factors are missing, which {', '.join(needing)} need")
        kinds = {metric.kind_of_codes(self.sampling.codes) for metric in self.metrics.values()}
        repeats = {kind: self._repeats(codes, factors, log_variances, kind) for kind in kinds}
        rows: list[ScoreRow] = []
        results: dict[str, MetricResult] = {}
        for done, (name, metric) in enumerate(self.metrics.items()):
            if progress is not None:
                progress(name, done, len(self.metrics))
            samples, draws = repeats[metric.kind_of_codes(self.sampling.codes)]
            for full_name, score in self._variants(name, metric):
                start = time.perf_counter()
                result = mean_over_repeats([score(sample) for sample in samples], draws)
                result = replace(result, codes=samples[0].kind)
                seconds = time.perf_counter() - start
                result = self._with_levels(metric, result, samples[0], full_name.removeprefix(name))
                results[full_name] = _named(result, name)
                rows += rows_of(results[full_name], seconds, time.perf_counter() - start - seconds)
        return ScoreTable(tuple(rows), results)

    def table(self) -> ScoreTable:
        """Return the scores of all batches and processes so far.

        Raises:
            ValueError: As :meth:`run`, or if there was no batch.
        """
        self.compute()
        return self._computed_table

    @override
    def scores(self) -> Mapping[str, Score]:
        """Return the scores of all batches so far, by their names."""
        self._computed_table = self.run(*self._table())
        return {
            name: score for result in self._computed_table.results.values() for name, score in result.scores.items()
        }

    def _variants(self, name: str, metric: DisentanglementMetric) -> list[tuple[str, Callable[[Sample], MetricResult]]]:
        """Return the metric, and that on active latents if asked for."""
        whole = (name, metric.score)
        if not self.truncated:
            return [whole]
        return [whole, (f"{name}_active", lambda sample: on_active_latents(metric.score, sample))]

    def _with_levels(
        self, metric: DisentanglementMetric, result: MetricResult, sample: Sample, suffix: str
    ) -> MetricResult:
        """Return the result of a metric, or of its variant with ``suffix``, with levels if they were asked for."""
        wanted = self.levels == "all" or (self.levels == "cheap" and not metric.refits)
        scored = active_latents_only(sample) if suffix else sample
        if not wanted or not metric.needs_factors or scored is None:
            return result
        with_suffix = (
            {f"{name}{suffix}": value for name, value in values.items()}
            for values in self.level_cache.levels(metric, result, scored)
        )
        return fill_levels(result, *with_suffix)


def _named(result: MetricResult, name: str) -> MetricResult:
    """Return the result with scores that begin with ``name`` in place of the metric's, if they do not already."""
    if all(score == name or score.startswith(f"{name}_") for score in result.scores):
        return result
    scores = {f"{name}{full_name.removeprefix(result.metric)}": score for full_name, score in result.scores.items()}
    return replace(result, metric=name, scores=scores)
