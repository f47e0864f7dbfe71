"""The shape of codes along each factor, in validation."""

from collections.abc import Iterator, Mapping

from typing_extensions import override

from lr_lightning.assays.factor_topology import TOPOLOGIES, Templates, factor_topology
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.encoded_traversals import encoded_traversals
from lr_lightning.callbacks.needs import full_factor_grid
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import defined, number
from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.plots.factor_topology import factor_topology_figure


class FactorTopologyAssay(AssayCallback):
    """Logs whether codes along each factor are arranged as categories, on a line or on a circle.

    See :func:`lr_lightning.assays.factor_topology`. Scalars under ``assay/factor_topology/``, for each factor with at
    least 3 values: the fits ``<factor>_categorical``, ``<factor>_sequential`` and ``<factor>_periodic``, and
    ``<factor>_margin``. The distances are drawn and saved to ``assays/``; fits and the best template are logged as a
    table.

    Args:
        num_traversals: Traversals of each factor.
        templates: ``"geometric"`` or ``"linear"``.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the traversals.

    Raises:
        ValueError: If ``num_traversals`` is below 1 or ``templates`` is unknown.
    """

    name = "factor_topology"
    summary = "Whether codes along a factor are arranged as categories, on a line or on a circle"
    needs = (full_factor_grid,)
    captions = {
        "distances": "Squared distances between the codes of a factor's values, next to those of categories, a line "
        "and a circle. The best fit is framed."
    }
    quantities = (*(f"*_{topology}" for topology in TOPOLOGIES), "*_margin")

    def __init__(
        self,
        num_traversals: int = 50,
        templates: Templates = "geometric",
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_traversals", num_traversals, 1)
        check_choice("templates", templates, ("geometric", "linear"))
        self.num_traversals = num_traversals
        self.templates: Templates = templates

    @override
    def run(self, context: AssayContext) -> AssayResult:
        result = factor_topology(encoded_traversals(context, self.num_traversals), templates=self.templates)
        names = list(context.dataset.factor_space.names)
        fits, margins = result.fit.tolist(), result.margin.tolist()
        scalars: dict[str, float] = {}
        for name, count, row, margin in zip(names, result.num_values, fits, margins, strict=True):
            if count > 2:  # with fewer values all templates are equal
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

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        words = {"categorical": "as categories", "sequential": "on a line", "periodic": "on a circle"}
        shapes: dict[str, list[str]] = {}
        details = []
        for factor in [key.removesuffix("_margin") for key in scalars if key.endswith("_margin")]:
            fits = {shape: scalars[f"{factor}_{shape}"] for shape in words}
            if not defined(*fits.values()):
                details.append(f"Codes do not change along {factor}.")
                continue
            second, best = sorted(fits, key=fits.__getitem__)[-2:]
            shapes.setdefault(best, []).append(factor)
            details.append(
                f"Along {factor} the fit is {number(fits[best])} of 1; the next best shape fits by "
                f"{number(fits[second])}."
            )
        if shapes:
            parts = [f"{words[shape]} along {', '.join(factors)}" for shape, factors in shapes.items()]
            yield f"By the best fit, codes lie {'; '.join(parts)}."
        yield from details
