"""Heat maps of matrices, with names on both axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from lr_lightning.assays import ConditionedResponseMatrix, ResponseMatrix
from lr_lightning.plots.style import MISSING_COLOR, new_figure, tick_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

ANNOTATED_CELLS = 13
"""Largest number of columns (and rows) at which a number still fits into each cell."""


def matrix_heatmap(
    matrix: Tensor,
    *,
    title: str,
    colorbar_label: str,
    row_axis: str = "",
    column_axis: str = "",
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    signed: bool | None = None,
    limit: float | None = None,
    annotate: bool | None = None,
) -> Figure:
    """Draw a matrix as colored cells, row 0 on top.

    Values that are not negative run from 0 up (viridis). Signed ones have a diverging map centered on 0 (purple below,
    orange above). Undefined (NaN) cells are gray and crossed out.

    Args:
        matrix: Shape ``(R, C)``.
        title: Title of the figure.
        colorbar_label: What the colors stand for, with the unit.
        row_axis: What the rows are.
        column_axis: What the columns are.
        row_labels: Name of each row; numbers if ``None``.
        column_labels: Name of each column; numbers if ``None``.
        signed: Use the diverging map; if ``None``, where there is a negative entry.
        limit: Largest absolute value of the color scale, so that figures compare; that of ``matrix`` if ``None``.
        annotate: Write the numbers into the cells; if ``None``, for at most 13 rows and columns.

    Raises:
        ValueError: If ``matrix`` is not two-dimensional or empty, or labels are not as many as rows or columns.
    """
    if matrix.ndim != 2 or not matrix.numel():
        raise ValueError(f"a heat map needs a matrix (R, C), got shape {tuple(matrix.shape)}")
    values = matrix.detach().double().cpu()
    num_rows, num_columns = values.shape
    rows = _labels("row", row_labels, num_rows)
    columns = _labels("column", column_labels, num_columns)
    finite = values[values.isfinite()]
    signed = bool((finite < 0).any()) if signed is None else signed
    top = limit or (float(finite.abs().max()) if finite.numel() else 0.0) or 1.0  # zeros alone: any scale will do

    cell = min(0.62, max(6.2 / num_columns, 0.07))  # inches
    square = num_rows * 4 >= num_columns
    figure = new_figure(8.0, min(9.0, max(3.0, 1.3 + cell * num_rows)), equal_aspect=square)
    axes = figure.add_subplot()
    mesh = axes.pcolormesh(
        values.numpy(),
        cmap="PuOr_r" if signed else "viridis",
        vmin=-top if signed else 0.0,
        vmax=top,
        edgecolors="white",
        linewidth=0.5 if max(values.shape) <= 32 else 0,
    )
    axes.set(title=title, xlabel=column_axis, ylabel=row_axis, facecolor=MISSING_COLOR)
    axes.set_aspect("equal" if square else "auto")
    axes.invert_yaxis()
    _name_ticks(axes, rows, columns)
    _cross_out(axes, values)
    if max(values.shape) <= ANNOTATED_CELLS if annotate is None else annotate:
        _annotate(axes, mesh, values)
    width = min(0.08, 0.025 * max(1.0, 10 / num_columns))  # in units of the axes, which are narrow for few columns
    bar = axes.inset_axes((1.02, 0.0, width, 1.0))  # as high as the cells, whatever their aspect
    figure.colorbar(mesh, cax=bar, label=colorbar_label)
    return figure


def response_matrix_figure(
    result: ResponseMatrix, *, title: str = "Latent response matrix", limit: float | None = None
) -> Figure:
    """Draw a response matrix, intervened latents in rows, responding ones in columns.

    Args:
        result: Response matrix; inactive latents have crossed-out columns.
        title: Title of the figure.
        limit: Upper end of the color scale; the largest entry if ``None``.
    """
    return matrix_heatmap(
        result.matrix,
        title=f"{title}\n{result.distance}, {result.convention} convention, {result.num_samples:,} samples",
        colorbar_label=f"response [{'scale of the latent' if result.scaled else 'latent units'}]",
        row_axis="intervened latent",
        column_axis="responding latent",
        row_labels=[str(latent) for latent in result.latents],
        limit=limit,
    )


def conditioned_response_figure(
    result: ConditionedResponseMatrix,
    factor_names: Sequence[str] | None = None,
    *,
    title: str = "Conditioned response matrix",
    limit: float | None = None,
) -> Figure:
    """Draw a conditioned response matrix, factors in rows, latents in columns.

    Args:
        result: Conditioned response matrix; factors with a single value have crossed-out rows.
        factor_names: Name of each factor; numbers if ``None``.
        title: Title of the figure.
        limit: Upper end of the color scale; the largest entry if ``None``.

    Raises:
        ValueError: If there are more or fewer names than factors.
    """
    return matrix_heatmap(
        result.matrix,
        title=f"{title}\n{result.variant}, {result.convention} convention, "
        f"{result.reduction} of {max(result.num_traversals)} traversals",
        colorbar_label="response [latent units]",
        row_axis="factor",
        column_axis="latent",
        row_labels=factor_names,
        limit=limit,
    )


def _labels(what: str, labels: Sequence[str] | None, count: int) -> list[str]:
    if labels is None:
        return [str(number) for number in range(count)]
    if len(labels) != count:
        raise ValueError(f"expected {count} {what} labels, got {len(labels)}: {list(labels)}")
    return list(labels)


def _name_ticks(axes: Axes, rows: list[str], columns: list[str]) -> None:
    """Put labels at the middle of cells, every n-th where there are too many to read."""
    every_column = tick_step(len(columns), 26)
    every_row = tick_step(len(rows), 32)
    slanted = max(map(len, columns)) > 4
    axes.set_xticks(
        [number + 0.5 for number in range(0, len(columns), every_column)],
        columns[::every_column],
        rotation=40 if slanted else 0,
        ha="right" if slanted else "center",
    )
    axes.set_yticks([number + 0.5 for number in range(0, len(rows), every_row)], rows[::every_row])
    axes.tick_params(length=0)


def _cross_out(axes: Axes, values: Tensor) -> None:
    """Draw a thin cross over undefined cells."""
    for row, column in values.isnan().nonzero().tolist():
        for ends in ((row, row + 1), (row + 1, row)):
            axes.plot((column, column + 1), ends, color="white", linewidth=1, zorder=3)


def _annotate(axes: Axes, mesh: QuadMesh, values: Tensor) -> None:
    """Write each defined value into its cell, dark on light cells and light on dark ones."""
    size = 9 if values.shape[1] <= 10 else 8
    counts = bool((values[values.isfinite()] == values[values.isfinite()].round()).all())
    for row, column in values.isfinite().nonzero().tolist():
        value = float(values[row, column])
        red, green, blue, _ = mesh.to_rgba(values[row, column].numpy())
        axes.text(
            column + 0.5,
            row + 0.5,
            _short_count(value) if counts else _short(value),
            color="black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white",
            ha="center",
            va="center",
            fontsize=size,
        )


def _short(value: float) -> str:
    """Return ``value`` in at most five characters; what rounds to nothing as 0, so that the rest stands out."""
    if abs(value) < 0.005:
        return "0"
    return f"{value:.2f}" if abs(value) < 10 else _short_count(value)


def _short_count(value: float) -> str:
    """Return a large or whole number in at most six characters."""
    if abs(value) < 99_999.5:
        return f"{value:,.0f}"
    for unit, size in (("k", 1e3), ("M", 1e6), ("G", 1e9)):
        if abs(value) < 999.5 * size:
            return f"{value / size:.0f}{unit}"
    return f"{value:.0e}"
