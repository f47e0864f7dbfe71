"""Distances between the codes of a factor's values, next to the templates they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from lr_lightning.assays.factor_topology import TOPOLOGIES, FactorTopology, topology_templates
from lr_lightning.plots.style import MISSING_COLOR, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure


def factor_topology_figure(
    result: FactorTopology, factor_names: Sequence[str] | None = None, *, title: str = "Topology of each factor's codes"
) -> Figure:
    """Draw the squared distances between each factor's codes, next to the three templates with their fits.

    The best template of each factor is framed. Factors with fewer than 2 values are not drawn.

    Args:
        result: Topology of the factors.
        factor_names: Name of each factor; those of the result if ``None``, or numbers if it has none.
        title: Title of the figure.

    Raises:
        ValueError: If there is not one name per factor, or no factor has two values.
    """
    known = result.factor_names if factor_names is None else factor_names
    names = [str(factor) for factor in range(len(result.fit))] if known is None else list(known)
    if len(names) != len(result.fit):
        raise ValueError(f"factor_names must have {len(result.fit)} names, one per factor, got {names}")
    shown = [factor for factor, count in enumerate(result.num_values) if count > 1]
    if not shown:
        raise ValueError(f"result must have a factor with at least 2 values, got {list(result.num_values)}")
    figure = new_figure(8.0, 1.1 + 1.75 * len(shown))
    grid = figure.subplots(len(shown), 4, squeeze=False)
    for axes_row, factor in zip(grid, shown, strict=True):
        mesh = _draw_distances(axes_row[0], result.distances[factor])
        axes_row[0].set_ylabel(f"{names[factor]}\n({result.num_values[factor]} values)", fontsize=10)
        axes_row[0].set_title(f"extent {float(result.extent[factor]):.2g}", fontsize=9)
        templates = topology_templates(result.num_values[factor], result.templates)
        for axes, name, template, fit, error in zip(
            axes_row[1:],
            TOPOLOGIES,
            templates,
            result.fit[factor].tolist(),
            result.standard_error[factor].tolist(),
            strict=True,
        ):
            _draw_distances(axes, template)
            axes.set_title(f"{name}\n{_with_error(fit, error)}", fontsize=9)
            if name == result.best[factor]:
                axes.spines[:].set(visible=True, color="#D55E00", linewidth=3)
                axes.title.set_fontweight("bold")
    figure.suptitle(f"{title}\nleft: codes, with extent in latent units; right: templates, with fit (best one framed)")
    figure.colorbar(mesh, ax=grid.ravel().tolist(), label="squared distance / maximum", shrink=0.8, aspect=30)
    return figure


def _draw_distances(axes: Axes, distances: Tensor) -> QuadMesh:
    mesh = axes.pcolormesh(distances.numpy(), cmap="viridis", vmin=0, vmax=1)
    axes.set(xticks=[], yticks=[], facecolor=MISSING_COLOR)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    return mesh


def _with_error(fit: float, error: float) -> str:
    if fit != fit:  # NaN
        return "no fit"
    return f"{fit:.3f}" if error != error else f"{fit:.3f} ± {error:.3f}"
