"""Studies: many runs of one design, their scores in one table, and what the table shows."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lr_lightning.study.analysis.group_summaries import scores_by_objective, scores_by_strength
    from lr_lightning.study.analysis.learning_curves import learning_curve_summary, learning_curves
    from lr_lightning.study.analysis.missing_scores import missing_scores
    from lr_lightning.study.analysis.model_selection import model_selection
    from lr_lightning.study.analysis.rank_correlation import rank_correlations
    from lr_lightning.study.analysis.runs import scores_of_runs
    from lr_lightning.study.analysis.transfer import transfer, transfer_summary
    from lr_lightning.study.analysis.variance_shares import variance_shares
    from lr_lightning.study.table import read_coverage, read_table

__all__ = [
    "learning_curve_summary",
    "learning_curves",
    "missing_scores",
    "model_selection",
    "rank_correlations",
    "read_coverage",
    "read_table",
    "scores_by_objective",
    "scores_by_strength",
    "scores_of_runs",
    "transfer",
    "transfer_summary",
    "variance_shares",
]

_MODULES = {
    "learning_curve_summary": "analysis.learning_curves",
    "learning_curves": "analysis.learning_curves",
    "missing_scores": "analysis.missing_scores",
    "model_selection": "analysis.model_selection",
    "rank_correlations": "analysis.rank_correlation",
    "read_coverage": "table",
    "read_table": "table",
    "scores_by_objective": "analysis.group_summaries",
    "scores_by_strength": "analysis.group_summaries",
    "scores_of_runs": "analysis.runs",
    "transfer": "analysis.transfer",
    "transfer_summary": "analysis.transfer",
    "variance_shares": "analysis.variance_shares",
}
"""Module of each public name, in this package."""


def __getattr__(name: str) -> Any:
    """Import a name on first use: the commands that do without pandas start in a fraction of its import time."""
    if name in _MODULES:
        return getattr(import_module(f"lr_lightning.study.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
