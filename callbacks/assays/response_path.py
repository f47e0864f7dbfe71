"""Paths of small response between codes, in validation."""

from collections.abc import Iterator, Mapping
from statistics import fmean

import torch
from typing_extensions import override

from lr_lightning.assays.code_path import code_graph, code_path, random_pairs
from lr_lightning.assays.response_path import compare_with_line
from lr_lightning.assays.starts import starting_codes
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import defined, number
from lr_lightning.common.checks import check_at_least
from lr_lightning.plots.response_path import path_cost_figure, path_strip_figure


class ResponsePathAssay(AssayCallback):
    """Logs the cost of paths between validation codes, compared with straight lines between the same endpoints.

    See :func:`lr_lightning.assays.code_path` and :func:`lr_lightning.assays.compare_with_line`. Scalars under
    ``assay/response_path/``, means over the pairs, with the prefixes ``path_`` and ``line_``: ``cost`` (mean squared
    response, in squared latent units), ``length`` (latent units) and ``observation_error`` (data range). NaN if all
    codes are equal. The figures show the first pair.

    Args:
        num_samples: Number of codes that paths may pass through, drawn from the validation set.
        num_pairs: Number of pairs of codes.
        num_neighbors: Number of nearest neighbors that each code is joined to.
        num_points: Number of points on each path and line.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the codes and pairs.

    Raises:
        ValueError: If a number is too small.
    """

    name = "response_path"
    summary = "Paths between codes along which the response is small, compared with straight lines"
    size_argument = "num_samples"
    captions = {
        "cost": "How far decoding and encoding moves the points of a path and of the straight line between the same "
        "codes, for the first pair. It is low where the model knows what it decodes.",
        "images": "Decoded images along the same path and line.",
    }
    quantities = (
        "path_cost",
        "path_length",
        "path_observation_error",
        "line_cost",
        "line_length",
        "line_observation_error",
    )

    def __init__(
        self,
        num_samples: int = 128,
        num_pairs: int = 4,
        num_neighbors: int = 10,
        num_points: int = 32,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_samples", num_samples, 2)
        check_at_least("num_pairs", num_pairs, 1)
        check_at_least("num_neighbors", num_neighbors, 1)
        check_at_least("num_points", num_points, 2)
        self.num_samples = num_samples
        self.num_pairs = num_pairs
        self.num_neighbors = num_neighbors
        self.num_points = num_points

    @override
    def run(self, context: AssayContext) -> AssayResult:
        codes = starting_codes("posterior", context.table.codes, self.num_samples, context.generator)
        graph = code_graph(context.sharded_model(), codes, num_neighbors=self.num_neighbors, progress=context.progress)
        pairs = random_pairs(codes, self.num_pairs, context.generator)
        comparisons = [
            compare_with_line(context.autoencoder, code_path(graph, start, end).codes, num_points=self.num_points)
            for start, end in pairs.tolist()
        ]
        scalars: dict[str, float] = {}
        for name in ("path", "line"):
            profiles = [getattr(comparison, name) for comparison in comparisons]
            for quantity, attribute in (
                ("cost", "mean_cost"),
                ("length", "length"),
                ("observation_error", "observation_error"),
            ):
                values = [getattr(profile, attribute) for profile in profiles]
                scalars[f"{name}_{quantity}"] = fmean(values) if values else torch.nan
        if not comparisons:
            return AssayResult(scalars)
        first = comparisons[0]
        figures = {"cost": lambda: path_cost_figure(first)}
        if first.path.images.ndim == 4 and first.path.images.shape[1] in (1, 3):
            figures["images"] = lambda: path_strip_figure(first)
        arrays = {"codes": codes, "pairs": pairs, "path": first.path.codes, "path_cost": first.path.costs}
        return AssayResult(scalars, figures, arrays)

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        path, line = scalars["path_cost"], scalars["line_cost"]
        if not defined(path, line):
            yield "There is no path, since all codes are equal."
            return
        verdict = "cheaper than" if path < line else "no cheaper than"
        yield (
            f"Paths through codes are {verdict} straight lines: their mean squared response is {number(path)} against "
            f"{number(line)}, and their length {number(scalars['path_length'])} against "
            f"{number(scalars['line_length'])}."
        )
