"""The conditioned response matrix and its scores in validation."""

from collections.abc import Iterator, Mapping
from typing import Literal

from typing_extensions import override

from lr_lightning.assays import (
    bootstrap_interval,
    causal_completeness_score,
    causal_disentanglement_score,
    conditioned_response_matrix,
    owned_factors,
    permutation_null,
    score_warnings,
)
from lr_lightning.callbacks.assay import AssayCallback
from lr_lightning.callbacks.cautions import code_cautions
from lr_lightning.callbacks.context import AssayContext
from lr_lightning.callbacks.encoded_traversals import encoded_traversals
from lr_lightning.callbacks.needs import full_factor_grid
from lr_lightning.callbacks.result import AssayResult
from lr_lightning.callbacks.sentences import defined, number, percent
from lr_lightning.common.checks import check_at_least
from lr_lightning.plots import conditioned_response_figure


class ConditionedResponseAssay(AssayCallback):
    """Logs how each latent responds along each factor; see :func:`lr_lightning.assays.conditioned_response_matrix`.

    Scalars under ``assay/conditioned_response/``: ``cds``, ``cds_norm``, ``ccs``, ``ccs_norm``; ``owned_factors``, the
    share of factors that own a latent; ``cds_low`` and ``cds_high``, a 95 % interval over traversals
    (:func:`lr_lightning.assays.bootstrap_interval`; NaN for a single traversal); ``cds_chance``, the mean score with
    the factor labels of the traversals shuffled. The matrix is drawn as a heat map, logged as a table and saved to
    ``assays/``.

    In a test over the whole data set, traversals are looked up among its codes; otherwise they are encoded.

    Args:
        num_traversals: Traversals of each factor.
        num_samples: Interventions per traversal and latent.
        reduction: Over traversals, ``"mean"`` or ``"min"``.
        convention: ``"paper"`` or ``"release"``; scores do not depend on it.
        num_resamples: Resamples for the interval and permutations for chance.
        every_n_validations: How often to run; 0 for the last validation only.
        seed: Seed of traversals, bases and donors.

    Raises:
        ValueError: If a number is below 1.
    """

    name = "conditioned_response"
    summary = "Which latents respond along which factor, with CDS, CCS and chance"
    needs = (full_factor_grid,)
    report_options = {"num_traversals": 20, "num_samples": 16}
    captions = {
        "matrix": "Row: the factor along which latents were exchanged. Column: the latent that responds. One bright "
        "cell per column means that each latent encodes a single factor."
    }
    headlines = {"cds": "CDS", "cds_norm": "CDS_norm", "ccs": "CCS"}
    quantities = ("cds", "cds_norm", "cds_low", "cds_high", "cds_chance", "ccs", "ccs_norm", "owned_factors")

    def __init__(
        self,
        num_traversals: int = 50,
        num_samples: int = 32,
        reduction: Literal["mean", "min"] = "mean",
        convention: Literal["paper", "release"] = "paper",
        num_resamples: int = 200,
        every_n_validations: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_validations, seed)
        check_at_least("num_traversals", num_traversals, 1)
        check_at_least("num_samples", num_samples, 1)
        check_at_least("num_resamples", num_resamples, 1)
        self.num_traversals = num_traversals
        self.num_samples = num_samples
        self.reduction: Literal["mean", "min"] = reduction
        self.convention: Literal["paper", "release"] = convention
        self.num_resamples = num_resamples

    @override
    def run(self, context: AssayContext) -> AssayResult:
        result = conditioned_response_matrix(
            context.sharded_model(),
            encoded_traversals(context, self.num_traversals),
            num_samples=self.num_samples,
            reduction=self.reduction,
            convention=self.convention,
            generator=context.generator,
            progress=context.progress,
        )
        low, high = bootstrap_interval(result, num_resamples=self.num_resamples, generator=context.generator)
        null = permutation_null(result, num_permutations=self.num_resamples, generator=context.generator)
        names = list(context.dataset.factor_space.names)
        rows = [[name, *row] for name, row in zip(names, result.matrix.tolist(), strict=True)]
        return AssayResult(
            scalars={
                "cds": float(causal_disentanglement_score(result.matrix)),
                "cds_norm": float(causal_disentanglement_score(result.matrix, normalized=True)),
                "cds_low": float(low),
                "cds_high": float(high),
                "cds_chance": float(null.null.mean()),
                "ccs": float(causal_completeness_score(result.matrix)),
                "ccs_norm": float(causal_completeness_score(result.matrix, normalized=True)),
                "owned_factors": float(owned_factors(result.matrix)),
            },
            figures={"matrix": lambda: conditioned_response_figure(result, names)},
            arrays={"matrix": result.matrix}
            | {f"per_traversal_{name}": rows for name, rows in zip(names, result.per_traversal, strict=True)},
            tables={"table": (["factor", *map(str, range(result.matrix.shape[1]))], rows)},
            warnings=(
                *code_cautions(context.table),
                *score_warnings(conditioned=result, num_resamples=self.num_resamples, generator=context.generator),
            ),
        )

    @override
    def interpretations(self, scalars: Mapping[str, float], latent_dim: int) -> Iterator[str]:
        score, chance, low, high = (scalars[key] for key in ("cds", "cds_chance", "cds_low", "cds_high"))
        if not defined(score):
            yield "The causal disentanglement score (CDS) is undefined."
            return
        verdict = "above" if low > chance else "not above"
        yield (
            f"CDS is {number(score)}, {verdict} its chance level {number(chance)} "
            f"(95 % interval over traversals {number(low)} to {number(high)})."
        )
        yield f"Completeness (CCS) is {number(scalars['ccs'])}: 1 if a single latent responds to each factor."
        owned = percent(scalars["owned_factors"])
        yield f"{owned} of the factors own a latent that responds to no other factor as much."

    @override
    def summary_rows(self, scalars: Mapping[str, float]) -> Iterator[tuple[str, str]]:
        interval = f"[{scalars['cds_low']:.3f}, {scalars['cds_high']:.3f}] over traversals"
        yield "CDS", f"{scalars['cds']:.3f}, {interval}, chance {scalars['cds_chance']:.3f}"
        yield "CDS_norm", f"{scalars['cds_norm']:.3f}"
        yield "CCS", f"{scalars['ccs']:.3f}"
        yield "Factors owned", f"{scalars['owned_factors']:.0%}"
