"""The latent response matrix and its graph in validation."""

from functools import partial
from typing import Literal

import torch
from typing_extensions import override

from lr_lightning.assays import donor_permutations, prior_samples, response_matrix, response_scores, score_warnings
from lr_lightning.assays.response_graph import response_graph
from lr_lightning.callbacks.assay import AssayCallback, AssayContext, AssayResult
from lr_lightning.plots import response_matrix_figure
from lr_lightning.plots.response_graph import response_graph_figure


class ResponseMatrixAssay(AssayCallback):
    """Logs which latents answer when one is replaced; see :func:`lr_lightning.assays.response_matrix`.

    Scalars under ``assay/response_matrix/``: ``active_latents`` (number whose response to their own change exceeds half
    their spread, the standard deviation of the base codes), ``independence``, ``directedness`` and
    ``effective_dimension``, and of the graph of effects between active latents
    (:func:`lr_lightning.assays.response_graph`, with thresholds in multiples of the spread) ``bidirectional_edges``,
    ``directed_edges`` and ``latent_groups``. The matrix goes to a heat map, to a table and to ``assays/``, the graph to
    a figure.

    Args:
        num_samples: Base codes, drawn from the validation set.
        preset: ``"paper"``: posterior means with donors from their marginals, and the factor 1/2. ``"release"``: base
            and donors from the prior, without it, as in the authors' code: for models whose codes follow the prior.
        active_threshold: Response to its own change above which a latent is active, in multiples of its spread.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the base codes and donors.

    Raises:
        ValueError: If ``num_samples`` is below 2, ``preset`` is unknown or ``active_threshold`` is negative.
    """

    name = "response_matrix"
    quantities = (
        "active_latents",
        "independence",
        "directedness",
        "effective_dimension",
        "bidirectional_edges",
        "directed_edges",
        "latent_groups",
    )

    def __init__(
        self,
        num_samples: int = 256,
        preset: Literal["paper", "release"] = "paper",
        active_threshold: float = 0.5,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        if num_samples < 2:
            raise ValueError(f"num_samples must be at least 2, got {num_samples}")
        if preset not in ("paper", "release"):
            raise ValueError(f"preset must be 'paper' or 'release', got {preset!r}")
        if not active_threshold >= 0:
            raise ValueError(f"active_threshold must not be negative, got {active_threshold}")
        self.num_samples = num_samples
        self.preset = preset
        self.active_threshold = active_threshold

    @override
    def run(self, context: AssayContext) -> AssayResult:
        codes, generator = context.table.codes, context.generator
        measure = partial(response_matrix, context.sharded_model(), convention=self.preset, progress=context.progress)
        if self.preset == "paper":
            base = codes[torch.randperm(len(codes), generator=generator)[: self.num_samples]]
            order = donor_permutations(len(base), base.shape[1], generator)
            donors, result = base.gather(0, order), measure(base, donor_rows=order)
        else:
            base = prior_samples(self.num_samples, codes.shape[1], generator)
            donors = prior_samples(self.num_samples, codes.shape[1], generator)
            result = measure(base, donors, pair=True)
        spread = base.std(dim=0, correction=0)
        scores = response_scores(result.matrix, self.active_threshold, spread)
        graph = response_graph(result.matrix, threshold=self.active_threshold, spread=spread)
        latents = [str(latent) for latent in result.latents]
        rows = [[name, *row] for name, row in zip(latents, result.matrix.tolist(), strict=True)]
        return AssayResult(
            scalars={
                "active_latents": int(scores.active.sum()),
                "independence": float(scores.independence),
                "directedness": float(scores.directedness),
                "effective_dimension": float(scores.effective_dimension),
                "bidirectional_edges": len(graph.bidirectional),
                "directed_edges": len(graph.directed),
                "latent_groups": len(graph.groups),
            },
            figures={
                "matrix": lambda: response_matrix_figure(result),
                "graph": lambda: response_graph_figure(graph),
            },
            arrays={"matrix": result.matrix, "standard_error": result.standard_error, "base": base, "donors": donors},
            tables={"table": (["intervened", *latents], rows)},
            warnings=score_warnings(responses=result, active_threshold=self.active_threshold, spread=spread),
        )
