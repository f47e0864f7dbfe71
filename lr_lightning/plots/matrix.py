"""Heat maps of matrices with labeled axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from lr_lightning.assays.conditioned_response import ConditionedResponseMatrix
from lr_lightning.assays.response_matrix import ResponseMatrix
from lr_lightning.plots.style import MISSING_COLOR, new_figure, tick_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

ANNOTATED_CELLS = 13
"""Largest number of columns (and rows) for which a number fits into each cell."""


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
    width: float = 8.0,
) -> Figure:
    """Draw a matrix as colored cells, with row 0 at the top.

    Nonnegative matrices use a sequential color map from 0 (viridis), signed ones a diverging color map centered at 0
    (purple below, orange above). Undefined (NaN) cells are gray and crossed out.

    Args:
        matrix: Shape ``(R, C)``.
        title: Title of the figure.
        colorbar_label: Label of the color bar, with the unit.
        row_axis: Label of the row axis.
        column_axis: Label of the column axis.
        row_labels: Label of each row; numbers if ``None``.
        column_labels: Label of each column; numbers if ``None``.
        signed: Whether to use the diverging color map; if ``None``, only if there are negative entries.
        limit: Largest absolute value of the color scale, to make figures comparable; that of ``matrix`` if ``None``.
        annotate: Whether to write the numbers into the cells; if ``None``, for at most 13 rows and columns.
        width: Width of the figure in inches; a matrix with long labels, or many numbers, needs more.

    Raises:
        ValueError: If ``matrix`` is not two-dimensional or is empty, or there is not one label per row or column.
    """
    if matrix.ndim != 2 or not matrix.numel():
        raise ValueError(f"matrix must have shape (R, C) with at least one entry, got {tuple(matrix.shape)}")
    values = matrix.detach().double().cpu()
    num_rows, num_columns = values.shape
    rows = _labels("row", row_labels, num_rows)
    columns = _labels("column", column_labels, num_columns)
    finite = values[values.isfinite()]
    signed = bool((finite < 0).any()) if signed is None else signed
    top = limit or (float(finite.abs().max()) if finite.numel() else 0.0) or 1.0  # for zeros only, any scale will do

    cell = min(0.62, max((width - 1.8) / num_columns, 0.07))  # inches
    square = num_rows * 4 >= num_columns
    figure = new_figure(width, min(width + 1.0, max(3.0, 1.3 + cell * num_rows)), equal_aspect=square)
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
    width = min(0.08, 0.025 * max(1.0, 10 / num_columns))  # in units of the axes, which are narrow if columns are few
    bar = axes.inset_axes((1.02, 0.0, width, 1.0))  # as high as the cells, regardless of their aspect ratio
    figure.colorbar(mesh, cax=bar, label=colorbar_label)
    return figure


def response_matrix_figure(
    result: ResponseMatrix, *, title: str = "Latent response matrix", limit: float | None = None
) -> Figure:
    """Draw a response matrix with intervened latents in rows and responding latents in columns.

    Args:
        result: Response matrix; the columns of inactive latents are crossed out.
        title: Title of the figure.
        limit: Upper end of the color scale; the largest entry if ``None``.
    """
    return matrix_heatmap(
        result.matrix,
        title=f"{title}\n{result.distance}, {result.convention} convention, {result.num_samples:,} samples",
        colorbar_label=f"response [{'multiples of scale' if result.scaled else 'latent units'}]",
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
    """Draw a conditioned response matrix with factors in rows and latents in columns.

    The title states between which samples latents were exchanged, and rows of matched pairs their numbers of groups.

    Args:
        result: Conditioned response matrix; the rows of factors that cannot be varied are crossed out.
        factor_names: Name of each factor; those of the result if ``None``, or numbers if it has none.
        title: Title of the figure.
        limit: Upper end of the color scale; the largest entry if ``None``.

    Raises:
        ValueError: If there is not one name per factor.
    """
    labels = _labels("row", factor_names or result.factor_names, len(result.matrix))
    reduced = f"{result.reduction} of {max(result.num_traversals)}"
    what, row_axis = f"{reduced} traversals", "factor"
    if result.pairs is not None and result.pairs.pairing == "marginal":
        title, what = f"{title}, marginal (other factors vary too)", f"{what} of {result.num_samples} pairs"
    elif result.pairs is not None:
        title, what = f"{title}, matched samples", f"{result.reduction} of at most {max(result.num_traversals)} groups"
        labels = [f"{name} ({number:,})" for name, number in zip(labels, result.pairs.num_groups, strict=True)]
        row_axis = "factor (groups found)"
    return matrix_heatmap(
        result.matrix,
        title=f"{title}\n{result.variant}, {result.convention} convention, {what}",
        colorbar_label="response [latent units]",
        row_axis=row_axis,
        column_axis="latent",
        row_labels=labels,
        limit=limit,
    )


def _labels(what: str, labels: Sequence[str] | None, count: int) -> list[str]:
    if labels is None:
        return [str(number) for number in range(count)]
    if len(labels) != count:
        raise ValueError(f"{what}_labels must have {count} labels, got {list(labels)}")
    return list(labels)


def _name_ticks(axes: Axes, rows: list[str], columns: list[str]) -> None:
    """Put labels at the centers of cells; only every n-th if there are too many to read."""
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
    """Write each defined value into its cell, black on light cells and white on dark ones."""
    size = 9 if values.shape[1] <= 10 else 8
    counts = bool((values[values.isfinite()] == values[values.isfinite()].round()).all())
    for row, column in values.isfinite().nonzero().tolist():
        value = float(values[row, column])
        red, green, blue, _ = mesh.to_rgba(values[row, column].numpy())
        axes.text(
            column + 0.5,
            row + 0.5,
            _short_count(value) if counts else _short(value),
            color="black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white",  # by luma
            ha="center",
            va="center",
            fontsize=size,
            in_layout=False,  # it lies inside of the axes, and to measure it takes as long as to draw it
        )


def _short(value: float) -> str:
    """Return ``value`` in at most five characters; values that round to zero become "0", so that others stand out."""
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
