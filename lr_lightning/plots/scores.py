"""The matrices that disentanglement scores are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lr_lightning.plots.matrix import matrix_heatmap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lr_lightning.metrics.core.result import MetricResult
    from lr_lightning.metrics.score_table import ScoreTable


def distinct_matrices(table: ScoreTable) -> dict[str, MetricResult]:
    """Return the results that have a matrix, by name, keeping only one of several results with the same matrix."""
    distinct: dict[str, MetricResult] = {}
    for name, result in table.results.items():
        if result.matrix is not None and not any(_same_matrix(result, other) for other in distinct.values()):
            distinct[name] = result
    return distinct


def _same_matrix(one: MetricResult, other: MetricResult) -> bool:
    """Return whether two results have the same matrix. Compares entries: results of other processes are copies."""
    if one.matrix is None or other.matrix is None or one.matrix.shape != other.matrix.shape:
        return False
    same_meaning = (one.matrix_label, one.matrix_axes) == (other.matrix_label, other.matrix_axes)
    return same_meaning and one.matrix.allclose(other.matrix, rtol=0.0, atol=0.0, equal_nan=True)


def score_matrix_figure(
    result: MetricResult, factor_names: Sequence[str] | None = None, *, title: str | None = None
) -> Figure:
    """Draw the matrix that scores were computed from.

    Args:
        result: Result with a matrix, usually with latents in rows and factors in columns.
        factor_names: Name of each factor; numbers if ``None``.
        title: Title of the figure; the scores if ``None``.

    Raises:
        ValueError: If ``result`` has no matrix, or there is not one name per factor.
    """
    if result.matrix is None:
        raise ValueError(f"result must have a matrix to draw, which {result.metric} does not")
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
