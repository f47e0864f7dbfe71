"""The latent response matrix and its graph in validation."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Literal

import torch
from typing_extensions import override

from lr_lightning.assays import donor_permutations, prior_samples, response_matrix, response_scores, score_warnings
from lr_lightning.assays.response_graph import response_graph
from lr_lightning.assays.response_matrix import Convention
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import count, defined, of_latents, percent
from lr_lightning.common.checks import check_at_least, check_choice
from lr_lightning.plots import response_matrix_figure
from lr_lightning.plots.response_graph import response_graph_figure

_LEEB2021_POOL = 10_000
"""Number of codes that the preset ``leeb2021`` draws base codes and donors from."""


class ResponseMatrixAssay(AssayCallback):
    """Logs which latents respond when one is replaced; see :func:`lr_lightning.assays.response_matrix`.

    Scalars under ``assay/response_matrix/``: ``active_latents`` (number of latents whose response to their own change
    exceeds half their spread, the standard deviation of the base codes), ``independence``, ``directedness`` and
    ``effective_dimension``, and of the graph of effects between active latents
    (:func:`lr_lightning.assays.response_graph`, with thresholds in multiples of the spread) ``bidirectional_edges``,
    ``directed_edges`` and ``latent_groups``. The matrix is drawn as a heat map, logged as a table and saved to
    ``assays/``; the graph is drawn.

    Args:
        num_samples: Number of base codes, drawn from the validation set.
        preset: ``"paper"``: posterior means with donors from their marginals, and the factor 1/2. ``"release"``: base
            and donors from the prior, without the factor, as in the authors' code; for models whose codes follow the
            prior. ``"leeb2021"``: base and donors drawn with replacement from the posterior means of 10,000 samples,
            so that a code may donate to itself, without the factor, as in the authors' evaluation of 2021.
        active_threshold: Response to its own change above which a latent is active, in multiples of its spread.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of the base codes and donors.

    Raises:
        ValueError: If ``num_samples`` is below 2, ``preset`` is unknown or ``active_threshold`` is negative.
    """

    name = "response_matrix"
    summary = "Which latents respond when one is replaced, as a matrix and a graph"
    size_argument = "num_samples"
    captions = {
        "matrix": "Row: the latent that was replaced. Column: the latent that responds after decoding and encoding. A "
        "bright diagonal alone means that latents keep their own values and do not affect each other.",
        "graph": "Active latents, with arrows from those that were replaced to those that respond. Two latents joined "
        "both ways often encode one circular factor.",
    }
    headlines = {"active_latents": "Active latents"}
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
        preset: Literal["paper", "release", "leeb2021"] = "paper",
        active_threshold: float = 0.5,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_samples", num_samples, 2)
        check_choice("preset", preset, ("paper", "release", "leeb2021"))
        check_at_least("active_threshold", active_threshold, 0)
        self.num_samples = num_samples
        self.preset = preset
        self.active_threshold = active_threshold

    @override
    def run(self, context: AssayContext) -> AssayResult:
        generator, dim = context.generator, context.table.codes.shape[1]
        convention: Convention = "paper" if self.preset == "paper" else "release"
        measure = partial(response_matrix, context.sharded_model(), convention=convention, progress=context.progress)
        if self.preset == "paper":
            base = context.draw_codes(self.num_samples)
            order = donor_permutations(len(base), dim, generator)
            donors, result = base.gather(0, order), measure(base, donor_rows=order)
        elif self.preset == "leeb2021":
            donors = context.draw_codes(_LEEB2021_POOL)
            base = donors[torch.randint(len(donors), (self.num_samples,), generator=generator)]
            result = measure(base, donors, generator=generator)
        else:
            base = prior_samples(self.num_samples, dim, generator)
            donors = prior_samples(self.num_samples, dim, generator)
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

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        active, independence = scalars["active_latents"], scalars["independence"]
        yield f"{of_latents(active, latent_dim)} active by their response to their own change."
        if defined(independence):
            yield (
                f"{percent(independence)} of the squared effect of replacing an active latent falls on that latent "
                "itself (independence), the rest on other latents."
            )
        if active and not scalars["bidirectional_edges"] + scalars["directed_edges"]:
            yield "No active latent affects another: each forms its own group."
        elif active:
            yield (
                f"Effects join the active latents into {count(scalars['latent_groups'], 'group')}, by "
                f"{count(scalars['bidirectional_edges'], 'two-way effect')} and "
                f"{count(scalars['directed_edges'], 'one-way effect')}."
            )

    @override
    def summary_rows(self, scalars: Mapping[str, float]) -> Iterator[tuple[str, str]]:
        yield "Active latents", f"{scalars['active_latents']:.0f}, by the response to their own change"
