"""The matrices behind disentanglement scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lr_lightning.plots.matrix import matrix_heatmap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lr_lightning.metrics.functional.result import MetricResult
    from lr_lightning.metrics.score_table import ScoreTable


def distinct_matrices(table: ScoreTable) -> dict[str, MetricResult]:
    """Return the results that have a matrix, without those whose matrix is that of another, by their names."""
    distinct: dict[str, MetricResult] = {}
    for name, result in table.results.items():
        if result.matrix is not None and all(result.matrix is not other.matrix for other in distinct.values()):
            distinct[name] = result
    return distinct


def score_matrix_figure(
    result: MetricResult, factor_names: Sequence[str] | None = None, *, title: str | None = None
) -> Figure:
    """Draw the matrix that scores were made from.

    Args:
        result: Result with a matrix, as a rule latents in rows and factors in columns.
        factor_names: Name of each factor; numbers if ``None``.
        title: Title; the scores if ``None``.

    Raises:
        ValueError: If ``result`` has no matrix, or there are more or fewer names than factors.
    """
    if result.matrix is None:
        raise ValueError(f"{result.metric} has no matrix to draw")
    rows, columns = result.matrix_axes
    scores = "\n".join(f"{name} {score.value:.3f}" for name, score in list(result.scores.items())[:4])
    return matrix_heatmap(
        result.matrix,
        title=scores if title is None else title,
        colorbar_label=result.matrix_label,
        row_axis=rows,
        column_axis=columns,
        row_labels=factor_names if "factor" in rows else None,
        column_labels=factor_names if "factor" in columns else None,
    )
