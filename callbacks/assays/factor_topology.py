"""The shape of codes along each factor, in validation."""

from typing_extensions import override

from lr_lightning.assays.factor_topology import TOPOLOGIES, Templates, factor_topology
from lr_lightning.callbacks.assay import AssayCallback, AssayContext, AssayResult
from lr_lightning.callbacks.encoded_traversals import encoded_traversals
from lr_lightning.plots.factor_topology import factor_topology_figure


class FactorTopologyAssay(AssayCallback):
    """Logs whether codes along each factor lie like categories, on a line or on a circle.

    See :func:`lr_lightning.assays.factor_topology`. Scalars under ``assay/factor_topology/``, for each factor with 3
    values or more: ``<factor>_categorical``, ``<factor>_sequential`` and ``<factor>_periodic``, its fits, and
    ``<factor>_margin``. The distances go to a figure and to ``assays/``, fits and the best template to a table.

    Args:
        num_traversals: Traversals of each factor.
        templates: ``"geometric"`` or ``"linear"``.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the traversals.

    Raises:
        ValueError: If ``num_traversals`` is below 1 or ``templates`` is unknown, or at the start of a run if the data
            have no full grid of factors.
    """

    name = "factor_topology"
    quantities = (*(f"*_{topology}" for topology in TOPOLOGIES), "*_margin")

    def __init__(
        self,
        num_traversals: int = 50,
        templates: Templates = "geometric",
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        if num_traversals < 1:
            raise ValueError(f"num_traversals must be at least 1, got {num_traversals}")
        if templates not in ("geometric", "linear"):
            raise ValueError(f"templates must be 'geometric' or 'linear', got {templates!r}")
        self.num_traversals = num_traversals
        self.templates: Templates = templates

    @override
    def run(self, context: AssayContext) -> AssayResult:
        result = factor_topology(encoded_traversals(context, self.num_traversals), templates=self.templates)
        names = list(context.dataset.factor_space.names)
        fits, margins = result.fit.tolist(), result.margin.tolist()
        scalars: dict[str, float] = {}
        for name, count, row, margin in zip(names, result.num_values, fits, margins, strict=True):
            if count > 2:  # else all templates are alike
                scalars |= {f"{name}_{topology}": fit for topology, fit in zip(TOPOLOGIES, row, strict=True)}
                scalars[f"{name}_margin"] = margin
        rows: list[list[float | str]] = [
            [name, best or "undecided", *row, margin]
            for name, best, row, margin in zip(names, result.best, fits, margins, strict=True)
        ]
        return AssayResult(
            scalars=scalars,
            figures={"distances": lambda: factor_topology_figure(result, names)} if max(result.num_values) > 1 else {},
            arrays={"fit": result.fit, "standard_error": result.standard_error}
            | {f"distances_{name}": matrix for name, matrix in zip(names, result.distances, strict=True)},
            tables={"table": (["factor", "best", *TOPOLOGIES, "margin"], rows)},
        )
