"""Disentanglement scores, in validation and in testing."""

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from typing_extensions import override

from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.cautions import code_cautions
from lr_lightning.callbacks.code_table import CodeTable
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.needs import varying_factors
from lr_lightning.callbacks.posteriors import check_posteriors
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import defined, number
from lr_lightning.callbacks.sharding import gather_computed
from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.loggers.media import save_score_table
from lr_lightning.metrics.core.chance_and_ceiling_cache import LEVEL_CHOICES, LevelChoice, cache_of_the_process
from lr_lightning.metrics.core.sample import Codes, Sampling
from lr_lightning.metrics.registry import make_metrics
from lr_lightning.metrics.score_report import score_report
from lr_lightning.metrics.score_table import ScoreRow, ScoreTable
from lr_lightning.metrics.suite import DisentanglementSuite
from lr_lightning.plots.scores import distinct_matrices, score_matrix_figure


class DisentanglementAssay(AssayCallback):
    """Scores the codes of the validation pass against the factors: cheap metrics often, expensive ones at the end.

    Scalars are logged as ``metric/<metric>/<variant>`` (``metric/mig/score``, ``metric/dci/lightgbm_completeness``),
    the matrices they are computed from as heat maps ``metric/<metric>/matrix``, and all scores as one table
    ``metric/scores``. The codes of the pass are reused. Without factors, only scores that do not need them are
    computed.

    Codes or log-variances that are NaN or infinite make all scores NaN, with a warning.

    Attributes:
        table: Scores of the last run; ``None`` before.
        table_path: Path of the saved table.

    Args:
        metrics: Metrics, groups or import paths of metrics to run each time; see :data:`lr_lightning.metrics.GROUPS`.
        final_metrics: Additional metrics or groups for the last validation and every test.
        every_n_validations: How often to run ``metrics``; 0 for the last validation only.
        final_every_n_validations: How often to run ``final_metrics`` during training; 0 for the last validation only.
        num_train: Rows to fit or count on; 10,000 as in the study, or two thirds, if ``None``.
        num_test: Held-out rows; 5,000, or one third, if ``None``.
        num_repeats: Number of times to draw rows; if above 1, the table has means, standard errors and 95 % intervals.
        seed: Seed of the random choices, the same in each validation so that results are comparable.
        levels: Which metrics get chance and ceiling levels during training: ``"cheap"`` for those that fit no
            predictors; ``"all"``, which at least doubles the time of the first validation with them, but not of later
            ones; or ``"none"``. Outside training, all metrics get them.
        print_table: Print the whole table above the summary at the end of the run.
        codes: ``"mean"``: score posterior means; ``"sample"``: score one sample from each posterior. The samples depend
            on ``seed`` alone. Metrics of whole posteriors have means and log-variances either way.

    Raises:
        ValueError: If a number is too small, or a metric, ``levels`` or ``codes`` is unknown; at the start of a run, if
            a deterministic autoencoder is to be scored by samples.
    """

    name = "disentanglement"
    summary = "Disentanglement scores of codes and factors that take seconds"
    needs = (varying_factors,)
    report_options = {"metrics": ["fast", "dci", "infomec"], "final_metrics": []}
    captions = {"*": "The matrix that the score is computed from."}

    def __init__(
        self,
        metrics: Sequence[str] = ("fast",),
        final_metrics: Sequence[str] = ("default",),
        every_n_validations: int = 1,
        final_every_n_validations: int = 0,
        num_train: int | None = None,
        num_test: int | None = None,
        num_repeats: int = 1,
        seed: int = 0,
        levels: LevelChoice = "cheap",
        print_table: bool = False,
        codes: Codes = "mean",
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("final_every_n_validations", final_every_n_validations, 0)
        check_at_least("num_repeats", num_repeats, 1)
        frequent, final = make_metrics(metrics), make_metrics(final_metrics)
        self._metrics = {**frequent, **final}
        named = [name for name in (*metrics, *final_metrics) if name not in _BROAD_GROUPS]
        self._asked_for = frozenset(make_metrics(named))
        self.metrics, self.final_metrics = list(frequent), list(final)
        # sap_r2 is logged as sap/r2, together with other kinds of sap
        families = dict.fromkeys(name.partition("_")[0] for name in [*self.metrics, *self.final_metrics])
        self.quantities = [f"{family}*" for family in families]
        self.final_every_n_validations = final_every_n_validations
        self.sampling = Sampling(num_train, num_test, seed=seed, codes=codes)
        self.num_repeats = num_repeats
        check_choice("levels", levels, LEVEL_CHOICES)
        self.levels = levels
        self.print_table = print_table
        self.table: ScoreTable | None = None
        self.table_path: Path | None = None

    @property
    @override
    def prefix(self) -> str:
        """Prefix of the keys, since scores are logged under the name of their metric, not of this callback."""
        return "metric"

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if self.sampling.codes == "sample":
            check_posteriors(pl_module)

    @override
    def run(self, context: AssayContext) -> AssayResult:
        names = self._due_metrics(context.trainer)
        table, names_of_factors = _varying_factors(context.table, context.dataset)
        if table.factors is None:
            names = [name for name in names if not self._metrics[name].needs_factors]
        if table.is_finite:
            # each process computes some of the metrics
            rank, world_size = context.trainer.global_rank, context.trainer.world_size
            levels: LevelChoice = self.levels if context.trainer.state.fn == "fit" else "all"
            tables = gather_computed(
                lambda: self._run_metrics(names[rank::world_size], table, self.sampling, levels), world_size
            )
            self.table = tables[0].merged(tables[1:]).ordered(names)
        else:
            self.table = self._undefined(names, table, context.generator)
        if context.trainer.is_global_zero:
            self.table_path = save_score_table(context.trainer, f"{self.group}assay/{self.name}", self.table)
        scalars = {f"{row.metric}/{row.variant}": row.value for row in self.table.rows}
        drawn = distinct_matrices(self.table)
        figures: dict[str, Any] = {
            f"{name}/matrix": partial(score_matrix_figure, result, names_of_factors) for name, result in drawn.items()
        }
        return AssayResult(
            scalars,
            figures=figures,
            arrays={name: result.matrix for name, result in drawn.items() if result.matrix is not None},
            tables={"scores": _columns_and_rows(self.table)},
            warnings=code_cautions(context.table),
        )

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        names = {
            "mig/score": "MIG",
            "dci/lightgbm_disentanglement": "DCI disentanglement",
            "dci/lightgbm_completeness": "completeness",
            "dci/lightgbm_informativeness_test": "informativeness on held-out rows",
            "infomec/modularity": "InfoM",
            "factor_vae_score/score": "FactorVAE score",
        }
        found = [f"{name} {number(scalars[key])}" for key, name in names.items() if defined(scalars.get(key, math.nan))]
        if found:
            yield f"{', '.join(found)}; the table lists their ceilings and chance levels."

    @override
    def summary_rows(self, scalars: Mapping[str, float]) -> Iterator[tuple[str, str]]:
        if self.table is None:
            return
        rows = {row.name: row for row in self.table.rows}
        for name, label in _SUMMARY_SCORES.items():
            if name in rows:
                yield label, _value_and_levels(rows[name])
        for metric, own in self._rows_by_metric(self.table).items():
            if metric in self._asked_for and not any(row.name in _SUMMARY_SCORES for row in own):
                yield from ((row.name, _value_and_levels(row)) for row in own)
        place = "" if self.table_path is None else f" in {self.table_path.parent.name}/{self.table_path.name}"
        yield "All scores", f"{len(rows)}{place}"

    @override
    def summary_table(self) -> Any:
        if not self.print_table or self.table is None:
            return None
        return score_report(self.table.rows, "Disentanglement")

    @override
    def is_due(self, trainer: Trainer) -> bool:
        return bool(self._due_metrics(trainer))

    def _due_metrics(self, trainer: Trainer) -> list[str]:
        """Return the metrics to run at this validation."""
        names: list[str] = []
        for metrics, period in (
            (self.metrics, self.every_n_validations),
            (self.final_metrics, self.final_every_n_validations),
        ):
            if self.falls_due(trainer, period):
                names += metrics
        return list(dict.fromkeys(names))

    def _rows_by_metric(self, table: ScoreTable) -> dict[str, list[ScoreRow]]:
        """Return the rows of each metric, whose name the names of its scores begin with."""
        found: dict[str, list[ScoreRow]] = {}
        for row in table.rows:
            names = [name for name in self._metrics if row.name == name or row.name.startswith(f"{name}_")]
            if names:
                found.setdefault(max(names, key=len), []).append(row)
        return found

    def _run_metrics(self, names: list[str], table: CodeTable, sampling: Sampling, levels: LevelChoice) -> ScoreTable:
        if not names:
            return ScoreTable((), {})
        chosen = {name: self._metrics[name] for name in names}
        cache = cache_of_the_process()
        suite = DisentanglementSuite(chosen, sampling, self.num_repeats, levels=levels, level_cache=cache)
        return suite.run(table.codes, table.factors, table.log_variances)

    def _undefined(self, names: list[str], table: CodeTable, generator: torch.Generator) -> ScoreTable:
        """Return a table with all scores of the metrics, each NaN."""
        warnings.warn("the codes are not finite: all disentanglement scores are NaN", stacklevel=2)
        # the names of the scores, found with random codes of the same shape
        count = min(60, len(table.codes))
        codes = torch.randn(count, table.codes.shape[1], generator=generator)
        log_variances = None if table.log_variances is None else torch.zeros_like(codes)
        factors = None if table.factors is None else table.factors[:count]
        sampling = Sampling(codes=self.sampling.codes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = self._run_metrics(names, CodeTable(codes, log_variances, factors), sampling, "none").rows
        return ScoreTable(tuple(map(_undefined_row, rows)), {})


def _undefined_row(row: ScoreRow) -> ScoreRow:
    return row._replace(
        value=torch.nan,
        standard_error=None,
        low=None,
        high=None,
        error_over=None,
        ceiling=None,
        chance=None,
        num_train=0,
        num_test=0,
    )


def _varying_factors(table: CodeTable, dataset: Any) -> tuple[CodeTable, list[str] | None]:
    """Return the table without factors that are constant in the whole data set, and the names of the rest.

    If the factors of the table are not those of the data set, return it unchanged, without names.
    """
    space = getattr(dataset, "factor_space", None)
    if space is None or table.factors is None or len(space.names) != table.factors.shape[1]:
        return table, None
    varying = [k for k, size in enumerate(space.sizes) if size > 1]
    return table._replace(factors=table.factors[:, varying]), [space.names[k] for k in varying]


def _columns_and_rows(table: ScoreTable) -> tuple[list[str], list[list[float | str]]]:
    """Return columns and rows for W&B; unknown numbers are NaN, unknown texts are empty."""
    columns = [name for name in ScoreRow._fields if name != "higher_is_better"]
    rows: list[list[float | str]] = []
    for row in table.rows:
        named = [(name, getattr(row, name)) for name in columns]
        unknown = {"error_over": ""}
        rows.append([unknown.get(name, torch.nan) if value is None else value for name, value in named])
    return columns, rows


_SUMMARY_SCORES = {
    "mig": "MIG",
    "dci_lightgbm_disentanglement": "DCI disentanglement",
    "dci_lightgbm_completeness": "DCI completeness",
    "dci_lightgbm_informativeness_test": "DCI informativeness",
    "infomec_modularity": "InfoM",
    "infomec_compactness": "InfoC",
    "infomec_explicitness": "InfoE",
}
"""Rows of the score table that are shown in the summary at the end of a run."""

_BROAD_GROUPS = ("all", "default", "fast", "study")
"""Groups of which the summary shows only the scores above; metrics of others are shown, as if they were named."""


def _value_and_levels(row: ScoreRow) -> str:
    levels = (("chance", row.chance), ("ceiling", row.ceiling))
    return ", ".join([f"{row.value:.3f}", *(f"{level} {value:.3f}" for level, value in levels if value is not None)])
